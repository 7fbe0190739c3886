import pg from 'pg'
import { systemClock } from '../../../../src/core/clock.js'
import { Connections } from '../../../../src/store/postgres/connections.js'
import {
  createPostgres,
  type PostgresSettings,
  SETTINGS,
} from '../../../../src/store/postgres/create-postgres.js'
import { migrate } from '../../../../src/store/postgres/migrate.js'
import type { Pool } from '../../../../src/store/postgres/pool.js'
import type { Store } from '../../../../src/store/store.js'

let pool: pg.Pool | undefined
let made = 0

/** A pool to the server of this test run. It keeps nobody alive. */
export function testPool(): pg.Pool {
  pool ??= new pg.Pool({ connectionString: process.env.LONGLINE_TEST_POSTGRES, allowExitOnIdle: true })
  return pool
}

/** A schema that no other test has. */
export function newSchema(): string {
  made++
  return `test_${process.pid}_${made}`
}

let emptied: string | undefined

/** An empty store, in a schema that this process uses again for each: making one takes longer than emptying it. */
export async function emptyStore(settings: Partial<PostgresSettings> = {}): Promise<Store> {
  const schema = emptied ?? newSchema()
  if (emptied === undefined) await makeSchema(schema)
  else await empty(schema)
  emptied = schema
  return storeIn(schema, testPool(), settings)
}

export function makeSchema(schema: string): Promise<void> {
  return migrate(new Connections(testPool(), systemClock), schema)
}

/** The store in a schema that is there, judged by the instants of its commands. */
export function storeIn(
  schema: string,
  pool: Pool = testPool(),
  settings: Partial<PostgresSettings> = {},
): Store {
  return createPostgres(async () => ({ pool, end: async () => {} }), {
    ...SETTINGS,
    schema,
    migrate: false,
    judgesBy: 'commands',
    ...settings,
  })
}

async function empty(schema: string): Promise<void> {
  const { rows } = await testPool().query<{ name: string }>(
    "select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = $1 and tablename <> 'schema_version'",
    [schema],
  )
  // Of few rows this is many times faster than truncating.
  const statements = rows.map(({ name }) => `delete from ${name}`)
  // Epochs are numbered from 1 again, as in every store that is new.
  statements.push(`select setval(pg_get_serial_sequence('${schema}.nodes', 'epoch'), 1, false)`)
  await testPool().query(statements.join(';'))
}
