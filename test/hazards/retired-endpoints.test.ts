import { describe, expect, it } from 'vitest'
import type { Observation } from '../../src/index.js'
import { openBench } from '../../src/testing/testing.js'
import { collect, type LogLine, recordingLogger } from '../support/server.js'

// The bugs: a subscriber that is gone is called for ever; one closed callback URL takes away the endpoint that it belonged to;
// an endpoint that is down for a week loses what was sent to it, or is buried under it on the day it is back.

const HOUR = 3_600_000
const logger = recordingLogger([])
const gone = () => new Response(null, { status: 410 })
const ok = () => new Response(null, { status: 204 })

describe('`410`', () => {
  it('retires a subscription: it gets nothing any more, and what waits for it dies', async () => {
    const lines: LogLine[] = []
    await using bench = await openBench({ logger: recordingLogger(lines), world: gone }, () => undefined)
    const { server } = bench
    const hook = { topic: 't', url: 'https://shop.example', concurrency: 1 }
    const { id, secret } = await server.subscriptions.put(hook)
    await server.publish({ topic: 't', after: '1h' })
    await server.publish({ topic: 't' })
    await bench.settle()
    expect(await server.subscriptions.get(id)).toMatchObject({ state: 'retired' })
    const { messageId } = await server.publish({ topic: 't' })
    await bench.advance('2h')
    expect(bench.sent).toHaveLength(1)
    expect(await collect(server.deliveries.list({ messageId }))).toEqual([])
    const deaths = await collect(server.deliveries.dead())
    expect(deaths.map(({ reason }) => reason).toSorted()).toEqual(['rejected', 'unsubscribed'])
    // Put again it is back, with the secret that it had.
    expect(await server.subscriptions.put(hook)).toEqual({ id, secret, created: false })
    expect(await server.subscriptions.get(id)).toMatchObject({ state: 'active' })
    await server.publish({ topic: 't' })
    await bench.settle()
    expect(bench.sent).toHaveLength(2)
  })

  it.each<readonly [string, string]>([
    ['an endpoint declared in code', 'app'],
    ['a URL that was written out', 'https://app.example/x'],
  ])('is final for that message only at %s', async (_, to) => {
    await using bench = await openBench(
      { logger, world: async request => ((await request.text()) === 'closed' ? gone() : ok()) },
      server => {
        server.endpoint('app', { url: 'https://app.example' })
      },
    )
    const closed = await bench.server.send({ to, body: 'closed' })
    await bench.settle()
    const next = await bench.server.send({ to, body: 'open' })
    await bench.settle()
    expect([await closed.done(), await next.done()]).toEqual(['dead', 'delivered'])
    expect(bench.sent).toHaveLength(2)
  })
})

describe.each(['endpoint', 'subscription'] as const)('a dead %s', kind => {
  it('is told of at half of the time it may fail, is paused, keeps its queue, and drains at a limited rate when it is back', async () => {
    let isUp = false
    const observed: Observation[] = []
    const lines: LogLine[] = []
    await using bench = await openBench(
      {
        logger: recordingLogger(lines),
        observe: event => observed.push(event),
        world: () => (isUp ? ok() : new Response(null, { status: 500 })),
      },
      server => server.endpoint('app', { url: 'https://app.example' }),
    )
    const { server } = bench
    const { id } = await server.subscriptions.put({ topic: 't', url: 'https://shop.example' })
    const send = () => (kind === 'endpoint' ? server.send({ to: 'app' }) : server.publish({ topic: 't' }))
    const lane = kind === 'endpoint' ? 'endpoint:app' : `subscription:${id}`
    const troubles = () =>
      observed.filter(({ type }) => type.startsWith('endpoint.')).map(event => [event.type, event.lane])

    for (let hours = 0; hours < 7 * 24; hours += 4) {
      await send()
      await bench.advance('4h')
      const types = troubles().map(([type]) => type)
      if (hours + 4 < 2.5 * 24) expect(types).toEqual([])
      else if (hours + 4 > 2.5 * 24 + 1 && hours + 4 < 5 * 24) expect(types).toEqual(['endpoint.failing'])
    }
    expect(troubles()).toEqual([
      ['endpoint.failing', lane],
      ['endpoint.paused', lane],
    ])
    expect(lines.filter(({ message }) => /keeps failing|is paused/.test(message))).toHaveLength(2)
    if (kind === 'endpoint') {
      expect(await bench.declared.health()).toMatchObject({ state: 'paused', reason: 'failing' })
    } else {
      expect(await server.subscriptions.get(id)).toMatchObject({ state: 'failing' })
    }
    const before = bench.sent.length
    for (let n = 0; n < 20; n++) await send()
    await bench.advance('1d')
    expect(bench.sent).toHaveLength(before)

    isUp = true
    const waiting = await collect(server.deliveries.list({ status: 'due' }))
    expect(waiting.length).toBeGreaterThan(30)
    await bench.restart()
    const resumed = kind === 'endpoint' ? bench.declared.resume() : bench.server.subscriptions.resume(id)
    expect(await resumed).toBe(true)
    await bench.advance('1s')
    expect(bench.sent.length - before).toBe(11)
    await bench.advance('1s')
    expect(bench.sent.length - before).toBe(21)
    await bench.advance(2 * 24 * HOUR)
    expect(await collect(bench.server.deliveries.list({ status: 'due' }))).toEqual([])
  })
})

it('one that is well now and then is not paused', async () => {
  let calls = 0
  const observed: Observation[] = []
  await using bench = await openBench(
    {
      logger,
      observe: event => observed.push(event),
      world: () => (calls++ % 10 === 9 ? ok() : new Response(null, { status: 500 })),
    },
    server => server.endpoint('app', { url: 'https://app.example', retry: false, breaker: false }),
  )
  for (let hours = 0; hours < 8 * 24; hours += 4) {
    await bench.server.send({ to: 'app' })
    await bench.advance('4h')
  }
  expect(observed.filter(({ type }) => type.startsWith('endpoint.'))).toEqual([])
  expect(await bench.declared.health()).toMatchObject({ state: 'open' })
})
