import { VerificationError } from '../../errors.js'
import type { RawRequest } from '../../model/received.js'

/**
 * A handshake of a provider's. It fits the option `handshake`; in a web framework of yours it takes what `readRequest` has read:
 *
 * ```ts
 * const answer = await handshake(await readRequest(request))
 * if (answer !== undefined) return answer
 * ```
 *
 * It returns `undefined` for what is no question, and throws a `VerificationError` for one of somebody who has not shown who
 * it is: answer that with `401`, and log its message.
 */
export type ProviderHandshake = (request: RawRequest) => Response | undefined | Promise<Response | undefined>

/** What a provider wants to see again is short, and whoever asks can be anybody. */
const MOST_BYTES = 1_024

/** So that no browser takes for a page what a stranger has written. */
const nosniff = { 'x-content-type-options': 'nosniff' }

export function echo(text: string): Response {
  return new Response(text, { headers: { ...nosniff, 'content-type': 'text/plain; charset=utf-8' } })
}

export function toJsonAnswer(value: object): Response {
  return new Response(JSON.stringify(value), { headers: { ...nosniff, 'content-type': 'application/json' } })
}

/** @throws VerificationError for a text that is not there, or is too long to be sent back. */
export function checkEcho(text: unknown, what: string): string {
  if (typeof text !== 'string' || text === '') throw new VerificationError(`${what} is missing`)
  const bytes = Buffer.byteLength(text)
  if (bytes <= MOST_BYTES) return text
  throw new VerificationError(`${what} has ${bytes} bytes, and ${MOST_BYTES} are sent back`)
}
