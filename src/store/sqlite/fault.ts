import {
  InvalidOptionsError,
  type LonglineError,
  StoreUnavailableError,
  StoreUnusableError,
} from '../../errors.js'

/**
 * What went wrong in the engine, as data: it crosses from the engine's thread to the caller's, where it becomes one of
 * the library's errors.
 */
export type Fault =
  | 'cannot_open'
  | 'corrupt'
  | 'full'
  | 'in_use'
  | 'io'
  | 'is_directory'
  | 'missing_driver'
  | 'missing_folder'
  | 'newer'
  | 'not_ours'
  | 'other'
  | 'read_only'
  | 'refused'

export interface FaultRecord {
  readonly fault: Fault
  /** The engine's own words. They name tables and columns, never values. */
  readonly detail: string
}

export class StoreFault extends Error implements FaultRecord {
  readonly fault: Fault
  readonly detail: string

  constructor(fault: Fault, detail: string) {
    super(`${fault}: ${detail}`)
    this.fault = fault
    this.detail = detail
  }
}

/** The library's error for a fault of the store at `path`. */
export function toError({ fault, detail }: FaultRecord, path: string): LonglineError {
  const cause = new Error(detail)
  switch (fault) {
    case 'cannot_open':
      return new StoreUnavailableError(`The store '${path}' cannot be opened`, { cause })
    case 'corrupt':
      return new StoreUnusableError({
        reason: 'corrupt',
        message: `The store '${path}' is damaged, or is no SQLite file; nothing in it was changed`,
        cause,
      })
    case 'full':
      return new StoreUnusableError({
        reason: 'full',
        message: `The disk of the store '${path}' is full`,
        cause,
      })
    case 'in_use':
      return new StoreUnavailableError(`The store '${path}' is locked by another process`, { cause })
    case 'io':
      return new StoreUnavailableError(`The store '${path}' could not be read or written`, { cause })
    case 'is_directory':
      return new InvalidOptionsError(`The store '${path}' is a folder; name a file in it`)
    case 'missing_driver':
      return new InvalidOptionsError(
        'This version of Node has no SQLite of its own. Use Node 22.13 or newer, or add the package libsql: npm install libsql',
        { cause },
      )
    case 'missing_folder':
      return new InvalidOptionsError(`The folder of the store '${path}' does not exist; create it first`)
    case 'newer':
      return new StoreUnusableError({
        reason: 'newer',
        message: `The store '${path}' was written by a newer version of longline (${detail}); update longline to use it`,
      })
    case 'not_ours':
      return new StoreUnusableError({
        reason: 'corrupt',
        message: `'${path}' is a database of something else; nothing in it was changed. Name a file of its own for the store`,
      })
    case 'other':
      return new StoreUnavailableError(`The store '${path}' failed`, { cause })
    case 'read_only':
      return new StoreUnusableError({
        reason: 'read_only',
        message: `The store '${path}' cannot be written: the file, its folder or its disk is read-only`,
        cause,
      })
    case 'refused':
      return new InvalidOptionsError(detail)
  }
}
