import { describe, expect, it } from 'vitest'
import { ManualClock, openBench } from '../../src/testing/testing.js'
import { recordingLogger } from '../support/server.js'

// The bugs: `429` with `Retry-After` delays one message, and the hundred behind it knock at the endpoint that has asked for
// peace; or a header of a thousand years takes an endpoint away for good.

const HOUR = 3_600_000
const logger = recordingLogger([])
const ok = () => new Response(null, { status: 204 })

interface Asked {
  /** Says `503` with this at first, and is well afterwards. */
  readonly says: string
  readonly restsMs: number
}

const start = Date.UTC(2026, 0, 1)
const asked: Readonly<Record<string, Asked>> = {
  'in seconds': { says: '120', restsMs: 120_000 },
  'as a date': { says: new Date(start + HOUR).toUTCString(), restsMs: HOUR },
  'a month, which is clamped to a day': { says: String(30 * 86_400), restsMs: 24 * HOUR },
}

describe.each(Object.entries(asked))('%s', (_, { says, restsMs }) => {
  it.each(['endpoint', 'subscription', 'origin'] as const)(
    '`Retry-After` (seconds or date) delays the whole %s, not only the message',
    async kind => {
      const clock = new ManualClock(start)
      const at: number[] = []
      await using bench = await openBench(
        {
          logger,
          clock,
          world: ({ url }) => {
            if (url.includes('beside')) return ok()
            at.push(clock.monotonic())
            return at.length === 1
              ? new Response(null, { status: 503, headers: { 'retry-after': says } })
              : ok()
          },
        },
        server => {
          server.endpoint('app', { url: 'https://app.example' })
        },
      )
      const { server } = bench
      await server.subscriptions.put({ topic: 't', url: 'https://shop.example' })
      const send = {
        endpoint: () => server.send({ to: 'app' }),
        subscription: () => server.publish({ topic: 't' }),
        origin: () => server.send({ to: `https://url.example/${at.length}` }),
      }[kind]
      await send()
      await bench.settle()
      for (let n = 0; n < 5; n++) await send()
      const beside = await server.send({ to: 'https://beside.example' })
      await bench.settle()
      expect(await beside.done()).toBe('delivered')
      await bench.advance(restsMs - 1)
      expect(at).toEqual([0])
      await bench.advance(1)
      // The first is due by its own schedule then or later, which spreads by a fifth.
      expect(at.slice(0, 6)).toEqual([0, ...Array(5).fill(restsMs)])
      await bench.advance(HOUR)
      expect(at).toHaveLength(7)
    },
  )

  it('is so after a restart, too, and is seen in the health of the endpoint', async () => {
    const clock = new ManualClock(start)
    let answers = 0
    await using bench = await openBench(
      {
        logger,
        clock,
        world: () =>
          ++answers === 1 ? new Response(null, { status: 429, headers: { 'retry-after': says } }) : ok(),
      },
      server => server.endpoint('app', { url: 'https://app.example' }),
    )
    await bench.server.send({ to: 'app' })
    await bench.settle()
    await bench.restart()
    await bench.server.send({ to: 'app' })
    await bench.settle()
    expect(answers).toBe(1)
    expect(await bench.declared.health()).toMatchObject({
      state: 'resting',
      restsUntil: new Date(start + restsMs),
      failures: 1,
    })
    await bench.advance(restsMs)
    expect(answers).toBeGreaterThan(1)
    expect(await bench.declared.health()).toMatchObject({ state: 'open', failures: 0 })
  })
})

it.each(['soon', '-5', String(1e12), 'Wed, 31 Dec 2025 00:00:00 GMT'])(
  'a header that makes no sense, %s, delays nobody',
  async says => {
    await using bench = await openBench(
      { logger, world: () => new Response(null, { status: 503, headers: { 'retry-after': says } }) },
      server => {
        server.endpoint('app', { url: 'https://app.example', retry: ['10s'] })
      },
    )
    await bench.server.send({ to: 'app' })
    await bench.settle()
    await bench.server.send({ to: 'app' })
    await bench.settle()
    expect(bench.sent).toHaveLength(2)
    await bench.advance('15s')
    expect(bench.sent).toHaveLength(4)
  },
)
