import { InvalidOptionsError } from './errors.js'
import { memoryStore } from './store/memory/memory-store.js'
import { sqlite } from './store/sqlite/sqlite.js'
import type { Store } from './store/store.js'

/**
 * The store that an option means: a path is an SQLite file, `'memory:'` lives and dies with the process.
 *
 * @throws InvalidOptionsError for a URL of something else, or a value that is no store.
 */
export function openStore(store: string | Store): Store {
  if (typeof store !== 'string') {
    if (typeof store?.open === 'function') return store
    throw new InvalidOptionsError("store must be a path, 'memory:', or a store such as sqlite({ path })")
  }
  if (store === 'memory:') return memoryStore()
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(store)) {
    throw new InvalidOptionsError(
      "store must be a path, 'memory:', or a store such as sqlite({ path }); got a URL",
    )
  }
  return sqlite({ path: store })
}
