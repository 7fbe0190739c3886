import { type Clock, systemClock } from '../../core/clock.js'
import { createSession, LIMITS, wakesOf } from '../group-commit.js'
import type { Store, StoreSession } from '../store.js'
import { Connections } from './connections.js'
import { PostgresExecutor } from './executor.js'
import { toError } from './fault.js'
import { joinTransaction } from './joining.js'
import { checkMigrated, migrate } from './migrate.js'
import { Notices } from './notices.js'
import type { Pool } from './pool.js'

/** What only we, and our tests, decide, and what the options come to. */
export interface PostgresSettings {
  readonly schema: string
  /** `false`: the schema is there already, as far as this version needs it. */
  readonly migrate: boolean
  readonly clock: Clock
  /** By what leases are judged: the clock of the database, or, where tests move time, the instants of the commands. */
  readonly judgesBy: 'database' | 'commands'
}

export const SETTINGS: PostgresSettings = {
  schema: 'longline',
  migrate: true,
  clock: systemClock,
  judgesBy: 'database',
}

/** A pool, and how to end it where it is the store's own. */
export interface OpenedPool {
  readonly pool: Pool
  end(): Promise<void>
}

export function createPostgres(openPool: () => Promise<OpenedPool>, settings: PostgresSettings): Store {
  return {
    name: 'postgres',
    exclusive: false,
    open: async () => {
      const { pool, end } = await openPool()
      try {
        return await openSession(pool, end, settings)
      } catch (error) {
        await end()
        throw error
      }
    },
  }
}

async function openSession(
  pool: Pool,
  end: () => Promise<void>,
  { schema, migrate: migrates, clock, judgesBy }: PostgresSettings,
): Promise<StoreSession> {
  const connections = new Connections(pool, clock)
  const notices = new Notices({ connections, schema, clock })
  let hears: boolean
  try {
    await (migrates ? migrate(connections, schema) : checkMigrated(connections, schema))
    hears = await notices.open()
  } catch (error) {
    throw toError(error)
  }
  const executor = new PostgresExecutor({
    connections,
    schema,
    judgesBy,
    onDone: (batch, results) =>
      notices.announce(batch.flatMap((command, index) => wakesOf(command, results[index]))),
    close: async () => {
      await notices.close()
      await end()
    },
  })
  const session = createSession(executor, LIMITS)
  return {
    ...session,
    subscribe: listener => {
      const stops = [session.subscribe(listener), notices.subscribe(listener)]
      return () => {
        for (const stop of stops) stop()
      }
    },
    within: transaction => joinTransaction(transaction, { connections, schema }),
    ...(hears ? {} : { note: DEAF }),
  }
}

const DEAF =
  'Notifications of Postgres do not get through, as behind a pooler that gives every transaction another connection: what ' +
  'happens on other nodes is noticed by polling, within a second'
