import { InvalidOptionsError, VerificationError } from '../errors.js'
import type { Verify } from '../model/code.js'
import { isRawRequest, type RawRequest } from '../model/received.js'
import { type ReadOptions, type RequestParts, readRequest } from './read-request.js'
import { judge } from './verdict.js'

/** A request that comes from whom it should. */
export interface Verified {
  /** The body, as it was verified: parse this, and nothing else. */
  readonly bytes: Uint8Array
  /** The same when the sender repeats the request. */
  readonly deliveryId?: string
}

/**
 * Verifies a request in a web framework of yours, without a server of ours:
 *
 * ```ts
 * export async function POST(request: Request): Promise<Response> {
 *   try {
 *     const { bytes } = await verifyRequest(stripe({ secret }), request)
 *     await handle(JSON.parse(new TextDecoder().decode(bytes)))
 *     return new Response()
 *   } catch (error) {
 *     if (!(error instanceof VerificationError)) throw error
 *     console.warn(error.message) // for you; the sender is told nothing
 *     return new Response(null, { status: 401 })
 *   }
 * }
 * ```
 *
 * Of several verifiers one has to pass. Where there is no `Request`, as in Express and Fastify, `{ headers, body }` do, with the body as
 * bytes and not as what a parser has made of them; what `readRequest` has read does as well. A verifier that looks at the URL, or at
 * who connects, needs the options `url` and `remoteAddress`.
 *
 * @throws VerificationError when none passes. Its message says why.
 * @throws VerificationUnavailableError when none passes, and one could not judge for now, such as `fal` without its keys: answer `503`.
 * @throws InvalidOptionsError when the body was parsed or read before; for what is no verifier, or no request.
 */
export async function verifyRequest(
  verify: Verify | readonly Verify[],
  request: Request | RequestParts,
  options?: ReadOptions,
): Promise<Verified>
export async function verifyRequest(
  verify: Verify | readonly Verify[],
  request: RawRequest,
): Promise<Verified>
export async function verifyRequest(
  verify: Verify | readonly Verify[],
  request: Request | RequestParts | RawRequest,
  options?: ReadOptions,
): Promise<Verified> {
  const list = [verify].flat()
  if (list.length === 0 || list.some(each => typeof each !== 'function')) {
    throw new InvalidOptionsError(
      'verify must be a verifier, such as stripe({ secret }), or a list of them, and the request comes behind it',
    )
  }
  const raw = isRawRequest(request) ? request : await readRequest(request, options)
  if (raw === request && options !== undefined) {
    throw new InvalidOptionsError('The options belong to readRequest, which has read this request already')
  }
  const judgement = await judge(list, raw)
  if (!judgement.ok) throw new VerificationError(judgement.reason)
  const { deliveryId } = judgement
  const bytes = raw.bytes()
  return deliveryId === undefined || deliveryId === '' ? { bytes } : { bytes, deliveryId }
}
