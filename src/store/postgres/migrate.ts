import { InvalidOptionsError, StoreUnusableError } from '../../errors.js'
import type { Connections } from './connections.js'
import { MIGRATIONS, type Migration } from './migrations.js'
import { literal, quoted } from './names.js'

// Brings the schema up to date.
//
//   M1. A step and its number are one transaction, the number first, under a lock that nodes which start at the same moment
//       share: whoever comes second finds it done.
//   M2. A schema that is further than this code is left alone.

/** What `migrate` runs in a schema that is at version `after`: to be read, or run by whoever runs migrations. */
export function migrationSql(
  schema: string,
  after = 0,
  migrations: readonly Migration[] = MIGRATIONS,
): string {
  const steps = migrations.slice(after).map(step => stepSql(schema, step))
  return [prologue(schema), ...steps, 'commit;', ''].join('\n')
}

/** @throws StoreUnusableError `newer` for a schema that a later version wrote. */
export async function migrate(
  connections: Connections,
  schema: string,
  migrations: readonly Migration[] = MIGRATIONS,
): Promise<void> {
  const version = await versionOf(connections, schema)
  checkVersion(version, schema, migrations)
  if (version === migrations.length) return
  await connections.use(async client => {
    try {
      await client.query(prologue(schema))
      const { rows } = await client.query('select coalesce(max(version), 0) as version from schema_version')
      const found = Number(rows[0]?.version ?? 0)
      checkVersion(found, schema, migrations)
      for (const step of migrations.slice(found)) await client.query(stepSql(schema, step))
      await client.query('commit')
    } catch (error) {
      await client.query('rollback')
      throw error
    }
  })
}

/**
 * For those who run migrations themselves: the schema has to be as far as this version needs it.
 *
 * @throws StoreUnusableError `newer` for one that a later version wrote; InvalidOptionsError for one that is behind.
 */
export async function checkMigrated(connections: Connections, schema: string): Promise<void> {
  const version = await versionOf(connections, schema)
  checkVersion(version, schema, MIGRATIONS)
  if (version === MIGRATIONS.length) return
  throw new InvalidOptionsError(
    `The schema '${schema}' is at version ${version} and this version of longline needs ${MIGRATIONS.length}: run what postgresSql({ schema: '${schema}', after: ${version} }) returns, or leave migrate out`,
  )
}

/** How far the schema is; 0 where there is none. */
export async function versionOf(connections: Connections, schema: string): Promise<number> {
  const table = `${quoted(schema)}.schema_version`
  const { rows } = await connections.query('select to_regclass($1) is not null as there', [table])
  if (rows[0]?.there !== true) return 0
  const found = await connections.query(`select coalesce(max(version), 0) as version from ${table}`)
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
