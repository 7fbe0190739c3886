import { describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../src/errors.js'
import type { StoreSession } from '../../src/store/store.js'
import { openTestServer } from '../support/server.js'
import { openBench } from './bench.js'

// What would be wrong without it: a message is given up for ever, and the log of its sender says nothing.

const DEAD = 'a delivery is dead; no further attempt is made'
const DAY = 86_400_000
const to = 'https://partner.example:8443/hooks/token-of-ours?key=hush'
const message = { body: 'hush', headers: { 'x-token': 'hush' } }

describe('a delivery that dies', () => {
  it('is a warning when its tries are spent, with what came of the last', async () => {
    await using bench = await openBench({ world: () => new Response('hush', { status: 503 }) })
    bench.sender.endpoint('app', { url: to, headers: { authorization: 'hush' }, retry: ['1s', '1s'] })
    const { id: deliveryId, messageId } = await bench.sender.send(undefined, { to: 'app', ...message })
    await bench.clock.advance('1m')

    const facts = { deliveryId, messageId, endpoint: 'app', reason: 'exhausted', attempts: 3, status: 503 }
    expect(bench.logged.filter(({ level }) => level !== 'debug')).toEqual([
      { level: 'warn', message: DEAD, facts },
    ])
  })

  it('is a warning when nobody answered, with the error in a few words', async () => {
    await using bench = await openBench({ world: () => Promise.reject(new TypeError('hush')) })
    bench.sender.endpoint('app', { url: to, retry: false })
    await bench.sender.send(undefined, { to: 'app', ...message })
    await bench.clock.settle()

    expect(bench.logged).toMatchObject([
      { level: 'warn', facts: { reason: 'exhausted', attempts: 1, error: 'failed: TypeError' } },
    ])
  })

  it('is a warning when the answer is final; of a URL its origin is named, and no more', async () => {
    await using bench = await openBench({ world: () => new Response('hush', { status: 410 }) })
    const { id: deliveryId, messageId } = await bench.sender.send(undefined, { to, ...message })
    await bench.clock.settle()

    const origin = 'https://partner.example:8443'
    const facts = { deliveryId, messageId, origin, reason: 'rejected', attempts: 1, status: 410 }
    expect(bench.logged).toEqual([{ level: 'warn', message: DEAD, facts }])
  })

  it('is a warning when its address is refused', async () => {
    let publicUrl = 'http://localhost:3000'
    await using bench = await openBench({ publicUrl: () => publicUrl })
    await bench.sender.send(undefined, { to: 'http://localhost:9999/hush?key=hush', after: '1s', ...message })
    publicUrl = 'https://hooks.example.com'
    await bench.clock.advance('1s')

    expect(bench.logged).toMatchObject([
      { level: 'warn', facts: { origin: 'http://localhost:9999', reason: 'refused', attempts: 1 } },
    ])
    expect(bench.logged).toMatchObject([{ facts: { error: expect.stringContaining('address refused') } }])
  })

  it('is a warning when the next try would come after its deadline', async () => {
    await using bench = await openBench({ world: () => new Response(null, { status: 500 }) })
    bench.sender.endpoint('app', { url: to, retry: ['60d'] })
    await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.settle()

    expect(bench.logged).toMatchObject([{ level: 'warn', facts: { reason: 'expired', status: 500 } }])
  })

  it('says nothing of path, query, headers and bodies', async () => {
    await using bench = await openBench({ world: () => new Response('hush', { status: 500 }) })
    bench.sender.endpoint('app', { url: to, headers: { authorization: 'hush' }, retry: ['1s'] })
    await bench.sender.send(undefined, { to: 'app', path: 'hush', query: { a: 'hush' }, ...message })
    await bench.sender.send(undefined, { to, ...message })
    await bench.clock.advance('30d')

    expect(bench.logged.length).toBeGreaterThan(10)
    expect(JSON.stringify(bench.logged)).not.toMatch(/hush|hooks|token-of-ours/)
  })

  it('has no line when it was cancelled, or delivered', async () => {
    await using bench = await openBench()
    const delivery = await bench.sender.send(undefined, { to, after: '1h' })
    await delivery.cancel()
    await (await bench.sender.send(undefined, { to })).done()

    expect(bench.logged).toEqual([])
  })
})

describe('an attempt that failed', () => {
  it('has one line on debug, with the time of the next', async () => {
    await using bench = await openBench({
      world: (_, number) => new Response(null, { status: number < 3 ? 500 : 200 }),
    })
    bench.sender.endpoint('app', { url: to, retry: { attempts: 3, delay: '10s', factor: 1 } })
    const { id: deliveryId, messageId } = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.advance('1m')

    const about = { deliveryId, messageId, endpoint: 'app', status: 500, retryInMs: expect.any(Number) }
    expect(bench.logged).toEqual([
      {
        level: 'debug',
        message: 'an attempt to deliver failed; it is tried again',
        facts: { ...about, attempt: 1 },
      },
      {
        level: 'debug',
        message: 'an attempt to deliver failed; it is tried again',
        facts: { ...about, attempt: 2 },
      },
    ])
    const [first, second] = bench.seen.map(({ at }) => at)
    expect(bench.logged[0]?.facts).toMatchObject({ retryInMs: (second ?? 0) - (first ?? 0) })
  })
})

describe('a delivery that dies of its deadline while it waits', () => {
  it('is told and logged once, by whoever sweeps', async () => {
    const events: object[] = []
    await using bench = await openTestServer({
      fetch: async () => new Response(),
      observe: event => events.push(event),
    })
    const { id: deliveryId, messageId } = await bench.server.send({ to, after: '40d' })
    bench.clock.jump(30 * DAY)
    await bench.clock.advance('5m')

    const origin = 'https://partner.example:8443'
    expect(bench.logged).toEqual([
      {
        level: 'warn',
        message: DEAD,
        facts: { deliveryId, messageId, origin, reason: 'expired', attempts: 0 },
      },
    ])
    expect(events).toMatchObject([
      { type: 'delivery.ended', deliveryId, messageId, status: 'dead', reason: 'expired' },
    ])
  })

  it('says what came of its last attempt', async () => {
    await using bench = await openBench({ world: () => new Response(null, { status: 502 }) })
    bench.sender.endpoint('app', { url: to, retry: ['20d'] })
    const { id } = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.settle()
    await bench.sender.died([id], 'expired')

    expect(bench.logged.at(-1)).toMatchObject({
      level: 'warn',
      facts: { endpoint: 'app', reason: 'expired', attempts: 1, status: 502 },
    })
  })

  it('is logged by its id where no more of it can be read, because it is gone or the store fails', async () => {
    let broken = false
    const gone = new StoreUnavailableError('gone')
    const change = (session: StoreSession) =>
      new Proxy(session, {
        get: (target, name: keyof StoreSession) =>
          broken && name === 'findDelivery' ? () => Promise.reject(gone) : target[name],
      })
    await using bench = await openBench({ change })
    await bench.sender.died(['dlv_unknown'], 'expired')
    broken = true
    await bench.sender.died(['dlv_unread'], 'expired')

    expect(bench.logged).toEqual([
      { level: 'warn', message: DEAD, facts: { deliveryId: 'dlv_unknown', reason: 'expired' } },
      { level: 'warn', message: DEAD, facts: { deliveryId: 'dlv_unread', reason: 'expired', err: gone } },
    ])
  })
})
