import { type RetrySettings, retryDelay } from '../core/backoff.js'
import type { AfterAttempt, DeliveryRecord } from '../model/delivery.js'
import type { Tried } from './attempt.js'
import type { CarriedAnswer } from './carrier.js'
import type { Credentials } from './credentials.js'
import type { HeaderList } from './headers.js'
import { retryAfterMs } from './retry-after.js'
import type { SigningKey } from './signing.js'
import type { TlsSettings } from './tls.js'

/** How a lane's deliveries are sent, read anew at each attempt. */
export interface Policy {
  readonly headers: HeaderList
  /** Each signs; where there is none, nothing is signed. */
  readonly signingKeys: readonly SigningKey[]
  readonly credentials?: Credentials
  readonly tls?: TlsSettings
  readonly timeoutMs: number
  /** Absent: 200 to 299. */
  readonly success?: ReadonlySet<number>
  /** Absent: 400 to 499 but those that may pass by themselves. */
  readonly final?: ReadonlySet<number>
  readonly requireEmptyResponse: boolean
  readonly retry: RetrySettings
  readonly concurrency: number
  readonly rateLimit?: RateLimit
  readonly breaker: Breaker | false
}

/** So many attempts in so much time. */
export interface RateLimit {
  readonly count: number
  readonly perMs: number
}

/** After so many failed attempts in a row, nothing is sent for a while. */
export interface Breaker {
  readonly failures: number
  readonly pauseMs: number
}

/** Time-out, conflict, too early, too many: the same request may succeed later. */
const passing: ReadonlySet<number> = new Set([408, 409, 425, 429])

function isSuccess({ success }: Policy, status: number): boolean {
  return success?.has(status) ?? (status >= 200 && status <= 299)
}

function isFinal({ final }: Policy, status: number): boolean {
  return final?.has(status) ?? (status >= 400 && status <= 499 && !passing.has(status))
}

/** Why an answer whose status says success is none, in words. A body that broke off before its first byte is a body. */
export function objectionTo(policy: Policy, { status, body, truncated }: CarriedAnswer): string | undefined {
  if (!policy.requireEmptyResponse || !isSuccess(policy, status)) return undefined
  return body.length > 0 || truncated
    ? 'answered with a body, and only an empty answer is success'
    : undefined
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
    if (isSuccess(policy, status) && objectionTo(policy, tried.answer) === undefined) {
      return { status: 'delivered' }
    }
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
