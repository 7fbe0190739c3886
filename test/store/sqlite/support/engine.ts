import { type Connection, loadDriver } from '../../../../src/store/sqlite/driver.js'
import { migrate } from '../../../../src/store/sqlite/migrations.js'
import { temporaryFile } from './temporary-file.js'

/** A connection whose tables are up to date, as an engine wants it. */
export async function openConnection(path = temporaryFile()): Promise<Connection> {
  const driver = await loadDriver()
  const connection = driver.open(path)
  connection.exec('pragma journal_mode = wal')
  migrate(connection)
  return connection
}

/** The same connection, where `prepare` and what it prepares can be looked at or made to fail. */
export function watched(
  connection: Connection,
  {
    onPrepare = () => {},
    onRun = () => {},
  }: { onPrepare?: (sql: string) => void; onRun?: (sql: string) => void },
): Connection {
  return {
    prepare(sql, blobs) {
      onPrepare(sql)
      const statement = connection.prepare(sql, blobs)
      return {
        get: (...values) => {
          onRun(sql)
          return statement.get(...values)
        },
        all: (...values) => {
          onRun(sql)
          return statement.all(...values)
        },
        run: (...values) => {
          onRun(sql)
          return statement.run(...values)
        },
      }
    },
    exec: sql => connection.exec(sql),
    get inTransaction() {
      return connection.inTransaction
    },
    close: () => connection.close(),
    abandon: () => connection.abandon(),
    toFault: error => connection.toFault(error),
  }
}
