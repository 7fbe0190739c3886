// Makes a checkout ready to run: `npm ci` when what is installed is not what package-lock.json says, and with
// `--build` dist when it is older than the sources. Does nothing, quickly, when there is nothing to do.
//
// Runs before anything is installed, so it imports nothing but Node's own modules until then.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ensureBuilt } from './build.mjs'
import { alone } from './lock.mjs'
import { root } from './root.mjs'

/**
 * What npm writes down about a package, in package-lock.json and, last of all, in node_modules/.package-lock.json.
 *
 * @typedef {{ version?: string, integrity?: string, optional?: boolean }} Locked
 */

const leastNode = [20, 19]

/** The sentence that ends the command; what went wrong has been printed above it. */
class SetupError extends Error {}

function checkNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [leastMajor = 0, leastMinor = 0] = leastNode
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return
  throw new SetupError(`Node ${leastNode.join('.')} or newer is needed; this is ${process.version}`)
}

async function ensureInstalled() {
  await alone('install', async () => {
    if (isInstalled()) return
    console.error('Installing dependencies (npm ci) …')
    install()
  })
}

function isInstalled() {
  const wanted = readLock(join(root, 'package-lock.json'))
  const found = readLock(join(root, 'node_modules', '.package-lock.json'))
  if (wanted === undefined) throw new SetupError('package-lock.json is missing')
  if (found === undefined) return false
  for (const [path, locked] of Object.entries(wanted)) {
    if (path === '') continue
    const installed = found[path]
    if (installed === undefined) {
      if (!locked.optional) return false // an optional one may be for another platform
    } else if (installed.version !== locked.version || installed.integrity !== locked.integrity) return false
    else if (!existsSync(join(root, path))) return false
  }
  return Object.keys(found).every(path => path in wanted)
}

/**
 * @param {string} file
 * @returns {Record<string, Locked> | undefined}
 */
function readLock(file) {
  if (!existsSync(file)) return undefined
  return JSON.parse(readFileSync(file, 'utf8')).packages
}

function install() {
  const flags = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env.npm_execpath
  const result =
    npm === undefined
      ? spawnSync('npm', flags, { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' })
      : spawnSync(process.execPath, [npm, ...flags], { cwd: root, encoding: 'utf8' })
  if (result.status === 0) return
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  throw new SetupError('The dependencies could not be installed (npm ci failed)', { cause: result.error })
}

try {
  checkNode()
  await ensureInstalled()
  if (process.argv.includes('--build')) await ensureBuilt()
} catch (error) {
  if (!(error instanceof SetupError)) console.error(error)
  console.error(error instanceof SetupError ? `setup: ${error.message}` : 'setup: dist could not be built')
  process.exitCode = 1
}
