import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { EndpointOptions } from '../../src/index.js'
import { ManualClock, openBench } from '../../src/testing/testing.js'
import { recordingLogger } from '../support/server.js'

const logger = recordingLogger([])
const ok = () => new Response(null, { status: 204 })
const fails = () => new Response(null, { status: 500 })
const SHOP = { topic: 't', url: 'https://shop.example' }

describe.each(['endpoint', 'subscription'] as const)('the breaker of one %s', kind => {
  const open = async (
    world: (number: number) => Response | Promise<Response>,
    options: Pick<EndpointOptions, 'breaker'> = {},
  ) => {
    const clock = new ManualClock()
    const at: number[] = []
    const policy = { retry: false, ...options } as const
    const bench = await openBench(
      {
        logger,
        clock,
        world: () => world(at.push(clock.monotonic())),
      },
      server => server.endpoint('app', { url: 'https://app.example', ...policy }),
    )
    await bench.server.subscriptions.put({ ...SHOP, ...policy })
    const send = async (count = 1) => {
      for (let n = 0; n < count; n++) {
        if (kind === 'endpoint') await bench.server.send({ to: 'app' })
        else await bench.server.publish({ topic: 't' })
      }
      await bench.settle()
    }
    return { bench, at, send, clock }
  }

  it('opens after so many failures in a row, for its time, and lets one attempt through at a time then', async () => {
    let isUp = false
    const { bench, at, send } = await open(() => (isUp ? ok() : fails()), {
      breaker: { failures: 3, pause: '1m' },
    })
    await using _ = bench
    for (let n = 0; n < 3; n++) await send()
    expect(at).toEqual([0, 0, 0])
    await send(20)
    await bench.advance(59_999)
    expect(at).toHaveLength(3)
    await bench.advance(1)
    expect(at).toHaveLength(4) // the first probe fails, and it rests again
    await bench.advance('59s')
    expect(at).toHaveLength(4)
    await bench.restart()
    await bench.advance('1s')
    expect(at).toHaveLength(5)
    isUp = true
    await bench.advance('1m')
    expect(at).toHaveLength(23) // the next one is answered, and everything goes
  })

  it('has one probe under way while that is not answered', async () => {
    const waiting: ((response: Response) => void)[] = []
    let isDown = true
    const { bench, at, send } = await open(
      () => (isDown ? fails() : new Promise(resolve => void waiting.push(resolve))),
      { breaker: { failures: 1, pause: '10s' } },
    )
    await using _ = bench
    await send()
    isDown = false
    await send(5)
    await bench.advance('10s')
    expect(at).toHaveLength(2)
    await bench.advance('4s')
    expect(at).toHaveLength(2)
    waiting.shift()?.(ok())
    await bench.settle()
    expect(at).toHaveLength(6)
    for (const answer of waiting) answer(ok())
    await bench.settle()
  })

  it('counts failures in a row only, and what is refused for good is an answer', async () => {
    const answers = [500, 500, 204, 500, 500, 410, 500, 500, 404]
    const { bench, at, send } = await open(
      number =>
        new Response(null, {
          status:
            kind === 'endpoint'
              ? (answers[number - 1] ?? 204)
              : (answers[number - 1] ?? 204) === 500
                ? 500
                : 204,
        }),
      { breaker: { failures: 3 } },
    )
    await using _ = bench
    for (let n = 0; n < answers.length + 1; n++) await send()
    expect(at).toHaveLength(answers.length + 1)
  })

  it('never opens where it is false, and after ten failures by default', async () => {
    const { bench: never, at, send } = await open(fails, { breaker: false })
    await using _ = never
    for (let n = 0; n < 30; n++) await send()
    expect(at).toHaveLength(30)
    const usual = await open(fails)
    await using __ = usual.bench
    for (let n = 0; n < 30; n++) await usual.send()
    expect(usual.at).toHaveLength(10)
  })
})

describe.each(['endpoint', 'subscription'] as const)('the rate limit of one %s', kind => {
  it('is never passed in any stretch of time, and nothing is left behind', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          count: fc.integer({ min: 1, max: 20 }),
          perMs: fc.constantFrom(100, 1_000, 60_000),
          bursts: fc.array(
            fc.record({
              messages: fc.integer({ min: 0, max: 15 }),
              pauseMs: fc.integer({ min: 0, max: 90_000 }),
            }),
            { minLength: 1, maxLength: 5 },
          ),
        }),
        async ({ count, perMs, bursts }) => {
          const clock = new ManualClock()
          const at: number[] = []
          const rateLimit = { count, per: perMs }
          await using bench = await openBench(
            {
              logger,
              clock,
              world: () => {
                at.push(clock.monotonic())
                return ok()
              },
            },
            server => {
              server.endpoint('app', { url: 'https://app.example', rateLimit })
            },
          )
          await bench.server.subscriptions.put({ ...SHOP, rateLimit })
          let sent = 0
          for (const { messages, pauseMs } of bursts) {
            for (let n = 0; n < messages; n++) {
              if (kind === 'endpoint') await bench.server.send({ to: 'app' })
              else await bench.server.publish({ topic: 't' })
            }
            sent += messages
            await bench.advance(pauseMs)
          }
          await bench.advance(Math.ceil((sent * perMs) / count) + 1_000)
          expect(at).toHaveLength(sent)
          // What is let through at once is what leaves within 100 ms.
          const atOnce = Math.max(1, Math.floor((100 * count) / perMs))
          for (const [n, from] of at.entries()) {
            const within = at.slice(n).filter(each => each < from + perMs).length
            expect(within).toBeLessThanOrEqual(count + atOnce)
          }
        },
      ),
      { numRuns: 40 },
    )
  })

  it('spreads what it lets through evenly over a minute, and holds after a restart', async () => {
    const clock = new ManualClock()
    const at: number[] = []
    const rateLimit = { count: 6, per: '1m' } as const
    await using bench = await openBench(
      {
        logger,
        clock,
        world: () => {
          at.push(clock.monotonic())
          return ok()
        },
      },
      server => {
        server.endpoint('app', { url: 'https://app.example', rateLimit })
      },
    )
    await bench.server.subscriptions.put({ ...SHOP, rateLimit })
    for (let n = 0; n < 10; n++) {
      if (kind === 'endpoint') await bench.server.send({ to: 'app' })
      else await bench.server.publish({ topic: 't' })
    }
    await bench.advance('25s')
    await bench.restart()
    await bench.advance('5m')
    expect(at).toEqual(Array.from({ length: 10 }, (_, n) => n * 10_000))
  })
})

describe('the concurrency of a subscription', () => {
  it('of one sends a backlog one after the other, without a pause in between', async () => {
    const clock = new ManualClock()
    const at: number[] = []
    let underWay = 0
    let most = 0
    await using bench = await openBench(
      {
        logger,
        clock,
        world: async () => {
          at.push(clock.monotonic())
          most = Math.max(most, ++underWay)
          await new Promise<void>(resolve => void clock.setTimer(clock.monotonic() + 10, resolve))
          underWay--
          return ok()
        },
      },
      () => undefined,
    )
    await bench.server.subscriptions.put({ ...SHOP, concurrency: 1 })
    for (let n = 0; n < 20; n++) await bench.server.publish({ topic: 't', body: n })
    await bench.advance(250)
    expect(most).toBe(1)
    expect(at).toEqual(Array.from({ length: 20 }, (_, n) => n * 10))
    // What comes while the last one is under way is not left until a poll, either.
    for (let n = 0; n < 3; n++) {
      await bench.server.publish({ topic: 't' })
      await bench.settle()
    }
    await bench.advance(25)
    expect(at).toHaveLength(23)
    expect(await Promise.all(bench.sent.slice(0, 20).map(request => request.json()))).toEqual(
      Array.from({ length: 20 }, (_, n) => n),
    )
  })

  it('that is made larger holds for what waits', async () => {
    const clock = new ManualClock()
    let underWay = 0
    let most = 0
    await using bench = await openBench(
      {
        logger,
        clock,
        world: async () => {
          most = Math.max(most, ++underWay)
          await new Promise<void>(resolve => void clock.setTimer(clock.monotonic() + 10, resolve))
          underWay--
          return ok()
        },
      },
      () => undefined,
    )
    await bench.server.subscriptions.put({ ...SHOP, concurrency: 1 })
    for (let n = 0; n < 20; n++) await bench.server.publish({ topic: 't' })
    await bench.advance(30)
    expect(most).toBe(1)
    await bench.server.subscriptions.put({ ...SHOP, concurrency: 5 })
    await bench.advance(100)
    expect(most).toBe(5)
    expect(bench.sent).toHaveLength(20)
  })
})

describe('an endpoint that is paused', () => {
  it('sends nothing, keeps what waits over a restart, and drains ten a second', async () => {
    await using bench = await openBench({ logger, world: ok }, server =>
      server.endpoint('app', { url: 'https://app.example' }),
    )
    expect(await bench.declared.health()).toEqual({ state: 'open', failures: 0 })
    expect(await bench.declared.pause()).toBe(true)
    expect(await bench.declared.health()).toMatchObject({ state: 'paused', reason: 'asked' })
    for (let n = 0; n < 25; n++) await bench.server.send({ to: 'app', body: n })
    await bench.advance('1h')
    await bench.restart()
    await bench.advance('1h')
    expect(bench.sent).toHaveLength(0)
    expect(await bench.declared.resume()).toBe(true)
    expect(await bench.declared.resume()).toBe(false)
    await bench.advance('1s')
    expect(bench.sent).toHaveLength(11)
    await bench.advance('10s')
    expect(bench.sent).toHaveLength(25)
    expect(await bench.declared.health()).toEqual({ state: 'open', failures: 0 })
  })
})
