import { resolve } from 'node:path'
import { InvalidOptionsError } from '../../errors.js'
import type { Store } from '../store.js'
import { createSqlite, SETTINGS } from './create-sqlite.js'

/**
 * A store in one SQLite file, for one process. What a promise has resolved for is on the disk.
 *
 * ```ts
 * const server = await CallbackServer.listen({ store: sqlite({ path: '/var/lib/shop/longline.db' }) })
 * ```
 *
 * @throws InvalidOptionsError for a path that is none.
 */
export function sqlite(options: { path: string }): Store {
  return createSqlite({ ...SETTINGS, path: checkPath(options?.path) })
}

function checkPath(path: unknown): string {
  if (typeof path !== 'string' || path === '') {
    throw new InvalidOptionsError("sqlite needs the path of a file: sqlite({ path: 'longline.db' })")
  }
  if (path === ':memory:') {
    throw new InvalidOptionsError("sqlite keeps a file; for a store in memory use store: 'memory:'")
  }
  if (/^file:/i.test(path)) {
    throw new InvalidOptionsError('sqlite needs a path, not a URL: use fileURLToPath from node:url')
  }
  if (path.includes('\0')) throw new InvalidOptionsError('the path of a store must not contain NUL')
  return resolve(path)
}
