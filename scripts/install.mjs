// `npm ci` in a folder, when what is installed there is not what its package-lock.json says. Does nothing, quickly, when
// there is nothing to do.
//
// Runs before anything is installed, so it imports nothing but Node's own modules.

import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { alone } from './lock.mjs'

/**
 * What npm writes down about a package, in package-lock.json and, last of all, in node_modules/.package-lock.json.
 *
 * @typedef {{ version?: string, integrity?: string, optional?: boolean }} Locked
 */

/** The sentence that ends the command; what went wrong has been printed above it. */
export class SetupError extends Error {}

/** @param {string} folder */
export async function ensureInstalled(folder) {
  await alone(`install-${basename(folder)}`, async () => {
    if (isInstalled(folder)) return
    console.error('Installing dependencies (npm ci) …')
    install(folder)
  })
}

/** @param {string} folder */
function isInstalled(folder) {
  const wanted = readLock(join(folder, 'package-lock.json'))
  const found = readLock(join(folder, 'node_modules', '.package-lock.json'))
  if (wanted === undefined) throw new SetupError('package-lock.json is missing')
  if (found === undefined) return false
  for (const [path, locked] of Object.entries(wanted)) {
    if (path === '') continue
    const installed = found[path]
    if (installed === undefined) {
      if (!locked.optional) return false // an optional one may be for another platform
    } else if (installed.version !== locked.version || installed.integrity !== locked.integrity) return false
    else if (!existsSync(join(folder, path))) return false
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

/** @param {string} folder */
function install(folder) {
  const flags = ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']
  const npm = process.env.npm_execpath
  const result =
    npm === undefined
      ? spawnSync('npm', flags, { cwd: folder, encoding: 'utf8', shell: process.platform === 'win32' })
      : spawnSync(process.execPath, [npm, ...flags], { cwd: folder, encoding: 'utf8' })
  if (result.status === 0) return
  console.error(`${result.stdout ?? ''}${result.stderr ?? ''}`)
  throw new SetupError('The dependencies could not be installed (npm ci failed)', { cause: result.error })
}
