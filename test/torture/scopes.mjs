// kill -9 in the middle of scopes: the server is killed at random instants while many scopes run, and in the end what they
// came to, what they did, and what their partner was sent is compared with what one execution without a death would do.
import { fork } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort, pause, randomFrom } from './run.mjs'

/**
 * @typedef {object} Report
 * @property {number} kills how often the server was killed
 * @property {Map<string, Set<string>>} results what each scope came to
 * @property {Map<string, Set<string>>} messages what the partner was sent, by message id
 * @property {number} requests how often it was sent something
 * @property {Map<string, number>} effects how often each was done
 * @property {string[]} repeated effects that were done again when their result had been handed on
 */

/**
 * @param {{ kills: number, seed: number, names: string[] }} options
 * @returns {Promise<Report>}
 */
export async function tortureScopes({ kills, seed, names }) {
  const folder = mkdtempSync(join(tmpdir(), 'longline-scopes-'))
  const log = join(folder, 'log')
  writeFileSync(log, '')
  const random = randomFrom(seed)
  const port = await freePort()
  const partner = await openPartner()
  const start = () => startServer([join(folder, 'store.db'), String(port), log, partner.url])
  try {
    let victim = await start()
    await victim.begin(names)
    for (let kill = 1; kill <= kills; kill++) {
      await pause(20 + random() * 250)
      await victim.kill()
      victim = await start()
    }
    let told
    do {
      await pause(50)
      told = readLog(log)
    } while (told.results.size < 2 * names.length)
    await pause(500) // what is sent last is sent after the end
    await victim.kill()
    return { kills, ...readLog(log), ...partner.seen() }
  } finally {
    partner.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {string} log */
function readLog(log) {
  /** @type {Map<string, Set<string>>} */
  const results = new Map()
  /** @type {Map<string, number>} */
  const effects = new Map()
  const recorded = new Set()
  const repeated = []
  for (const line of readFileSync(log, 'utf8').split('\n').slice(0, -1)) {
    const [word, rest = ''] = [line.slice(0, line.indexOf(' ')), line.slice(line.indexOf(' ') + 1)]
    if (word === 'recorded') recorded.add(rest)
    else if (word === 'effect') {
      effects.set(rest, (effects.get(rest) ?? 0) + 1)
      if (recorded.has(rest)) repeated.push(rest)
    } else {
      const [name, result] = [rest.slice(0, rest.lastIndexOf(' ')), rest.slice(rest.lastIndexOf(' ') + 1)]
      results.set(name, new Set([...(results.get(name) ?? []), result]))
    }
  }
  return { results, effects, repeated }
}

/** The third party: it answers whoever asks, and comes again until it has been heard. */
async function openPartner() {
  /** @type {Map<string, Set<string>>} */
  const messages = new Map()
  let requests = 0
  let open = true
  const server = createServer((request, response) => {
    /** @type {Buffer[]} */
    const chunks = []
    request.on('data', chunk => chunks.push(chunk))
    request.on('end', () => {
      requests++
      const id = String(request.headers['webhook-id'])
      const body = Buffer.concat(chunks).toString()
      const isNew = !messages.has(id)
      messages.set(id, new Set([...(messages.get(id) ?? []), `${request.url} ${body}`]))
      response.end()
      const { url, turn } = JSON.parse(body)
      if (isNew && url !== undefined) void answer(url, turn)
    })
  })
  /** @param {string} url @param {number} n */
  const answer = async (url, n) => {
    while (open) {
      const answered = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'webhook-id': 'answer' },
        body: JSON.stringify({ n }),
      }).catch(() => undefined)
      if (answered?.ok) return
      await pause(10)
    }
  }
  await new Promise(resolve => server.listen(0, '127.0.0.1', () => resolve(undefined)))
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return {
    url: `http://127.0.0.1:${port}/in`,
    seen: () => ({ messages, requests }),
    close() {
      open = false
      server.close()
      server.closeAllConnections()
    },
  }
}

/** @param {string[]} given */
async function startServer(given) {
  const child = fork(new URL('./scope-server.mjs', import.meta.url), given)
  const exited = new Promise(resolve => child.once('exit', resolve))
  /** @returns {Promise<unknown>} */
  const message = () =>
    new Promise((resolve, reject) => {
      child.once('message', resolve)
      exited.then(code => reject(new Error(`the server ended by itself, with code ${code}`)), reject)
    })
  await message()
  return {
    /** @param {string[]} names */
    async begin(names) {
      const begun = message()
      child.send(names)
      await begun
    },
    async kill() {
      child.kill('SIGKILL')
      await exited
    },
  }
}
