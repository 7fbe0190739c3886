import { expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.js'
import { InvalidOptionsError, StoreUnusableError } from '../../../src/errors.js'
import { Connections } from '../../../src/store/postgres/connections.js'
import { checkMigrated, migrate, versionOf } from '../../../src/store/postgres/migrate.js'
import { MIGRATIONS } from '../../../src/store/postgres/migrations.js'
import { postgresSql } from '../../../src/store/postgres/postgres.js'
import { newSchema, testPool } from './support/schema.js'

const connections = () => new Connections(testPool(), systemClock)

async function tablesOf(schema: string): Promise<readonly string[]> {
  const { rows } = await testPool().query<{ name: string }>(
    'select tablename as name from pg_tables where schemaname = $1 order by 1',
    [schema],
  )
  return rows.map(({ name }) => name)
}

it('makes the schema once when twelve nodes start at the same moment', async () => {
  const schema = newSchema()
  await Promise.all(Array.from({ length: 12 }, () => migrate(connections(), schema)))
  expect(await versionOf(connections(), schema)).toBe(MIGRATIONS.length)
  expect(await tablesOf(schema)).toContain('mailboxes')
})

it('does a step wholly or not at all', async () => {
  const schema = newSchema()
  const broken = [{ version: 1, sql: 'create table first (no int); create table first (no int)' }]
  await expect(migrate(connections(), schema, broken)).rejects.toThrow('already exists')
  expect(await tablesOf(schema)).toEqual([])
  await migrate(connections(), schema, [{ version: 1, sql: 'create table first (no int)' }])
  expect(await tablesOf(schema)).toEqual(['first', 'schema_version'])
})

it('goes on from where the schema is', async () => {
  const schema = newSchema()
  const steps = [
    { version: 1, sql: 'create table first (no int)' },
    { version: 2, sql: 'create table second (no int)' },
  ]
  await migrate(connections(), schema, steps.slice(0, 1))
  await migrate(connections(), schema, steps)
  expect(await tablesOf(schema)).toEqual(['first', 'schema_version', 'second'])
})

it('leaves a schema alone that a newer version wrote', async () => {
  const schema = newSchema()
  await migrate(connections(), schema, [
    { version: 1, sql: 'create table first (no int)' },
    { version: 2, sql: 'create table second (no int)' },
  ])
  const older = migrate(connections(), schema, [{ version: 1, sql: 'create table first (no int)' }])
  await expect(older).rejects.toBeInstanceOf(StoreUnusableError)
  await expect(older).rejects.toMatchObject({ reason: 'newer' })
})

it('is the same as running the SQL by hand', async () => {
  const schema = newSchema()
  await expect(checkMigrated(connections(), schema)).rejects.toThrow(InvalidOptionsError)
  await expect(checkMigrated(connections(), schema)).rejects.toThrow(
    `postgresSql({ schema: '${schema}', after: 0 })`,
  )
  await testPool().query(postgresSql({ schema }))
  await checkMigrated(connections(), schema)
  await migrate(connections(), schema)
  expect(await versionOf(connections(), schema)).toBe(MIGRATIONS.length)
})

it('refuses what is no schema of its own, in words', () => {
  for (const schema of ['public', 'pg_temp', 'a"b', 'Longline', '', 'a'.repeat(42)]) {
    expect(() => postgresSql({ schema })).toThrow(InvalidOptionsError)
  }
  expect(() => postgresSql({ after: -1 })).toThrow('after must be the number of a version')
})
