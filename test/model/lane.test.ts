import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  afterNews,
  fromBucket,
  healthyFrom,
  healthyLane,
  type LaneNews,
  type LaneRecord,
  type Rate,
  slower,
} from '../../src/model/lane.js'

const HOUR = 3_600_000
const NOW = 1_000_000
const failed: LaneNews = { type: 'failed', strikeMs: HOUR }

const rate = fc.record({
  count: fc.integer({ min: 1, max: 5_000 }),
  perMs: fc.integer({ min: 1, max: 60_000 }),
})

/** How many a bucket holds. */
function sizeOf({ count, perMs }: Rate): number {
  return Math.max(1, Math.floor((100 * count) / perMs))
}

/** Asks the bucket after each of these pauses, and takes what it lets through, but no more than what is wanted. */
function leave(
  of: Rate,
  asked: readonly { readonly afterMs: number; readonly wants: number }[],
): readonly { readonly now: number; readonly taken: number }[] {
  let now = NOW
  let nextAt: number | undefined
  return asked.map(({ afterMs, wants }) => {
    now += afterMs
    const { free, nextAfter } = fromBucket(of, { nextAt, now })
    const taken = Math.min(free, wants)
    if (taken > 0) nextAt = nextAfter(taken)
    return { now, taken }
  })
}

const asking = (most: number) =>
  fc.array(
    fc.record({ afterMs: fc.integer({ min: 0, max: 300 }), wants: fc.integer({ min: 0, max: most }) }),
    { minLength: 1, maxLength: 100 },
  )

describe('a bucket', () => {
  it('never lets more than its rate and what it holds through, in any window', () => {
    fc.assert(
      fc.property(rate, asking(1_000), (of, asked) => {
        const left = leave(of, asked)
        for (const [index, first] of left.entries()) {
          let taken = 0
          for (const { now, taken: more } of left.slice(index)) {
            taken += more
            const earned = ((now - first.now) * of.count) / of.perMs
            expect(taken).toBeLessThanOrEqual(earned + sizeOf(of) + 1e-6)
          }
        }
      }),
    )
  })

  it('never lets more than count and what it holds through within the time of its rate', () => {
    fc.assert(
      fc.property(rate, asking(1_000), (of, asked) => {
        const left = leave(of, asked)
        for (const first of left) {
          const within = left.filter(({ now }) => now >= first.now && now < first.now + of.perMs)
          const taken = within.reduce((sum, one) => sum + one.taken, 0)
          expect(taken).toBeLessThanOrEqual(of.count + sizeOf(of))
        }
      }),
    )
  })

  it('lets all through that it could where there is always something due and it is asked as soon as it says', () => {
    fc.assert(
      fc.property(rate, fc.integer({ min: 1, max: 200 }), (of, rounds) => {
        let now = NOW
        let nextAt: number | undefined
        let taken = 0
        for (let round = 0; round < rounds; round += 1) {
          const { free, nextAfter } = fromBucket(of, { nextAt, now })
          taken += free
          nextAt = nextAfter(free)
          // An instant of today is a number that is good to a quarter of a microsecond, and each round rounds once.
          const passedMs = now - NOW - (round + 1) * 2.5e-4
          expect(taken).toBeGreaterThanOrEqual(Math.floor((passedMs * of.count) / of.perMs))
          now = Math.max(now + 1, Math.ceil(nextAt))
        }
      }),
      { numRuns: 1_000 },
    )
  })

  it('has one at the instant it has given, and none a moment before', () => {
    fc.assert(
      fc.property(rate, fc.integer({ min: 0, max: 10_000 }), (of, waitedMs) => {
        const full = fromBucket(of, { nextAt: NOW - waitedMs, now: NOW })
        const nextAt = full.nextAfter(full.free)
        expect(full.free).toBeGreaterThan(0)
        expect(nextAt).toBeGreaterThan(NOW - 1e-6)
        const next = Math.ceil(nextAt)
        expect(fromBucket(of, { nextAt, now: next }).free).toBeGreaterThan(0)
        if (next - 1 < nextAt) expect(fromBucket(of, { nextAt, now: next - 1 }).free).toBe(0)
      }),
    )
  })

  it('is full at whatever instant nothing is known of it', () => {
    fc.assert(
      fc.property(rate, fc.integer({ min: 0, max: 10_000_000 }), (of, later) => {
        expect(fromBucket(of, { now: NOW + later }).free).toBe(sizeOf(of))
      }),
      { numRuns: 1_000, examples: [[{ count: 23, perMs: 1_000 }, 602]] },
    )
  })

  it('is full at first, and full again after a pause: what was not used does not add up', () => {
    const even = { count: 50, perMs: 1_000 }
    expect(fromBucket(even, { now: NOW }).free).toBe(5)
    expect(fromBucket(even, { nextAt: NOW - 24 * HOUR, now: NOW }).free).toBe(5)
    const slow = { count: 1, perMs: HOUR }
    expect(fromBucket(slow, { now: NOW }).free).toBe(1)
    expect(fromBucket(slow, { now: NOW }).nextAfter(1)).toBe(NOW + HOUR)
  })
})

describe('the slower of two rates', () => {
  it('is the one that takes longer for one, whichever way they are written', () => {
    const [one, other] = [
      { count: 60, perMs: 60_000 },
      { count: 2, perMs: 1_000 },
    ]
    expect(slower(one, other)).toBe(one)
    expect(slower(other, one)).toBe(one)
    expect(slower(undefined, other)).toBe(other)
    expect(slower(one, undefined)).toBe(one)
    expect(slower(undefined, undefined)).toBeUndefined()
  })
})

describe('news of a lane', () => {
  const breaker = { failures: 3, pauseMs: 10_000 }
  const known = (news: readonly (readonly [LaneNews, number])[], lane: LaneRecord = healthyLane) =>
    news.reduce((before, [one, now]) => afterNews(before, one, now) ?? before, lane)

  it('says nothing of a healthy lane that is answered', () => {
    expect(afterNews(healthyLane, { type: 'answered' }, NOW)).toBeUndefined()
    const paused: LaneRecord = { ...healthyLane, pause: 'asked', pausedAt: 1 }
    expect(afterNews(paused, { type: 'answered' }, NOW)).toBeUndefined()
  })

  it('counts failures from the first, and strikes only where they lie far enough apart', () => {
    const lane = known([
      [failed, NOW],
      [failed, NOW + HOUR - 1],
      [failed, NOW + HOUR],
      [failed, NOW + HOUR + 1],
      [failed, NOW + 2 * HOUR],
    ])
    expect(lane).toMatchObject({ failures: 5, failingSince: NOW, strikes: 3, lastStrikeAt: NOW + 2 * HOUR })
    expect(lane.restsUntil).toBeUndefined()
  })

  it('opens a breaker with the last of the failures it takes, and again with each that follows', () => {
    const news = { ...failed, breaker }
    const two = known([news, news].map(one => [one, NOW] as const))
    expect(two).toMatchObject({ failures: 2, probing: false })
    expect(two.restsUntil).toBeUndefined()
    const three = known([[news, NOW]], two)
    expect(three).toMatchObject({ failures: 3, probing: true, restsUntil: NOW + 10_000 })
    expect(known([[news, NOW + 10_000]], three)).toMatchObject({ probing: true, restsUntil: NOW + 20_000 })
  })

  it('keeps the longest rest that was asked for, and never shortens one', () => {
    const until = (restsUntil: number): LaneNews => ({ ...failed, restsUntil })
    expect(known([[until(NOW + 500), NOW]]).restsUntil).toBe(NOW + 500)
    expect(
      known([
        [until(NOW + 500), NOW],
        [until(NOW + 400), NOW],
      ]).restsUntil,
    ).toBe(NOW + 500)
    const both = { ...until(NOW + 20_000), breaker: { failures: 1, pauseMs: 10_000 } }
    expect(known([[both, NOW]]).restsUntil).toBe(NOW + 20_000)
  })

  it('retires a lane once, whatever it was paused for', () => {
    const gone: LaneNews = { type: 'gone' }
    const asked: LaneRecord = { ...healthyLane, pause: 'asked', pausedAt: 1 }
    const retired = afterNews(asked, gone, NOW)
    expect(retired).toEqual({ ...healthyLane, pause: 'retired', pausedAt: NOW })
    expect(retired && afterNews(retired, gone, NOW + 1)).toBeUndefined()
  })

  const news = fc.oneof<fc.Arbitrary<LaneNews>[]>(
    fc.constant({ type: 'answered' }),
    fc.constant({ type: 'gone' }),
    fc.record({ type: fc.constant('failed' as const), strikeMs: fc.integer({ min: 1, max: 1_000 }) }),
    fc.record({
      type: fc.constant('failed' as const),
      strikeMs: fc.integer({ min: 1, max: 1_000 }),
      restsUntil: fc.integer({ min: NOW, max: NOW + 100_000 }),
      breaker: fc.record({
        failures: fc.integer({ min: 1, max: 5 }),
        pauseMs: fc.integer({ min: 1, max: 1_000 }),
      }),
    }),
  )
  const history = fc
    .array(fc.tuple(news, fc.integer({ min: 0, max: 1_000 })), { maxLength: 30 })
    .map(told => {
      let now = NOW
      return told.map(([one, later]) => {
        now += later
        return [one, now] as const
      })
    })

  it('is forgotten with one answer, whatever came before: only rests and pauses stand', () => {
    fc.assert(
      fc.property(history, told => {
        const lane = known([...told, [{ type: 'answered' }, NOW + 100_000]])
        const { restsUntil, pause, pausedAt, ...rest } = lane
        expect(rest).toEqual(healthyLane)
        expect(healthyFrom(lane)).toBe(pause === undefined ? (restsUntil ?? 0) : undefined)
        expect(pausedAt === undefined).toBe(pause === undefined)
      }),
    )
  })

  it('never counts more strikes than failures, and always knows since when a lane fails that does', () => {
    fc.assert(
      fc.property(history, told => {
        const lane = known(told)
        expect(lane.strikes).toBeLessThanOrEqual(lane.failures)
        expect(lane.failingSince === undefined).toBe(lane.failures === 0)
        expect(lane.strikes > 0).toBe(lane.failures > 0)
      }),
    )
  })

  it('never makes a rest shorter', () => {
    fc.assert(
      fc.property(history, news, (told, last) => {
        const lane = known(told)
        const next = known([[last, NOW + 50_000]], lane)
        expect(next.restsUntil ?? 0).toBeGreaterThanOrEqual(lane.restsUntil ?? 0)
      }),
    )
  })
})

describe('a lane heals', () => {
  it('with time when all that is known of it is an instant, and by nothing but news or a hand otherwise', () => {
    expect(healthyFrom(healthyLane)).toBe(0)
    expect(healthyFrom({ ...healthyLane, restsUntil: NOW })).toBe(NOW)
    expect(healthyFrom({ ...healthyLane, restsUntil: NOW, pause: 'asked' })).toBeUndefined()
    expect(healthyFrom({ ...healthyLane, catchUp: { count: 1, perMs: 1 } })).toBeUndefined()
    const failing = { ...healthyLane, failures: 20, strikes: 1, lastStrikeAt: NOW }
    expect(healthyFrom(failing)).toBe(NOW + 7 * 24 * 60 * 60 * 1_000)
    expect(healthyFrom({ ...failing, strikes: 2 })).toBeUndefined()
    expect(healthyFrom({ ...failing, warned: true })).toBeUndefined()
  })

  it('not before its bucket is as full as that of a lane of which nothing is known', () => {
    fc.assert(
      fc.property(rate, fc.integer({ min: 0, max: 100 }), (of, wants) => {
        const { free, nextAfter } = fromBucket(of, { now: NOW })
        const nextAt = nextAfter(Math.min(free, wants))
        const now = Math.ceil(healthyFrom({ ...healthyLane, nextAt }) ?? Number.NaN)
        expect(fromBucket(of, { nextAt, now }).free).toBe(fromBucket(of, { now }).free)
      }),
    )
  })
})
