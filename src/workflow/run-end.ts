import { type RetrySettings, retryDelay } from '../core/backoff.js'
import { LeaseLostError, LonglineError, RunCancelledError, ServerClosedError } from '../errors.js'
import type { MemoryKey } from '../model/memory.js'
import type { RunRecord } from '../model/run.js'
import { encodeValue } from '../model/value.js'
import { encodeError } from '../model/value-errors.js'
import type { EndRunInput } from '../store/running.js'

/** What the code of a run came to in one entry. */
export type Outcome =
  | { readonly type: 'returned'; readonly value: unknown }
  /** `blames`: the memory that the error comes from, which would be thrown again by every entry. */
  | { readonly type: 'threw'; readonly error: unknown; readonly blames: MemoryKey | undefined }

export interface Circumstances {
  readonly run: RunRecord
  readonly retry: RetrySettings
  /** The cancellation of the run was thrown, in this entry or before. */
  readonly cancelled: boolean
  /** It, or one that was thrown, is what an error comes from: the code did not deal with it. */
  readonly isCancellation: (error: unknown) => boolean
  readonly cancelReason: string | undefined
  readonly now: number
  readonly random: () => number
}

/**
 * What becomes of a run whose code has ended.
 *
 *   returned ─────────────▶ done, or cancelled where the cancellation had been thrown
 *   threw ──cancellation──▶ cancelled
 *     ├────from memory────▶ failed: it would be thrown again
 *     ├────final──────────▶ failed
 *     └────other──────────▶ due again, until its tries are spent; then failed
 */
export function toRunEnd(outcome: Outcome, circumstances: Circumstances): EndRunInput['end'] {
  const { run, cancelled, isCancellation, cancelReason } = circumstances
  const endsCancelled = outcome.type === 'returned' ? cancelled : isCancellation(outcome.error)
  if (endsCancelled) return toCancelled(cancelReason)
  if (outcome.type === 'threw') return toFailed(outcome, circumstances)
  try {
    const bytes = encodeValue(outcome.value, `The result of workflow '${run.workflow}'`)
    return { status: 'done', result: { type: 'value', bytes } }
  } catch (error) {
    return toFailed({ error, blames: undefined }, circumstances)
  }
}

/** Nobody is given what a run returned that was cancelled. */
function toCancelled(reason: string | undefined): EndRunInput['end'] {
  const bytes = encodeError(new RunCancelledError(reason))
  return { status: 'cancelled', result: { type: 'error', bytes } }
}

function toFailed(
  { error, blames }: { readonly error: unknown; readonly blames: MemoryKey | undefined },
  { run, retry, now, random }: Circumstances,
): EndRunInput['end'] {
  const result = { type: 'error', bytes: encodeError(error) } as const
  if (blames !== undefined) return { status: 'failed', result, blames }
  const tried = { attempt: run.failures + 1, elapsedMs: now - run.startedAt, random }
  const delayMs = isFinal(error) ? undefined : retryDelay(retry, tried)
  return delayMs === undefined
    ? { status: 'failed', result }
    : { status: 'due', result, dueAt: now + delayMs }
}

/** The same call would be refused again. That this server is closing, or has lost its lease, says nothing of the run. */
function isFinal(error: unknown): boolean {
  if (error instanceof ServerClosedError || error instanceof LeaseLostError) return false
  return error instanceof LonglineError && !error.retryable
}
