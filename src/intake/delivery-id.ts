import { isStorableKey, sha256Hex } from '../core/bytes.js'
import type { Rules } from '../model/code.js'
import type { RawRequest } from '../model/received.js'
import { headerOf } from './request.js'

/**
 * What the sender calls this delivery. A `dedupe` function takes the place of everything else; without one it is the
 * verifier's id, then `webhook-id`, then `idempotency-key`. The body alone is never a key. An empty id of the verifier's says
 * that there is none: a header that nobody signed does not take its place.
 *
 * @throws what `dedupe` throws, and TypeError for what it must not return.
 */
export function findDeliveryId(
  dedupe: Rules['dedupe'],
  request: {
    readonly rawHeaders: readonly string[]
    readonly raw: RawRequest
    readonly verified: string | undefined
  },
): string | undefined {
  const { rawHeaders, verified } = request
  if (dedupe !== undefined) return toStorable(checkId(dedupe(request.raw)))
  if (verified !== undefined) return toStorable(verified)
  return toStorable(headerOf(rawHeaders, 'webhook-id') || headerOf(rawHeaders, 'idempotency-key'))
}

function checkId(id: unknown): string | undefined {
  if (id === undefined || typeof id === 'string') return id
  throw new TypeError(`dedupe returns a text or undefined, and not a value of type ${typeof id}`)
}

/** What a store cannot keep as it is (too long, not well-formed) is known by its hash. Nothing is no id. */
function toStorable(id: string | undefined): string | undefined {
  if (id === undefined || id === '') return undefined
  // In UTF-16, because UTF-8 writes every half of a surrogate pair in the same way.
  return isStorableKey(id) ? id : `sha256:${sha256Hex(Buffer.from(id, 'utf16le'))}`
}
