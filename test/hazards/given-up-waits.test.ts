import { describe, expect, it } from 'vitest'
import type { Callback, Wait } from '../../src/index.js'
import { collectGarbage } from '../support/garbage.js'
import { openTestServer } from '../support/server.js'

// The bug: a wait that times out, is aborted or cancelled has already taken the next callback with it. Whoever waits
// next never sees it. It shows when arrival and deadline meet, so they meet here in every order, thousands of times.

type Numbered = { n: number }

describe('a timed-out, aborted or cancelled wait leaves the next callback for the next wait', () => {
  it('when callbacks arrive just before, at and just after the deadline, ten thousand times', async () => {
    await using bench = await openTestServer()
    const { server, clock, post } = bench
    const receiver = await server.spawn<Numbered>('ticks', { capacity: 100_000 })
    const rounds = 10_000
    const seen: number[] = []
    const take = async (callback: Callback<Numbered>) => {
      seen.push(callback.data.n)
      await callback.ack()
    }

    for (let n = 0; n < rounds; n++) {
      const wait = receiver.next({ timeout: 10, fallback: () => undefined })
      const early = n % 3
      let posted: Promise<unknown> | undefined
      if (early === 0) posted = post(receiver.url, { n })
      const passed = early === 1 ? clock.advance(10) : clock.advance(9)
      if (early === 1) posted = post(receiver.url, { n })
      await passed
      if (early === 2) {
        const last = clock.advance(1)
        posted = post(receiver.url, { n })
        await last
      }
      await posted
      const callback = await Promise.race([wait, clock.advance(10).then(() => wait)])
      if (callback !== undefined) await take(callback)
    }
    for await (const callback of receiver.stream({ idle: 0 })) seen.push(callback.data.n)

    expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: rounds }, (_, n) => n))
  }, 120_000)

  it('when the wait is cancelled or aborted while its claim is under way', async () => {
    await using bench = await openTestServer()
    const { server, post } = bench
    const receiver = await server.spawn<Numbered>('claims')
    const rounds = 500
    const attempts: number[] = []

    for (let n = 0; n < rounds; n++) {
      await post(receiver.url, { n })
      const controller = new AbortController()
      const given = receiver.next({ signal: controller.signal })
      for (let turn = 0; turn < n % 7; turn++) await Promise.resolve()
      if (n % 2 === 0) given.cancel()
      else controller.abort(new Error('enough'))
      const first = await given.catch(() => undefined)
      const callback = first ?? (await receiver.next())
      expect(callback.data.n).toBe(n)
      attempts.push(callback.attempt)
      await callback.ack()
    }

    expect(new Set(attempts)).toEqual(new Set([1]))
  })
})

describe('a wait forgotten in a Promise.race inside a loop', () => {
  it('steals nothing: asking again cancels it', async () => {
    await using bench = await openTestServer()
    const { server, clock, post } = bench
    const receiver = await server.spawn<Numbered>('loop')
    const forgotten: Wait<unknown>[] = []

    for (let turn = 0; turn < 3; turn++) {
      const wait = receiver.next()
      forgotten.push(wait)
      await Promise.race([wait, clock.advance('1s')])
    }
    const asked = receiver.next()
    await post(receiver.url, { n: 1 })
    const callback = await asked

    expect([callback.data, callback.attempt]).toEqual([{ n: 1 }, 1])
    for (const wait of forgotten) await expect(wait).rejects.toThrow('cancelled')
  })

  it('and given a callback all the same, before it was asked again, loses it when it is forgotten', async () => {
    await using bench = await openTestServer()
    const { server, clock, post, logged } = bench
    const receiver = await server.spawn<Numbered>('forgotten')
    await (async () => {
      await Promise.race([receiver.next(), clock.advance('1s')])
      await post(receiver.url, { n: 1 }) // nobody will ever look at the wait that gets it
      await clock.settle()
    })()
    const asked = receiver.next()

    await collectGarbage(() => logged.length > 0)
    const callback = await asked

    expect([callback.data.n, callback.attempt]).toEqual([1, 2])
    const facts = { receiverId: receiver.id, key: 'forgotten', callbackId: callback.id, seq: 1, attempt: 1 }
    expect(logged).toEqual([
      { level: 'warn', message: expect.stringContaining('dropped without ack'), facts },
    ])
  })

  it('what has an end of its own is not taken for dropped', async () => {
    await using bench = await openTestServer()
    const { server, clock, post, logged } = bench
    const receiver = await server.spawn<Numbered>('ended')
    let turns = 0
    await (async () => {
      for (const n of [1, 2, 3]) await post(receiver.url, { n })
      await (await receiver.next()).ack()
      await (await receiver.next()).release({ delay: '1h' })
      for await (const _ of receiver.stream({ idle: 0 })) turns++
      await clock.settle()
    })()

    await collectGarbage(() => logged.length > 0)

    expect([turns, logged]).toEqual([1, []])
  })

  it('is one of two on one receiver: each consumer gets one callback', async () => {
    await using bench = await openTestServer()
    const { server, post } = bench
    const [one, other] = [await server.spawn<Numbered>('shared'), await server.spawn<Numbered>('shared')]
    const waits = [one.next(), other.next()]
    await Promise.all([post(one.url, { n: 1 }), post(one.url, { n: 2 })])

    const found = await Promise.all(waits)

    expect(found.map(callback => callback.data.n).sort()).toEqual([1, 2])
  })

  it('two loops never acknowledge what the other holds', async () => {
    await using bench = await openTestServer()
    const { server, post } = bench
    const receiver = await server.spawn<Numbered>('two-loops')
    for (const n of [1, 2, 3]) await post(receiver.url, { n })
    const [one, other] = [
      receiver.stream()[Symbol.asyncIterator](),
      receiver.stream()[Symbol.asyncIterator](),
    ]
    const first = await one.next()
    const second = await other.next()
    expect([first.value.data.n, second.value.data.n]).toEqual([1, 2])

    await other.next() // acknowledges 2 and takes 3
    await one.return?.()
    await other.return?.()

    const left: [number, number][] = []
    for await (const callback of receiver.stream({ idle: 0 })) left.push([callback.data.n, callback.attempt])
    expect(left).toEqual([
      [1, 2],
      [3, 2],
    ])
  })

  it('left by break, its callback is with the next reader at once', async () => {
    await using bench = await openTestServer()
    const { server, post } = bench
    const receiver = await server.spawn<Numbered>('break')
    await post(receiver.url, { n: 1 })
    for await (const callback of receiver) {
      expect(callback.attempt).toBe(1)
      break
    }

    const again = await receiver.next({ timeout: 0 })

    expect([again.data.n, again.attempt]).toEqual([1, 2])
  })
})
