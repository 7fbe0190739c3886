import { accessSync, constants, existsSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { type Connection, loadDriver } from './driver.js'
import { Engine } from './engine.js'
import { StoreFault } from './fault.js'
import { migrate, versionOf } from './migrations.js'
import { nameOwner } from './owner.js'

// From a path to an engine that owns the file.
//
//   F1. Nothing is written before the file has been recognised as ours, or as empty.
//   F2. The lock is SQLite's own, on the file itself: the operating system lets go of it when the process dies. It is
//       taken with the first look and kept until the file is closed, so there is no shared memory beside it either.
//   F3. Whoever opens the file knows that everybody who had it before is gone: every earlier epoch is over.

export interface OpenOptions {
  readonly path: string
  readonly now: number
  /** Opened again by the process that had it open: its epochs go on. */
  readonly isReopened: boolean
  /** How many pages of 4 KiB the file may have: a full disk for tests. */
  readonly maxPages?: number
  /** The file cannot be written: a read-only disk for tests. */
  readonly readOnly?: boolean
}

/** @throws StoreFault that says why the file cannot be used. */
export async function openFile(options: OpenOptions): Promise<Engine> {
  const driver = await loadDriver()
  checkPath(options.path)
  const connection = explained(options.path, () => driver.open(options.path))
  try {
    takeOver(connection, options)
    nameOwner(options.path, options.now)
    return new Engine(connection)
  } catch (error) {
    const fault = connection.toFault(error)
    abandon(connection)
    return explained(options.path, () => {
      throw fault
    })
  }
}

/** SQLite does not always say that it is for want of permission that a file cannot be opened. */
function explained<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    const isUnclear = error instanceof StoreFault && (error.fault === 'cannot_open' || error.fault === 'io')
    throw isUnclear && !isWritable(path) ? new StoreFault('read_only', error.detail) : error
  }
}

function isWritable(path: string): boolean {
  try {
    accessSync(dirname(path), constants.W_OK)
    if (existsSync(path)) accessSync(path, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Makes a connection the owner of its file, with the tables up to date. */
export function takeOver(
  connection: Connection,
  { isReopened, maxPages, readOnly = false }: Omit<OpenOptions, 'path' | 'now'>,
): void {
  connection.exec('pragma busy_timeout = 0; pragma locking_mode = exclusive; pragma temp_store = memory')
  versionOf(connection)
  if (readOnly) connection.exec('pragma query_only = 1')
  const { journal_mode } =
    connection.prepare<{ journal_mode: string }>('pragma journal_mode = wal').get() ?? {}
  if (journal_mode !== 'wal')
    throw new StoreFault('read_only', `its journal cannot be a log: ${journal_mode}`)
  connection.exec(`
    pragma synchronous = full;
    pragma cache_size = -${CACHE_KIB};
    pragma wal_autocheckpoint = ${LOG_PAGES};
    pragma journal_size_limit = ${LOG_BYTES_KEPT};
  `)
  if (maxPages !== undefined) connection.exec(`pragma max_page_count = ${maxPages}`)
  migrate(connection)
  // A write also where there is nothing to write: a file that is read-only shows itself here, not with the first callback.
  connection.exec('begin immediate')
  if (!isReopened) connection.exec('update nodes set over = 1 where over = 0')
  connection.exec('commit')
}

const CACHE_KIB = 16_384

/** How far the log grows before it is folded back into the file: 16 MiB. Each time holds up one commit. */
const LOG_PAGES = 4_096

/** What one very large commit has made of the log beyond this is given back to the disk. */
const LOG_BYTES_KEPT = 64 * 1024 * 1024

function checkPath(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new StoreFault('is_directory', path)
  if (!statSync(dirname(path), { throwIfNoEntry: false })?.isDirectory()) {
    throw new StoreFault('missing_folder', dirname(path))
  }
}

/** What went wrong before is what counts. */
function abandon(connection: Connection): void {
  try {
    connection.abandon()
  } catch {
    // A file that could not be used may not be closed properly either.
  }
}
