import { resolve } from 'node:path'
import { after } from './core/clock.js'
import { InvalidOptionsError, StoreInUseError } from './errors.js'
import type { ServerSettings } from './options.js'
import { memoryStore } from './store/memory/memory-store.js'
import { createPostgres, SETTINGS as POSTGRES } from './store/postgres/create-postgres.js'
import { openPool } from './store/postgres/open-pool.js'
import { createSqlite, SETTINGS } from './store/sqlite/create-sqlite.js'
import { describeOwner } from './store/sqlite/owner.js'
import { sqlite } from './store/sqlite/sqlite.js'
import type { Store } from './store/store.js'

/** How long opening may take without a word. */
const QUIET_MS = 1_000

/**
 * The store that an option means: a path is an SQLite file, `'memory:'` lives and dies with the process, `'postgres://…'` is
 * a database that many nodes share. Whoever opens it and has to wait says so in the log.
 *
 * @throws InvalidOptionsError for a URL of something else, or a value that is no store.
 */
export function openStore(store: string | Store, settings: Pick<ServerSettings, 'clock' | 'logger'>): Store {
  if (typeof store !== 'string') {
    if (typeof store?.open === 'function') return explainingDelay(store, settings)
    throw new InvalidOptionsError(
      "store must be a path, 'memory:', 'postgres://…', or a store such as sqlite({ path })",
    )
  }
  if (store === 'memory:') return memoryStore()
  if (/^postgres(ql)?:\/\//i.test(store)) {
    return explainingDelay(
      createPostgres(() => openPool(store), POSTGRES),
      settings,
    )
  }
  if (/^[a-z][a-z0-9+.-]+:\/\//i.test(store)) {
    throw new InvalidOptionsError(
      "store must be a path, 'memory:', 'postgres://…', or a store such as sqlite({ path }); got the URL of something else",
    )
  }
  return sqliteFile(store, settings)
}

/** The wait for the owner of the file to leave, in two parts: between them it is known that there is one, and who. */
function sqliteFile(given: string, { logger }: Pick<ServerSettings, 'logger'>): Store {
  const path = resolve(given)
  const openWithin = (waitMs: number) => createSqlite({ ...SETTINGS, path, waitMs }).open()
  return {
    ...sqlite({ path: given }),
    async open() {
      try {
        return await openWithin(QUIET_MS)
      } catch (error) {
        if (!(error instanceof StoreInUseError)) throw error
      }
      const giveUpInMs = SETTINGS.waitMs - QUIET_MS
      logger.warn(
        { store: path, owner: describeOwner(path), giveUpInMs },
        'the store is open elsewhere; waiting for its owner to leave',
      )
      return await openWithin(giveUpInMs)
    },
  }
}

/** Of a store that was handed in nobody knows here what it waits for. */
function explainingDelay(store: Store, { clock, logger }: Pick<ServerSettings, 'clock' | 'logger'>): Store {
  const { name, exclusive } = store
  return {
    name,
    exclusive,
    async open() {
      const stopTimer = after(clock, QUIET_MS, () =>
        logger.warn(
          { store: name },
          'the store is not open yet; another process may have it, or nobody answers',
        ),
      )
      try {
        return await store.open()
      } finally {
        stopTimer()
      }
    },
  }
}
