import { describe, expect, it } from 'vitest'
import { Lives, places } from '../support/lives.js'
import { collect } from '../support/server.js'

// The bugs: a poisoned callback that is retried at once, for ever, with the mailbox stuck behind it; or that is dropped
// after its last try, and nobody ever hears of it.

describe.each(places)('in %s', (_, place) => {
  it('a handler that keeps failing is retried with growing delays, then set aside with its reason, and the others go on', async () => {
    const lives = new Lives(place)
    const { server, post } = await lives.begin()
    const handled: string[] = []
    const tries: number[] = []
    let effects = 0
    const orders = await server.spawn<string>('orders')
    orders.consume(async order => {
      await order.step('look', () => ++effects)
      if (order.data !== 'poison') return void handled.push(order.data)
      tries.push(lives.clock.now())
      throw new RangeError('it tastes bad')
    })
    await post(orders.url, 'poison')
    await post(orders.url, 'bread')
    await lives.clock.settle()
    expect(handled).toEqual(['bread'])
    await lives.clock.advance('30m')
    await post(orders.url, 'wine')
    await lives.clock.advance('30m')

    expect(handled).toEqual(['bread', 'wine'])
    expect(tries).toHaveLength(10)
    const delays = tries.slice(1).map((at, n) => at - (tries[n] ?? 0))
    for (const [n, delay] of delays.slice(0, 5).entries()) {
      // A fifth of chance, three times as long each time.
      expect(delay).toBeGreaterThanOrEqual(0.75 * 1_000 * 3 ** n)
      expect(delay).toBeLessThanOrEqual(1.25 * 1_000 * 3 ** n + 1_000)
    }
    expect(Math.max(...delays)).toBeLessThanOrEqual(1.25 * 600_000)
    const failed = await collect(orders.failed())
    expect(
      failed.map(({ callback, reason, error }) => [callback.data, reason, error.name, error.message]),
    ).toEqual([['poison', 'handler', 'RangeError', 'it tastes bad']])
    expect(effects).toBe(3) // one for each callback
  })
})
