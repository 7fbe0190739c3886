import type { LaneRecord } from '../model/lane.js'

export interface EndpointHealth {
  /** `paused`: by `pause`, or because it has failed for days. `resting`: it asked to be left alone, or its breaker has opened. */
  readonly state: 'open' | 'resting' | 'paused'
  /** Why it is paused. */
  readonly reason?: 'asked' | 'failing'
  /** Attempts that failed one after another, up to now. */
  readonly failures: number
  readonly failingSince?: Date
  readonly restsUntil?: Date
}

export function toHealth(lane: LaneRecord | undefined, now: number): EndpointHealth {
  if (lane === undefined) return { state: 'open', failures: 0 }
  const { pause, restsUntil = 0, failures, failingSince } = lane
  const rests = restsUntil > now
  return {
    state: pause !== undefined ? 'paused' : rests ? 'resting' : 'open',
    ...(pause === 'asked' || pause === 'failing' ? { reason: pause } : {}),
    failures,
    ...(failingSince === undefined ? {} : { failingSince: new Date(failingSince) }),
    ...(rests ? { restsUntil: new Date(restsUntil) } : {}),
  }
}
