import type { Verdict, Verify } from '../model/code.js'
import type { RawRequest } from '../model/received.js'

/** `reason` is for the operator; the sender never reads it. */
export type Judgement =
  | { readonly ok: true; readonly deliveryId?: string }
  | { readonly ok: false; readonly reason: string }

/**
 * Asks the verifiers in turn: the first that passes decides. Only `true` or `{ deliveryId }` passes; what forgets to
 * return, returns something else, or throws does not.
 */
export async function judge(verify: readonly Verify[], request: RawRequest): Promise<Judgement> {
  const reasons: string[] = []
  for (const ask of verify) {
    try {
      const verdict: unknown = await ask(request)
      if (isPass(verdict))
        return verdict === true ? { ok: true } : { ok: true, deliveryId: verdict.deliveryId }
      reasons.push(describe(verdict))
    } catch (error) {
      reasons.push(error instanceof Error ? error.message : 'it threw something that is no error')
    }
  }
  return { ok: false, reason: reasons.length === 0 ? 'there is no verifier' : reasons.join('; ') }
}

function isPass(verdict: unknown): verdict is Exclude<Verdict, false> {
  if (verdict === true) return true
  if (typeof verdict !== 'object' || verdict === null || !('deliveryId' in verdict)) return false
  return typeof verdict.deliveryId === 'string'
}

/** By its type alone: what a verifier returns may hold what it looked at. */
function describe(verdict: unknown): string {
  if (verdict === false) return 'it returned false'
  if (verdict === undefined) return 'it returned nothing; a verifier returns true or { deliveryId }'
  return `it returned ${verdict === null ? 'null' : `a value of type ${typeof verdict}`}; only true or { deliveryId } passes`
}
