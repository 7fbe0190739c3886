import type { Result } from './run.js'
import { encodeError } from './value-errors.js'

/** The error of a run that is failed because its process ended too often while it was in memory. */
export function crashResult(crashes: number): Result {
  const error = new Error(`Its process ended ${crashes} times in a row while the run was in memory`)
  delete error.stack // it would tell of this place
  return { type: 'error', bytes: encodeError(error) }
}
