import { checkOptionNames } from '../../core/option-names.js'
import { InvalidOptionsError } from '../../errors.js'
import type { Store } from '../store.js'
import { createPostgres, SETTINGS } from './create-postgres.js'
import { migrationSql } from './migrate.js'
import { checkSchema } from './names.js'
import type { Pool } from './pool.js'

export interface PostgresOptions {
  /** A `Pool` of `pg`. It stays yours: closing the server does not end it. */
  pool: object
  /** Where the tables are. Default `longline`. */
  schema?: string
  /** `false`: you run what `postgresSql` returns yourself. Default: the tables are made, and brought up to date, at start. */
  migrate?: boolean
}

/**
 * A store in a Postgres database, for many nodes: any of them accepts any callback. Postgres 14 or newer.
 *
 * ```ts
 * const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL })
 * const server = await CallbackServer.listen({ store: postgres({ pool }), publicUrl: 'https://hooks.example.com' })
 * ```
 *
 * `store: 'postgres://…'` is the same with a pool of the server's own.
 *
 * @throws InvalidOptionsError for a pool that is none, or a schema that cannot be.
 */
export function postgres(options: PostgresOptions): Store {
  const { pool, schema = SETTINGS.schema, migrate = true } = options ?? {}
  if (!isPool(pool)) {
    throw new InvalidOptionsError(
      'postgres needs a pool of pg: postgres({ pool: new pg.Pool({ connectionString }) })',
    )
  }
  checkOptionNames(options, ['pool', 'schema', 'migrate'], 'postgres')
  const settings = { ...SETTINGS, schema: checkSchema(schema), migrate }
  return createPostgres(async () => ({ pool, end: async () => {} }), settings)
}

/**
 * The SQL that makes the tables, or brings them from version `after` up to date, in one transaction: for those who run
 * migrations themselves, with `postgres({ pool, migrate: false })`.
 *
 * ```ts
 * await writeFile('migrations/0042-longline.sql', postgresSql())
 * ```
 *
 * @throws InvalidOptionsError for a schema that cannot be.
 */
export function postgresSql(options: { schema?: string; after?: number } = {}): string {
  checkOptionNames(options, ['schema', 'after'], 'postgresSql')
  const { schema = SETTINGS.schema, after = 0 } = options
  if (!Number.isInteger(after) || after < 0) {
    throw new InvalidOptionsError(`after must be the number of a version, 0 for none; got ${after}`)
  }
  return migrationSql(checkSchema(schema), after)
}

function isPool(pool: unknown): pool is Pool {
  return typeof pool === 'object' && pool !== null && 'connect' in pool && typeof pool.connect === 'function'
}
