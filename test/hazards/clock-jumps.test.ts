import { describe, expect, it } from 'vitest'
import { openTestServer } from '../support/server.js'
import { stores } from '../support/stores.js'

// The bug: order by time stamps, or time-outs on the wall clock. An operator sets the clock, and callbacks are lost,
// doubled, or handed out in another order.

describe.each(stores)('in %s', (_, store) => {
  it('clocks that jump back or forward neither lose nor duplicate; ties in time keep arrival order', async () => {
    await using bench = await openTestServer({ store: store() })
    const { server, clock, post } = bench
    const receiver = await server.spawn<number>('jumping')
    const jumps = [0, 0, -3_600_000, 86_400_000, 0, -86_400_000, 1]
    for (const [n, jump] of jumps.entries()) {
      clock.jump(jump)
      await post(receiver.url, n)
    }

    const seen: number[] = []
    for await (const callback of receiver.stream({ idle: 0 })) seen.push(callback.data)

    expect(seen).toEqual(jumps.map((_, n) => n))
    expect(await receiver.next({ timeout: 0, fallback: () => 'nothing' })).toBe('nothing')
  })

  it('a time-out counts elapsed time, whatever the wall clock does meanwhile', async () => {
    await using bench = await openTestServer({ store: store() })
    const receiver = await bench.server.spawn('patient')
    let timedOut = false
    const wait = receiver.next({ timeout: '1m', fallback: () => 'late' }).then(() => {
      timedOut = true
    })
    bench.clock.jump(3_600_000)
    await bench.clock.advance('59s')
    expect(timedOut).toBe(false)

    bench.clock.jump(-7_200_000)
    await bench.clock.advance('1s')
    await wait
  })
})
