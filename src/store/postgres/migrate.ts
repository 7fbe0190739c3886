import { StoreUnusableError } from '../../errors.js'
import { MIGRATIONS, type Migration } from './migrations.js'
import type { Pool } from './pool.js'

// Brings the schema up to date.
//
//   M1. A step and its number are one transaction, the number first, under a lock that nodes which start at the same moment
//       share: whoever comes second finds it done.
//   M2. A schema that is further than this code is left alone.

/** Everything that `migrate` would run in an empty database, to be read, or run by whoever runs migrations. */
export function migrationSql(schema: string, migrations: readonly Migration[] = MIGRATIONS): string {
  return [prologue(schema), ...migrations.map(step => stepSql(schema, step)), 'commit;'].join('\n')
}

/** @throws StoreUnusableError `newer` for a schema that a later version wrote. */
export async function migrate(
  pool: Pool,
  schema: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  const version = await versionOf(pool, schema)
  checkVersion(version, schema, migrations)
  if (version === migrations.length) return
  const client = await pool.connect()
  let failure: unknown
  try {
    await client.query(prologue(schema))
    const { rows } = await client.query(`select coalesce(max(version), 0) as version from schema_version`)
    const found = Number(rows[0]?.version ?? 0)
    checkVersion(found, schema, migrations)
    for (const step of migrations.slice(found)) await client.query(stepSql(schema, step))
    await client.query('commit')
  } catch (error) {
    failure = error
    await client.query('rollback').catch(() => {}) // the connection goes with it
    throw error
  } finally {
    client.release(failure !== undefined)
  }
}

/** How far the schema is; 0 where there is none. */
export async function versionOf(pool: Pool, schema: string): Promise<number> {
  const table = `${quoted(schema)}.schema_version`
  const { rows } = await pool.query('select to_regclass($1) is not null as there', [table])
  if (rows[0]?.there !== true) return 0
  const found = await pool.query(`select coalesce(max(version), 0) as version from ${table}`)
  return Number(found.rows[0]?.version ?? 0)
}

function checkVersion(version: number, schema: string, migrations: readonly Migration[]): void {
  if (version <= migrations.length) return
  throw new StoreUnusableError({
    reason: 'newer',
    message: `The schema '${schema}' was written by a newer version of longline (it is at ${version}, this version knows ${migrations.length}); update longline to use it`,
  })
}

/** The lock is of this schema alone, and goes with the transaction. */
function prologue(schema: string): string {
  return `
begin isolation level read committed;
select pg_advisory_xact_lock(hashtextextended('longline schema ' || ${literal(schema)}, 4242));
create schema if not exists ${quoted(schema)};
set local search_path to ${quoted(schema)};
create table if not exists schema_version (version integer primary key);
`
}

function stepSql(schema: string, { version, sql }: Migration): string {
  return `
set local search_path to ${quoted(schema)};
insert into schema_version values (${version});
${sql}`
}

export function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
