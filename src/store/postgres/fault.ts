import {
  InvalidOptionsError,
  type LonglineError,
  StoreUnavailableError,
  StoreUnusableError,
} from '../../errors.js'

// What went wrong in the database, in the library's words.

/** Raised by `execute` itself. */
const NOT_READ_COMMITTED = 'LL001'

/** Raised by a command that makes no sense, with words for the one who sent it. */
const REFUSED = 'LL002'

/** The rows of the batch are to blame, not the database: its other commands can be carried out. */
export function isOfOneCommand(error: unknown): boolean {
  const code = codeOf(error)
  return code !== undefined && code !== NOT_READ_COMMITTED && !isGone(code)
}

/** Somebody held what the batch needed, for longer than it may wait, or the other way round: another time it may do. */
export function isPassing(error: unknown): boolean {
  return ['55P03', '40P01', '40001'].includes(codeOf(error) ?? '')
}

/** @returns the library's error for one of the driver or the database. It names tables and columns, never values. */
export function toError(error: unknown): LonglineError {
  const code = codeOf(error)
  const cause = new Error(code === undefined ? wordsOf(error) : `${wordsOf(error)} (SQLSTATE ${code})`)
  if (code === undefined) return new StoreUnavailableError('Postgres cannot be reached', { cause })
  if (code === NOT_READ_COMMITTED) {
    return new StoreUnusableError({
      reason: 'read_only',
      message:
        'longline works under read committed, and default_transaction_isolation of this role or database says otherwise: ' +
        "alter role … set default_transaction_isolation = 'read committed'",
      cause,
    })
  }
  if (code === REFUSED) return new InvalidOptionsError(wordsOf(error))
  if (code === '53100') {
    return new StoreUnusableError({ reason: 'full', message: 'The disk of Postgres is full', cause })
  }
  if (code === '25006') {
    return new StoreUnusableError({
      reason: 'read_only',
      message: 'Postgres is read-only here: the connection leads to a standby',
      cause,
    })
  }
  if (code.startsWith('22') || code.startsWith('23')) {
    return new InvalidOptionsError('Postgres refused a value', { cause })
  }
  return new StoreUnavailableError('Postgres did not carry the command out', { cause })
}

/** Connection failures, an administrator's or a crash's shutdown, a server that starts up or has no room. */
function isGone(code: string): boolean {
  return code.startsWith('08') || code.startsWith('57P') || code === '53300'
}

function codeOf(error: unknown): string | undefined {
  const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined
}

/** Without what a message may quote: the driver puts values into `detail`, never into the message of these classes. */
function wordsOf(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : 'unknown'
}
