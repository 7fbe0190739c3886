import type { Verdict, Verify } from '../model/code.js'
import type { RawRequest } from '../model/received.js'

/** `reason` is for the operator; the sender never reads it. */
export type Judgement =
  | { readonly ok: true; readonly deliveryId?: string }
  | { readonly ok: false; readonly reason: string }

/**
 * Asks the verifiers in turn: the first that passes decides. Only `true` or `{ deliveryId }` passes; what forgets to
 * return, returns something else, or throws does not. Without a promise where no verifier needs one.
 */
export function judge(verify: readonly Verify[], request: RawRequest): Judgement | Promise<Judgement> {
  return askNext(verify, request, [])
}

function askNext(
  [ask, ...others]: readonly Verify[],
  request: RawRequest,
  reasons: readonly string[],
): Judgement | Promise<Judgement> {
  if (ask === undefined)
    return { ok: false, reason: reasons.length === 0 ? 'there is no verifier' : reasons.join('; ') }
  const decide = (verdict: unknown): Judgement | Promise<Judgement> => {
    if (!isPass(verdict)) return askNext(others, request, [...reasons, describe(verdict)])
    return verdict === true ? { ok: true } : { ok: true, deliveryId: verdict.deliveryId }
  }
  const fail = (error: unknown) => askNext(others, request, [...reasons, reasonOf(error)])
  let answered: unknown
  try {
    answered = ask(request)
  } catch (error) {
    return fail(error)
  }
  return isThenable(answered) ? Promise.resolve(answered).then(decide, fail) : decide(answered)
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && 'then' in value && typeof value.then === 'function'
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : 'it threw something that is no error'
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
