import { type RetrySettings, retryDelay } from '../core/backoff.js'
import type { AfterAttempt, DeliveryRecord } from '../model/delivery.js'
import type { Tried } from './attempt.js'
import type { HeaderList } from './headers.js'
import { retryAfterMs } from './retry-after.js'

/** How a lane's deliveries are sent, read anew at each attempt. */
export interface Policy {
  readonly headers: HeaderList
  readonly timeoutMs: number
  /** Absent: 200 to 299. */
  readonly success?: ReadonlySet<number>
  /** Absent: 400 to 499 but those that may pass by themselves. */
  readonly final?: ReadonlySet<number>
  readonly retry: RetrySettings
  readonly concurrency: number
}

/** Time-out, conflict, too early, too many: the same request may succeed later. */
const passing: ReadonlySet<number> = new Set([408, 409, 425, 429])

function isSuccess({ success }: Policy, status: number): boolean {
  return success?.has(status) ?? (status >= 200 && status <= 299)
}

function isFinal({ final }: Policy, status: number): boolean {
  return final?.has(status) ?? (status >= 400 && status <= 499 && !passing.has(status))
}

/**
 * What becomes of a delivery after an attempt. A status that counts as success is never final. The next attempt is not
 * before the schedule's time, nor before the one that the endpoint asks for.
 */
export function afterAttempt(
  policy: Policy,
  {
    delivery,
    tried,
    startedAt,
    now,
    random,
  }: {
    delivery: DeliveryRecord
    tried: Tried
    startedAt: number
    now: number
    random: () => number
  },
): AfterAttempt {
  if (tried.type === 'refused') return { status: 'dead', reason: 'refused' }
  if (tried.type === 'answered') {
    const { status } = tried.answer
    if (isSuccess(policy, status)) return { status: 'delivered' }
    if (isFinal(policy, status)) return { status: 'dead', reason: 'rejected' }
  }

  const elapsedMs = now - (delivery.firstAttemptAt ?? startedAt)
  const scheduledMs = retryDelay(policy.retry, { attempt: delivery.attempts + 1, elapsedMs, random })
  if (scheduledMs === undefined) return { status: 'dead', reason: 'exhausted' }
  const askedMs = tried.type === 'answered' ? (retryAfterMs(tried.answer.headers, now) ?? 0) : 0
  const delayMs = Math.max(scheduledMs, askedMs)
  const { giveUpAfterMs = Number.POSITIVE_INFINITY } = policy.retry
  if (elapsedMs + delayMs > giveUpAfterMs) return { status: 'dead', reason: 'exhausted' }
  const dueAt = now + delayMs
  return dueAt >= delivery.deadlineAt ? { status: 'dead', reason: 'expired' } : { status: 'due', dueAt }
}
