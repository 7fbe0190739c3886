import type { AfterAttempt, ClaimedDelivery } from '../../../../src/model/delivery.js'
import type { LaneNews } from '../../../../src/model/lane.js'
import type { Outcome, StoreSession } from '../../../../src/store/store.js'
import { MINUTE, type Trial } from '../../../../src/testing/conformance/trial.js'

export const FAILED: LaneNews = { type: 'failed', strikeMs: MINUTE }
export const ANSWERED: LaneNews = { type: 'answered' }

interface Recording {
  readonly next: AfterAttempt
  readonly news?: LaneNews
  readonly session?: StoreSession
}

/** Records an attempt, and what it has shown of its endpoint, in a session of whichever node. */
export function recordIn(
  trial: Trial,
  claimed: ClaimedDelivery,
  { next, news, session = trial.session }: Recording,
): Promise<Outcome<'recordAttempt'>> {
  return session.recordAttempt({
    claim: trial.toDeliveryClaim(claimed),
    now: trial.now,
    attempt: { at: trial.now, durationMs: 1, status: 200 },
    next,
    ...(news === undefined ? {} : { news }),
  })
}
