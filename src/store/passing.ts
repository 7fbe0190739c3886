import { LonglineError } from '../errors.js'

/** The store cannot be asked now, and may be again: a reason to ask once more, and to end nothing. */
export function isPassing(error: unknown): boolean {
  return (
    error instanceof LonglineError && (error.code === 'store_unavailable' || error.code === 'store_unusable')
  )
}
