import { expect, it } from 'vitest'
import { type Connection, loadDriver } from '../../../src/store/sqlite/driver.js'
import { takeOver } from '../../../src/store/sqlite/open-file.js'
import { temporaryFile } from './support/temporary-file.js'

// What would be wrong without it: everything works until the power fails.

function setting(connection: Connection, name: string): unknown {
  return Object.values(connection.prepare<Record<string, unknown>>(`pragma ${name}`).get() ?? {})[0]
}

it('every commit waits for the disk, and nobody else has the file', async () => {
  const connection = (await loadDriver()).open(temporaryFile())
  takeOver(connection, { isReopened: false })
  expect(setting(connection, 'journal_mode')).toBe('wal')
  expect(setting(connection, 'synchronous')).toBe(2)
  expect(setting(connection, 'locking_mode')).toBe('exclusive')
  connection.close()
})

it('opening a file ends every epoch, and opening it again within the same process ends none', async () => {
  const path = temporaryFile()
  const driver = await loadDriver()
  const over = (connection: Connection) =>
    connection.prepare<{ over: number }>('select over from nodes order by epoch').all()

  const first = driver.open(path)
  takeOver(first, { isReopened: false })
  first.exec("insert into nodes (node, lease_ends_at) values ('a', 1000), ('b', 1000)")
  first.close()

  const again = driver.open(path)
  takeOver(again, { isReopened: true })
  expect(over(again).map(row => row.over)).toEqual([0, 0])
  again.close()

  const anew = driver.open(path)
  takeOver(anew, { isReopened: false })
  expect(over(anew).map(row => row.over)).toEqual([1, 1])
  anew.close()
})
