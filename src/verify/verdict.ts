import { LonglineError } from '../errors.js'
import type { Verdict, Verify } from '../model/code.js'
import type { RawRequest } from '../model/received.js'

/** `reason` is for the operator; the sender never reads it. */
export type Judgement =
  | { readonly ok: true; readonly deliveryId?: string }
  | { readonly ok: false; readonly reason: string }

/** What the verifiers before have said. */
interface Heard {
  readonly reasons: readonly string[]
  /** What kept one from saying anything. */
  readonly unable?: LonglineError
}

/**
 * Asks the verifiers in turn: the first that passes decides. Only `true` or `{ deliveryId }` passes; what forgets to
 * return, returns something else, or throws does not. Without a promise where no verifier needs one.
 *
 * @throws what a verifier threw that may go well the next time (`retryable`), where no other passed: a request that could not be
 * judged is not refused.
 */
export function judge(verify: readonly Verify[], request: RawRequest): Judgement | Promise<Judgement> {
  return askNext(verify, request, { reasons: [] })
}

function askNext(
  [ask, ...others]: readonly Verify[],
  request: RawRequest,
  heard: Heard,
): Judgement | Promise<Judgement> {
  const { reasons, unable } = heard
  if (ask === undefined) {
    if (unable !== undefined) throw unable
    return { ok: false, reason: reasons.length === 0 ? 'there is no verifier' : reasons.join('; ') }
  }
  const decide = (verdict: unknown): Judgement | Promise<Judgement> => {
    if (!isPass(verdict))
      return askNext(others, request, { ...heard, reasons: [...reasons, describe(verdict)] })
    return verdict === true ? { ok: true } : { ok: true, deliveryId: verdict.deliveryId }
  }
  const fail = (error: unknown) =>
    askNext(
      others,
      request,
      isRetryable(error) ? { unable: error, ...heard } : { ...heard, reasons: [...reasons, reasonOf(error)] },
    )
  let answered: unknown
  try {
    answered = ask(request)
  } catch (error) {
    return fail(error)
  }
  return isPromise(answered) ? Promise.resolve(answered).then(decide, fail) : decide(answered)
}

/** Or something like one: the platform decides what comes of it. */
function isPromise(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'then' in value
}

function isRetryable(error: unknown): error is LonglineError {
  return error instanceof LonglineError && error.retryable
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
  if (typeof verdict === 'function') {
    return 'it returned a function, and so makes verifiers: call it where you declare it, and give what it returns'
  }
  return `it returned ${verdict === null ? 'null' : `a value of type ${typeof verdict}`}; only true or { deliveryId } passes`
}
