import { expect, it } from 'vitest'
import { type Connection, loadDriver } from '../../../src/store/sqlite/driver.js'
import { migrate, versionOf } from '../../../src/store/sqlite/migrations.js'
import { temporaryFile } from './support/temporary-file.js'

const STEPS = ['create table a (x integer)', 'create table b (x integer); insert into b values (1)']

async function openEmpty(path = temporaryFile()): Promise<Connection> {
  return (await loadDriver()).open(path)
}

function tables(connection: Connection): string[] {
  return connection
    .prepare<{ name: string }>("select name from sqlite_schema where type = 'table' order by name")
    .all()
    .map(({ name }) => name)
}

it('takes an empty file through every step', async () => {
  const connection = await openEmpty()
  expect(versionOf(connection)).toBe(0)
  migrate(connection, STEPS)
  expect(versionOf(connection, STEPS)).toBe(2)
  expect(tables(connection)).toEqual(['a', 'b', 'schema_version'])
})

it('takes a file from where it is, and does nothing where there is nothing to do', async () => {
  const connection = await openEmpty()
  migrate(connection, STEPS.slice(0, 1))
  migrate(connection, STEPS)
  migrate(connection, STEPS)
  expect(connection.prepare<{ x: number }>('select x from b').all()).toHaveLength(1)
})

it('a step that fails leaves nothing of itself, and can be taken again', async () => {
  const path = temporaryFile()
  const connection = await openEmpty(path)
  const broken = [...STEPS.slice(0, 1), 'create table b (x integer); insert into nowhere values (1)']
  expect(() => migrate(connection, broken)).toThrow()
  expect(connection.inTransaction).toBe(false)
  expect(versionOf(connection, STEPS)).toBe(1)
  expect(tables(connection)).toEqual(['a', 'schema_version'])
  migrate(connection, STEPS)
  expect(versionOf(connection, STEPS)).toBe(2)
})

it('leaves alone what is further than it knows', async () => {
  const connection = await openEmpty()
  migrate(connection, STEPS)
  expect(() => migrate(connection, STEPS.slice(0, 1))).toThrow(expect.objectContaining({ fault: 'newer' }))
  expect(tables(connection)).toEqual(['a', 'b', 'schema_version'])
})

it('leaves alone what belongs to something else, also when it has a table of the same name', async () => {
  const connection = await openEmpty()
  connection.exec('create table schema_version (version integer); insert into schema_version values (0)')
  expect(() => migrate(connection, STEPS)).toThrow(expect.objectContaining({ fault: 'not_ours' }))
  expect(tables(connection)).toEqual(['schema_version'])
})
