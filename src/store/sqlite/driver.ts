import type Libsql from 'libsql'
import type { Fault } from './fault.js'
import { StoreFault } from './fault.js'

// The one file that knows SQLite drivers: `node:sqlite` where the runtime has it, else `libsql`. Both speak to the
// engine synchronously; what they do differently is evened out here, and their errors become faults.

export type Value = string | number | Uint8Array | null

/** A prepared statement. Values are bound by position. */
export interface Statement<Row> {
  get(...values: Value[]): Row | undefined
  all(...values: Value[]): Row[]
  /** How many rows it changed. */
  run(...values: Value[]): number
}

/** One open file. */
export interface Connection {
  /** `blobs` names the columns that hold bytes. */
  prepare<Row = Record<string, never>>(sql: string, blobs?: readonly (keyof Row & string)[]): Statement<Row>
  exec(sql: string): void
  /** The engine ends a transaction by itself when the disk is full. */
  readonly inTransaction: boolean
  /** Lets go of the file, and of its lock. */
  close(): void
  /** The same for a file that was not taken over, and stays exactly as it is. */
  abandon(): void
  /** What an error of this driver means. */
  toFault(error: unknown): StoreFault
}

export interface Driver {
  readonly name: 'node:sqlite' | 'libsql'
  open(path: string): Connection
}

/** @throws StoreFault when neither is there. */
export async function loadDriver(): Promise<Driver> {
  return loadNodeSqlite() ?? (await loadLibsql())
}

// ── node:sqlite ──

interface NodeDatabase {
  readonly isTransaction: boolean
  prepare(sql: string): RawStatement
  exec(sql: string): void
  close(): void
}

function loadNodeSqlite(): Driver | undefined {
  // Not an import: older runtimes do not know the name, and bundlers would try to find it.
  const module = process.getBuiltinModule?.('node:sqlite') as
    | { DatabaseSync: new (path: string) => NodeDatabase }
    | undefined
  if (module === undefined) return undefined
  return {
    name: 'node:sqlite',
    open: path => {
      const database = opening(() => new module.DatabaseSync(path))
      return {
        prepare: (sql, blobs) => toStatement(database.prepare(sql), blobs ?? []),
        exec: sql => database.exec(sql),
        get inTransaction() {
          return database.isTransaction
        },
        close: () => database.close(),
        abandon: () => database.close(),
        toFault,
      }
    },
  }
}

// ── libsql ──

async function loadLibsql(): Promise<Driver> {
  const Database = await importLibsql()
  return {
    name: 'libsql',
    open: path => {
      const database = opening(() => new Database(path))
      return {
        prepare: (sql, blobs) => toStatement(fromLibsql(database.prepare<[Value[]]>(sql)), blobs ?? []),
        exec: sql => {
          database.exec(sql)
        },
        get inTransaction() {
          return database.inTransaction
        },
        close: () => closeLibsql(database),
        // Its lock goes with the thread, or with the garbage collector.
        abandon: () => {
          database.close()
        },
        toFault,
      }
    },
  }
}

async function importLibsql(): Promise<typeof Libsql> {
  try {
    return (await import('libsql')).default
  } catch (error) {
    throw new StoreFault('missing_driver', String((error as Error).message))
  }
}

/** It takes all values in one list, too, and would make a list of them anyway. */
function fromLibsql(statement: Libsql.Statement<[Value[]]>): RawStatement {
  return {
    get: (...values) => statement.get(values),
    all: (...values) => statement.all(values),
    run: (...values) => statement.run(values),
  }
}

/**
 * libsql keeps a file open for as long as one of its statements is alive, which only the garbage collector decides.
 * So the lock is given back first: outside of WAL it does not outlive the read that took it.
 */
function closeLibsql(database: Libsql.Database): void {
  try {
    if (database.inTransaction) database.exec('rollback')
    database.exec(
      'pragma journal_mode = delete; pragma locking_mode = normal; select count(*) from sqlite_schema',
    )
  } finally {
    database.close()
  }
}

// ── both ──

interface RawStatement {
  get(...values: Value[]): unknown
  all(...values: Value[]): unknown[]
  run(...values: Value[]): { readonly changes: number | bigint }
}

function toStatement<Row>(raw: RawStatement, blobs: readonly string[]): Statement<Row> {
  const toRow = (row: unknown): Row => {
    const columns = row as Record<string, unknown>
    for (const blob of blobs) {
      columns[blob] = toBytes(columns[blob])
    }
    return columns as Row
  }
  return {
    get: (...values) => {
      const row = raw.get(...values)
      return row === undefined ? undefined : toRow(row)
    },
    all: (...values) => raw.all(...values).map(toRow),
    run: (...values) => Number(raw.run(...values).changes),
  }
}

/** libsql returns a Buffer from `get` and an ArrayBuffer from `all`. */
function toBytes(value: unknown): unknown {
  if (value instanceof ArrayBuffer) return new Uint8Array(value)
  return Buffer.isBuffer(value) ? new Uint8Array(value.buffer, value.byteOffset, value.length) : value
}

/** Opening fails with codes of its own: libsql says `14` in its message alone. */
function opening<T>(open: () => T): T {
  try {
    return open()
  } catch (error) {
    throw codeOf(error) === undefined ? new StoreFault('cannot_open', messageOf(error)) : toFault(error)
  }
}

/** https://www.sqlite.org/rescode.html, the lowest byte. */
const FAULTS: Readonly<Record<number, Fault>> = {
  5: 'in_use',
  6: 'in_use',
  8: 'read_only',
  10: 'io',
  11: 'corrupt',
  13: 'full',
  14: 'cannot_open',
  19: 'refused',
  20: 'refused',
  26: 'corrupt',
}

function toFault(error: unknown): StoreFault {
  if (error instanceof StoreFault) return error
  const code = codeOf(error)
  return new StoreFault(code === undefined ? 'other' : (FAULTS[code & 0xff] ?? 'other'), messageOf(error))
}

function codeOf(error: unknown): number | undefined {
  if (!(error instanceof Error)) return undefined
  const { errcode, rawCode } = error as { errcode?: unknown; rawCode?: unknown }
  if (typeof errcode === 'number') return errcode
  return typeof rawCode === 'number' ? rawCode : undefined
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
