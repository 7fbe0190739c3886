// What is known of a lane beyond the deliveries that wait in it: how its endpoint has been doing, and how fast it may be
// worked off. It holds for all nodes together.
//
//   open ──rests──▶ resting ──time──▶ open          Retry-After, or a breaker that has opened
//     ├──paused────▶ paused ──resumed─▶ catching up ──nothing due──▶ open
//     └──gone──────▶ retired
//
//   any of them ──asked for a proof──▶ unproven ──proven──▶ open, or paused if somebody had paused it
//
// What waits in a lane that rests or is paused is not lost: it waits, until its deadline.

/** How fast a lane may be worked off: a leaky bucket, from which `count` deliveries leave in `perMs`, spread evenly. */
export interface Rate {
  readonly count: number
  readonly perMs: number
}

/**
 * Why nothing of a lane is attempted until somebody resumes it. `unproven`: its endpoint has not shown that it wants it.
 * `unproven_asked`: nor would it be attempted if it had, because somebody had paused it before.
 */
export type PauseReason = 'asked' | 'failing' | 'unproven' | 'unproven_asked' | 'retired'

export interface LaneRecord {
  /** No attempt before that. */
  readonly restsUntil?: number
  /** Attempts that failed one after another, up to now. */
  readonly failures: number
  readonly failingSince?: number
  /** Failures among them that lie far enough apart to be more than one bad hour. */
  readonly strikes: number
  readonly lastStrikeAt?: number
  /** A breaker has opened: one attempt at a time, whoever makes it, until one is answered. */
  readonly probing: boolean
  /** That it has been failing for half of the time it may has been told. */
  readonly warned: boolean
  readonly pause?: PauseReason
  readonly pausedAt?: number
  /** It was resumed, and what had gathered is sent no faster than this. */
  readonly catchUp?: Rate
  /** When the bucket lets the next one through. It may lie between two milliseconds. */
  readonly nextAt?: number
}

/** A lane of which nothing is known. */
export const healthyLane: LaneRecord = {
  failures: 0,
  strikes: 0,
  probing: false,
  warned: false,
}

/** How many strikes it takes until a lane is told of, and until it is paused: with one it may have had one bad hour. */
export const STRIKES = { told: 2, paused: 3 } as const

/** One bad hour is forgiven after that, if nothing was sent since. */
export const FORGIVEN_MS = 7 * 24 * 60 * 60 * 1_000

/** From when on a healthy lane would have nothing else to be said of it; `undefined`: time alone does not heal it. */
export function healthyFrom(lane: LaneRecord): number | undefined {
  const { strikes, lastStrikeAt, warned, pause, catchUp, restsUntil = 0, nextAt } = lane
  if (strikes >= STRIKES.told || warned || pause !== undefined || catchUp !== undefined) return undefined
  const forgivenAt = lastStrikeAt === undefined ? 0 : lastStrikeAt + FORGIVEN_MS
  return Math.max(forgivenAt, restsUntil, nextAt === undefined ? 0 : nextAt + BUCKET_MS)
}

/** What an attempt has shown of its endpoint. */
export type LaneNews =
  /** It is there, whatever it thinks of the message. */
  | { readonly type: 'answered' }
  | {
      readonly type: 'failed'
      /** It has asked to be left alone. */
      readonly restsUntil?: number
      readonly breaker?: Breaker
      /** Failures closer to one another than this are one strike. */
      readonly strikeMs: number
    }
  /** It has said that it is gone for good. */
  | { readonly type: 'gone' }

/** After so many failures in a row nothing is attempted for a while, and then one at a time until one is answered. */
export interface Breaker {
  readonly failures: number
  readonly pauseMs: number
}

/** `undefined`: nothing about it has changed. */
export function afterNews(lane: LaneRecord, news: LaneNews, now: number): LaneRecord | undefined {
  switch (news.type) {
    case 'answered': {
      if (lane.failures === 0) return undefined
      // A time it has asked for stands.
      const { failingSince: _, lastStrikeAt: __, ...rest } = lane
      return { ...rest, failures: 0, strikes: 0, probing: false, warned: false }
    }
    case 'failed': {
      const failures = lane.failures + 1
      const opens = news.breaker !== undefined && failures >= news.breaker.failures
      const restsUntil = Math.max(
        lane.restsUntil ?? 0,
        news.restsUntil ?? 0,
        opens ? now + (news.breaker?.pauseMs ?? 0) : 0,
      )
      const isStrike = lane.lastStrikeAt === undefined || now >= lane.lastStrikeAt + news.strikeMs
      return {
        ...lane,
        failures,
        failingSince: lane.failingSince ?? now,
        ...(restsUntil > 0 ? { restsUntil } : {}),
        probing: lane.probing || opens,
        ...(isStrike ? { strikes: lane.strikes + 1, lastStrikeAt: now } : {}),
      }
    }
    case 'gone':
      // One that is not proven was not sent anything: what says so speaks of the URL it had before.
      return lane.pause === 'retired' || isUnproven(lane)
        ? undefined
        : { ...lane, pause: 'retired', pausedAt: now }
  }
}

/** Whether only a proof opens it. */
export function isUnproven({ pause }: Pick<LaneRecord, 'pause'>): boolean {
  return pause === 'unproven' || pause === 'unproven_asked'
}

/** Its endpoint has to prove itself. What else it was paused for speaks of the URL before, unless somebody asked for it. */
export function afterDoubt(lane: LaneRecord, now: number): LaneRecord {
  if (isUnproven(lane)) return lane
  return lane.pause === 'asked'
    ? { ...lane, pause: 'unproven_asked' }
    : { ...lane, pause: 'unproven', pausedAt: now }
}

/** Its endpoint has proven itself. `undefined`: that was not asked of it. */
export function afterProof(lane: LaneRecord): LaneRecord | undefined {
  if (!isUnproven(lane)) return undefined
  if (lane.pause === 'unproven_asked') return { ...lane, pause: 'asked' }
  const { pause: _, pausedAt: __, ...open } = lane
  return open
}

/** Somebody resumes it. `undefined`: it is not paused, or not by anything but a proof that it lacks. */
export function afterResume(lane: LaneRecord, catchUp: Rate): LaneRecord | undefined {
  if (lane.pause === undefined || lane.pause === 'unproven') return undefined
  if (lane.pause === 'unproven_asked') return { ...lane, pause: 'unproven' }
  // Its bucket is as empty as it was: nobody gets more through by pausing and resuming.
  const { nextAt } = lane
  return { ...healthyLane, catchUp: { ...catchUp }, ...(nextAt === undefined ? {} : { nextAt }) }
}

/** A whole bucket is what leaves within this time: it keeps small rates even, and large ones from being counted one by one. */
export const BUCKET_MS = 100

/** To what an instant of today is good, as a number: a full bucket must not lack one for that. */
export const RESOLUTION_MS = 2.5e-4

/**
 * How many a bucket lets through by now, and when it lets the next one through once `taken` of them have left.
 * `nextAt` is what `LaneRecord` has of it.
 */
export function fromBucket(
  rate: Rate,
  { nextAt = 0, now }: { readonly nextAt?: number | undefined; readonly now: number },
): { readonly free: number; readonly nextAfter: (taken: number) => number } {
  const intervalMs = rate.perMs / rate.count
  const size = Math.max(1, Math.floor((BUCKET_MS * rate.count) / rate.perMs))
  // Nobody comes between two milliseconds: who comes with the next one is not late.
  const from = now - nextAt < 1 ? nextAt : Math.max(nextAt, now - (size - 1) * intervalMs)
  const free = from > now ? 0 : Math.min(size, Math.floor((now - from + RESOLUTION_MS) / intervalMs) + 1)
  return { free, nextAfter: taken => from + taken * intervalMs }
}

/** The slower of two. */
export function slower(one: Rate | undefined, other: Rate | undefined): Rate | undefined {
  if (one === undefined || other === undefined) return one ?? other
  return one.perMs / one.count >= other.perMs / other.count ? one : other
}
