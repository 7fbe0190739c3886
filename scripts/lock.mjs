// One process at a time: two test runs that start together neither install nor build into each other.

import { createHash } from 'node:crypto'
import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { root } from './root.mjs'

const checkout = createHash('sha256').update(root).digest('hex').slice(0, 16)
const patienceMs = 10 * 60_000

/**
 * Runs `work` while no other process of this checkout runs work under the same name.
 *
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function alone(name, work) {
  const lock = join(tmpdir(), `longline-${checkout}-${name}.lock`)
  const giveUpAt = Date.now() + patienceMs
  while (!take(lock)) {
    if (isAbandoned(lock)) rmSync(lock, { force: true })
    else if (Date.now() > giveUpAt) throw new Error(`Another process holds ${lock}; delete it if none does`)
    else await delay(50)
  }
  try {
    return await work()
  } finally {
    rmSync(lock, { force: true })
  }
}

/**
 * A link appears in one piece, so the lock is never there without its owner's name in it.
 *
 * @param {string} lock
 */
function take(lock) {
  const claim = `${lock}.${process.pid}`
  writeFileSync(claim, String(process.pid))
  try {
    linkSync(claim, lock)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  } finally {
    rmSync(claim, { force: true })
  }
}

/** @param {string} lock */
function isAbandoned(lock) {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0)
    return false
  } catch (error) {
    return hasCode(error, 'ESRCH')
  }
}

/**
 * @param {unknown} error
 * @param {string} code
 */
function hasCode(error, code) {
  return error instanceof Error && 'code' in error && error.code === code
}
