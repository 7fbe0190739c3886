// The SQLite driver that longline takes on this Node, for the alternative written by hand.

import { isBuiltin } from 'node:module'

/**
 * What both drivers have in common.
 *
 * @typedef {object} Database
 * @property {(sql: string) => unknown} exec
 * @property {(sql: string) => { run(...values: unknown[]): unknown, get(): unknown }} prepare
 * @property {() => unknown} close
 */

export const driverName = isBuiltin('node:sqlite') ? 'node:sqlite' : 'libsql'

/**
 * @param {string} path
 * @returns {Promise<Database>}
 */
export async function openDatabase(path) {
  const driver = await import(driverName)
  return driverName === 'libsql' ? new driver.default(path) : new driver.DatabaseSync(path)
}
