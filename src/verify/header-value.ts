import { VerificationError } from '../errors.js'
import type { RawRequest } from '../model/received.js'

/** As much as a server of `node:http` takes of all headers together. */
const LONGEST = 16_384

/**
 * All of a header; where it came several times, with commas between.
 *
 * @param name Who asks, for the operator.
 * @throws VerificationError for a header that is missing, or longer than anything that is looked for in one.
 */
export function readHeaderValue({ headers }: RawRequest, header: string, name: string): string {
  const value = headers.get(header)
  if (value === null) throw new VerificationError(`${name}: the header ${header} is missing`)
  if (value.length <= LONGEST) return value
  throw new VerificationError(
    `${name}: the header ${header} has ${value.length} characters, and at most ${LONGEST} are looked at`,
  )
}
