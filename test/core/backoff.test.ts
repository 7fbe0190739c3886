import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Retry, type RetrySettings, retryDelay, toRetrySettings } from '../../src/core/backoff.js'
import { InvalidOptionsError } from '../../src/errors.js'

const growing: RetrySettings = { attempts: 10, delayMs: 1000, maxDelayMs: 600_000, factor: 2, jitter: 0.2 }
const listed: RetrySettings = {
  ...growing,
  attempts: 3,
  delaysMs: [0, 5000],
  maxDelayMs: 5000,
  giveUpAfterMs: 86_400_000,
}

/** The delays after each attempt, until it gives up. */
function delays(settings: RetrySettings, random = () => 0.5, limit = 100): number[] {
  const all: number[] = []
  let elapsedMs = 0
  while (all.length < limit) {
    const delay = retryDelay(settings, { attempt: all.length + 1, elapsedMs, random })
    if (delay === undefined) break
    all.push(delay)
    elapsedMs += delay
  }
  return all
}

function resolve(retry: Retry | undefined, defaults = growing): RetrySettings {
  return toRetrySettings(retry, defaults, 'retry')
}

describe('what a retry option comes to', () => {
  it('is the default when it is left out', () => {
    expect(resolve(undefined)).toBe(growing)
    expect(delays(growing)).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 128_000, 256_000])
  })

  it('is one attempt when it is false', () => {
    expect(delays(resolve(false))).toEqual([])
    expect(delays(resolve(false, listed))).toEqual([])
  })

  it('is one attempt more than there are delays in a list, whatever the defaults limit', () => {
    expect(delays(resolve([0, '5s', '2d'], listed))).toEqual([0, 5000, 172_800_000])
    expect(delays(resolve([], listed))).toEqual([])
  })

  it('grows from the delay by the factor up to the longest one', () => {
    expect(delays(resolve({ attempts: 5, delay: '1s', factor: 10, maxDelay: '2m' }))).toEqual([
      1000, 10_000, 100_000, 120_000,
    ])
    expect(delays(resolve({ attempts: 3, delay: 0 }))).toEqual([0, 0])
    expect(delays(resolve({ attempts: 5000, delay: 0 }), () => 0.5, 5000).every(delay => delay === 0)).toBe(
      true,
    )
    expect(delays(resolve({ attempts: 3, delay: '1h' }))).toEqual([3_600_000, 3_600_000])
  })

  it('counts the first attempt', () => {
    expect(delays(resolve({ attempts: 1 }))).toEqual([])
    expect(delays(resolve({ attempts: 3 }))).toHaveLength(2)
  })

  it('keeps the delays of a default list unless it is told how they grow, and repeats the last', () => {
    expect(delays(resolve({ attempts: 5 }, listed))).toEqual([0, 5000, 5000, 5000])
    expect(delays(resolve({ maxDelay: '2s' }, listed))).toEqual([0, 2000])
    expect(delays(resolve({ delay: '1s', maxDelay: '2s' }, listed))).toEqual([1000, 2000])
    expect(delays(resolve({ factor: 3 }, listed))).toEqual([1000, 3000])
  })

  it('is limited by time alone when only that is given', () => {
    const settings = resolve({ delay: '1s', factor: 1, giveUpAfter: '20s' })
    expect(delays(settings)).toHaveLength(20)
    expect(delays(resolve({ attempts: 3, delay: '1s', giveUpAfter: '20s' }))).toHaveLength(2)
  })

  it('may be without end', () => {
    expect(delays(resolve({ attempts: Number.POSITIVE_INFINITY }), () => 0.5, 2000)).toHaveLength(2000)
  })

  it('is refused when it makes no sense, by name and in words', () => {
    const refused = (retry: unknown, message: string | RegExp) => {
      expect(() => resolve(retry as Retry)).toThrow(InvalidOptionsError)
      expect(() => resolve(retry as Retry)).toThrow(message)
    }
    refused(3, 'retry must be false, a list of delays, or an object such as { attempts: 5 }')
    refused(true, 'retry must be false')
    refused(null, 'retry must be false')
    refused(
      { retries: 3 },
      "retry has no option 'retries'; there are attempts, delay, maxDelay, factor, giveUpAfter",
    )
    for (const attempts of [0, -1, 1.5, Number.NaN, '3'])
      refused({ attempts }, 'retry.attempts must be a whole number from 1')
    for (const factor of [0.5, Number.NaN, Number.POSITIVE_INFINITY, '2'])
      refused({ factor }, 'retry.factor must be a number from 1')
    refused({ delay: '1 s' }, /^retry\.delay is '1 s'/)
    refused({ giveUpAfter: -1 }, /^retry\.giveUpAfter is -1/)
    refused(['5s', 'later'], /^retry\[1\] is 'later'/)
    refused({ delay: '5m', maxDelay: '1m' }, 'retry.maxDelay is shorter than retry.delay')
  })
})

describe('the delay before the next attempt', () => {
  const settings: fc.Arbitrary<RetrySettings> = fc.record(
    {
      attempts: fc.oneof(fc.integer({ min: 1, max: 200 }), fc.constant(Number.POSITIVE_INFINITY)),
      delaysMs: fc.array(fc.nat(10_000_000), { minLength: 1, maxLength: 12 }),
      delayMs: fc.nat(10_000_000),
      maxDelayMs: fc.nat(10_000_000),
      factor: fc.double({ min: 1, max: 1e6, noNaN: true }),
      giveUpAfterMs: fc.nat(1_000_000_000),
      jitter: fc.double({ min: 0, max: 1, noNaN: true }),
    },
    { requiredKeys: ['attempts', 'delayMs', 'maxDelayMs', 'factor', 'jitter'] },
  )
  const moment = fc.record({ attempt: fc.integer({ min: 1, max: 5000 }), elapsedMs: fc.nat(2_000_000_000) })
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })

  it('is a whole number, never negative, never above the longest one and its jitter', () => {
    fc.assert(
      fc.property(settings, moment, chance, (settings, moment, number) => {
        const delay = retryDelay(settings, { ...moment, random: () => number })
        if (delay === undefined) return
        expect(Number.isInteger(delay)).toBe(true)
        expect(delay).toBeGreaterThanOrEqual(0)
        expect(delay).toBeLessThanOrEqual(settings.maxDelayMs * (1 + settings.jitter))
      }),
    )
  })

  it('exists for exactly as many attempts as there are, when time does not limit them', () => {
    fc.assert(
      fc.property(settings, moment, chance, (settings, moment, number) => {
        const { giveUpAfterMs: _, ...unlimited } = settings
        const delay = retryDelay(unlimited, { ...moment, random: () => number })
        expect(delay !== undefined).toBe(moment.attempt < settings.attempts)
      }),
    )
  })

  it('never ends later than is allowed', () => {
    fc.assert(
      fc.property(settings, moment, chance, (settings, moment, number) => {
        const delay = retryDelay(settings, { ...moment, random: () => number })
        if (delay === undefined || settings.giveUpAfterMs === undefined) return
        expect(moment.elapsedMs + delay).toBeLessThanOrEqual(settings.giveUpAfterMs)
      }),
    )
  })

  it('never shrinks from one attempt to the next when it grows without jitter', () => {
    fc.assert(
      fc.property(settings, moment, (settings, { attempt }) => {
        const { delaysMs: _, giveUpAfterMs: __, ...rest } = settings
        const steady = { ...rest, jitter: 0, attempts: Number.POSITIVE_INFINITY }
        const [now, next] = [attempt, attempt + 1].map(attempt =>
          retryDelay(steady, { attempt, elapsedMs: 0, random: () => 0 }),
        )
        expect(next).toBeGreaterThanOrEqual(now ?? Number.POSITIVE_INFINITY)
      }),
    )
  })

  it('is spread evenly around what it would be', () => {
    const at = (number: number) => retryDelay(growing, { attempt: 1, elapsedMs: 0, random: () => number })
    expect([at(0), at(0.5), at(0.999999)]).toEqual([800, 1000, 1199])
  })
})
