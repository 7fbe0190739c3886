import { describe, expect, it } from 'vitest'
import { LONGEST_RETRY_AFTER_MS, retryAfterMs } from '../../src/sender/retry-after.js'
import { HOUR, openBench } from './bench.js'

const to = 'https://partner.example/hooks'
const now = Date.UTC(2026, 0, 1)
const ask = (value: string) => retryAfterMs([['retry-after', value]], now)

describe('Retry-After', () => {
  it.each([
    ['0', 0],
    ['120', 120_000],
    [' 7 ', 7_000],
    ['Thu, 01 Jan 2026 01:00:00 GMT', HOUR],
    ['86401', LONGEST_RETRY_AFTER_MS],
    ['Sat, 10 Jan 2026 00:00:00 GMT', LONGEST_RETRY_AFTER_MS],
  ])('of %j is a wait, of a day at the most: %i ms', (value, ms) => {
    expect(ask(value)).toBe(ms)
  })

  it.each([
    '',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    'soon',
    '2026-01-01T01:00:00Z',
    'Wed, 31 Dec 2025 23:59:59 GMT',
    'Thu, 01 Foo 2026 01:00:00 GMT',
    'Fri, 01 Jan 2100 00:00:00 GMT',
    '99999999999',
    '9'.repeat(400),
  ])('of %j says nothing', value => {
    expect(ask(value)).toBeUndefined()
  })

  it('is found in whatever case, and is not needed', () => {
    expect(retryAfterMs([['Retry-After', '3']], now)).toBe(3_000)
    expect(retryAfterMs([['x-retry-after', '3']], now)).toBeUndefined()
  })

  /** When the second attempt comes after a first answer that asks for more time. */
  async function secondAfter(value: string, { status = 503, retry = ['10s'] as const } = {}) {
    await using bench = await openBench({
      world: (_, number) =>
        number === 1
          ? new Response(null, { status, headers: { 'retry-after': value } })
          : new Response(null, { status: 204 }),
    })
    bench.sender.endpoint('app', { url: to, retry })
    await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.advance('3d')
    const [first, second] = bench.seen
    return (second?.at ?? 0) - (first?.at ?? 0)
  }

  it.each([429, 503, 500, 302])('of an answer with %i holds the next attempt back', async status => {
    expect(await secondAfter('3600', { status })).toBe(HOUR)
  })

  it('that is a date is kept as well, and none holds it back for longer than a day', async () => {
    expect(await secondAfter('Thu, 01 Jan 2026 02:00:00 GMT')).toBe(2 * HOUR)
    expect(await secondAfter('172800')).toBe(24 * HOUR)
  })

  it('never makes an attempt come earlier than the schedule says', async () => {
    expect(await secondAfter('1')).toBeGreaterThanOrEqual(8_000)
    expect(await secondAfter('-5')).toBeGreaterThanOrEqual(8_000)
  })

  it('beyond the time after which an endpoint gives up is the end', async () => {
    await using bench = await openBench({
      world: () => new Response(null, { status: 503, headers: { 'retry-after': '7200' } }),
    })
    bench.sender.endpoint('app', { url: to, retry: { delay: '1s', giveUpAfter: '1h' } })
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.advance('1s')
    expect(await delivery.done()).toBe('dead')
    await expect(delivery.response()).rejects.toMatchObject({ reason: 'exhausted' })
    expect(bench.seen).toHaveLength(1)
  })
})
