import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type Duration, formatMs, toInstant, toMs } from '../../src/core/duration.js'
import { InvalidOptionsError } from '../../src/errors.js'

describe('a duration', () => {
  it('is a number of milliseconds, or a number with its unit', () => {
    const cases: [Duration, number][] = [
      [0, 0],
      [250, 250],
      ['0s', 0],
      ['500ms', 500],
      ['5s', 5000],
      ['1m', 60_000],
      ['1.5h', 5_400_000],
      ['.5s', 500],
      ['3d', 259_200_000],
    ]
    for (const [duration, ms] of cases) expect(toMs(duration, 'timeout')).toBe(ms)
  })

  it('comes to whole milliseconds, and to zero only if it is zero', () => {
    expect([
      toMs('1.1s', 'timeout'),
      toMs(1100.6, 'timeout'),
      toMs(0.2, 'timeout'),
      toMs(-0, 'timeout'),
    ]).toEqual([1100, 1101, 1, 0])
  })

  it('is refused when it makes no sense, by name and in words', () => {
    const nonsense: unknown[] = [
      -1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      '',
      '5',
      's',
      '-5s',
      '5 s',
      '5.s',
      '1e3s',
      '5sec',
      ' 5s',
      '5s ',
      '5S',
      null,
      true,
      {},
      [],
      () => 5,
      Symbol('5s'),
      5n,
    ]
    for (const duration of nonsense) {
      expect(() => toMs(duration as Duration, 'timeout')).toThrow(InvalidOptionsError)
    }
    expect(() => toMs('5 sec' as Duration, 'retry.delay')).toThrow(
      "retry.delay is '5 sec': a duration is a number of milliseconds, or a text like '500ms', '5s', '1.5h' or '3d', and not negative",
    )
    expect(() => toMs('x'.repeat(1000) as Duration, 'timeout')).toThrow(/^timeout is 'x{40}…'/)
  })
})

describe('an instant', () => {
  it('is a date, or a duration from now', () => {
    expect(toInstant(new Date(5000), 1000, 'after')).toBe(5000)
    expect(toInstant('5s', 1000, 'after')).toBe(6000)
    expect(toInstant(new Date(-5000), 1000, 'after')).toBe(-5000)
  })

  it('is refused when no date can express it', () => {
    expect(() => toInstant(new Date(Number.NaN), 0, 'until')).toThrow('until is an invalid date')
    expect(() => toInstant('1000000000d', 0, 'after')).toThrow(
      "after is '1000000000d': no date is that far away",
    )
    expect(() => toInstant(-1, 0, 'after')).toThrow(InvalidOptionsError)
  })
})

describe('a duration in words', () => {
  it('names what it is made of', () => {
    const cases: [number, string][] = [
      [0, '0ms'],
      [250, '250ms'],
      [5000, '5s'],
      [90_000, '1m 30s'],
      [5_400_000, '1h 30m'],
      [86_400_001, '1d 1ms'],
      [1499.6, '1s 500ms'],
    ]
    for (const [ms, words] of cases) expect(formatMs(ms)).toBe(words)
  })

  it('means the same when it is read again', () => {
    fc.assert(
      fc.property(fc.nat({ max: 400 * 86_400_000 }), ms => {
        const parts = formatMs(ms).split(' ')
        expect(parts.reduce((sum, part) => sum + toMs(part as Duration, 'part'), 0)).toBe(ms)
      }),
    )
  })
})
