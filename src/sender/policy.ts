import { type RetrySettings, retryDelay } from '../core/backoff.js'
import type { AfterAttempt, DeliveryRecord, Lane } from '../model/delivery.js'
import type { Breaker, LaneNews, Rate } from '../model/lane.js'
import { DEFAULTS } from '../options.js'
import type { Judged } from './attempt.js'
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
  readonly rateLimit?: Rate
  readonly breaker: Breaker | false
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
    tried: Judged
    startedAt: number
    now: number
    random: () => number
  },
): AfterAttempt {
  if (tried.type === 'refused') return { status: 'dead', reason: 'refused' }
  if (tried.type === 'answered') {
    const { status } = tried.answer
    if (isSuccess(policy, status)) {
      if (tried.objection === undefined) return { status: 'delivered' }
    } else if (isFinal(policy, status)) return { status: 'dead', reason: 'rejected' }
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

/** What an attempt has shown of its endpoint; nothing when nothing was sent. */
export function toNews(
  policy: Policy,
  { lane, tried, next, now }: { lane: Lane; tried: Judged; next: AfterAttempt; now: number },
): LaneNews | undefined {
  // A proof is a lane of its own, and has its own schedule.
  if (tried.type === 'refused' || lane.startsWith('proof:')) return undefined
  const isFailure = next.status === 'due' || (next.status === 'dead' && next.reason !== 'rejected')
  if (tried.type === 'answered' && !isFailure) {
    const isGone = tried.answer.status === 410 && next.status === 'dead' && lane.startsWith('subscription:')
    return { type: isGone ? 'gone' : 'answered' }
  }
  const askedMs = tried.type === 'answered' ? retryAfterMs(tried.answer.headers, now) : undefined
  return {
    type: 'failed',
    ...(askedMs === undefined ? {} : { restsUntil: now + askedMs }),
    ...(policy.breaker === false ? {} : { breaker: policy.breaker }),
    // Nobody could resume a URL that was written out for one message: it is not paused, however long it fails.
    strikeMs: lane.startsWith('origin:') ? Number.MAX_SAFE_INTEGER : DEFAULTS.strikeMs,
  }
}
