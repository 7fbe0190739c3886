import { createSession, LIMITS } from '../group-commit.js'
import type { Store } from '../store.js'
import { PostgresExecutor } from './executor.js'
import { migrate } from './migrate.js'
import type { Pool } from './pool.js'

export interface PostgresSettings {
  readonly pool: Pool
  readonly schema: string
  readonly migrate: boolean
  readonly judgesBy: 'database' | 'commands'
}

export function createPostgres({ pool, schema, migrate: migrates, judgesBy }: PostgresSettings): Store {
  return {
    name: 'postgres',
    exclusive: false,
    open: async () => {
      if (migrates) await migrate(pool, schema)
      const executor = new PostgresExecutor({
        pool,
        schema,
        judgesBy,
        onDone: () => {},
        close: async () => {},
      })
      return createSession(executor, LIMITS)
    },
  }
}
