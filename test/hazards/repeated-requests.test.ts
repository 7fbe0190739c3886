import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { openTestServer } from '../support/server.js'
import { stores } from '../support/stores.js'

// The bugs: a sender whose answer was lost repeats its request and is booked twice; or two different requests that look
// alike are taken for one.

describe.each(stores)('in %s', (_, store) => {
  it('a retry of a request whose answer was lost is one callback, also when both arrive at the same moment', async () => {
    await using bench = await openTestServer({ store: store() })
    const receiver = await bench.server.spawn<{ n: number }>('payments')
    const headers = { 'webhook-id': 'evt_1' }

    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => bench.post(receiver.url, { n }, headers)),
    )
    const again = await bench.post(receiver.url, { n: 99 }, headers)

    expect(new Set(answers.map(answer => answer.status))).toEqual(new Set([202]))
    expect(answers.filter(answer => answer.headers.has('longline-duplicate'))).toHaveLength(19)
    expect([again.status, again.headers.get('longline-duplicate')]).toEqual([202, 'true'])
    expect(await receiver.close()).toHaveLength(1)
  })

  it('is one callback for idempotency-key, a verifier that knows the id, and a function of yours, too', async () => {
    await using bench = await openTestServer({ store: store() })
    const { server, post } = bench
    const plain = await server.spawn('plain')
    const verified = await server.spawn('verified', {
      verify: request => ({ deliveryId: request.headers.get('x-delivery') ?? 'none' }),
    })
    const own = await server.spawn('own', {
      dedupe: request => new URL(request.url).searchParams.get('id') ?? '',
    })
    for (const _ of [1, 2]) {
      await post(plain.url, {}, { 'idempotency-key': 'k1' })
      await post(verified.url, {}, { 'x-delivery': 'd1' })
      await post(`${own.url}?id=7`, {}, { 'webhook-id': crypto.randomUUID() })
    }

    const counts = await Promise.all([plain, verified, own].map(async one => (await one.close()).length))
    expect(counts).toEqual([1, 1, 1])
  })

  it('two empty bodies, or two equal bodies without ids, are two callbacks', async () => {
    await using bench = await openTestServer({ store: store() })
    const receiver = await bench.server.spawn('equal')
    const empty = () => bench.server.fetch(new Request(receiver.url, { method: 'POST' }))
    await Promise.all([
      empty(),
      empty(),
      bench.post(receiver.url, { same: 1 }),
      bench.post(receiver.url, { same: 1 }),
    ])

    expect(await receiver.close()).toHaveLength(4)
  })

  it('a repeat of a request whose receiver has closed meanwhile gets the first answer, not 410', async () => {
    await using bench = await openTestServer({ store: store() })
    const receiver = await bench.server.spawn('closing', { respond: { status: 200, body: { seen: true } } })
    const headers = { 'webhook-id': 'evt_1' }
    await bench.post(receiver.url, {}, headers)
    await receiver.close()

    const repeated = await bench.post(receiver.url, {}, headers)
    const fresh = await bench.post(receiver.url, {}, { 'webhook-id': 'evt_2' })

    expect([repeated.status, await repeated.json()]).toEqual([200, { seen: true }])
    expect(fresh.status).toBe(410)
  })

  it('is recognised while the mailbox is full, and for seven days, whatever has become of the callback', async () => {
    await using bench = await openTestServer({ store: store() })
    const { server, clock, post } = bench
    const receiver = await server.spawn('full', { capacity: 1 })
    const headers = { 'webhook-id': 'evt_1' }
    await post(receiver.url, {}, headers)
    expect((await post(receiver.url)).status).toBe(429)
    expect((await post(receiver.url, {}, headers)).status).toBe(202)
    await (await receiver.next()).ack()
    clock.jump(7 * 86_400_000 - 1_000)
    expect((await post(receiver.url, {}, headers)).headers.get('longline-duplicate')).toBe('true')

    clock.jump(2_000)
    const after = await post(receiver.url, {}, headers)
    expect([after.status, after.headers.get('longline-duplicate')]).toEqual([202, null])
  })

  it('is not remembered when it was refused', async () => {
    await using bench = await openTestServer({ store: store() })
    const receiver = await bench.server.spawn('strict', { capacity: 1 })
    await bench.post(receiver.url)
    expect((await bench.post(receiver.url, {}, { 'webhook-id': 'evt_1' })).status).toBe(429)
    await (await receiver.next()).ack()

    const retried = await bench.post(receiver.url, {}, { 'webhook-id': 'evt_1' })
    expect([retried.status, retried.headers.get('longline-duplicate')]).toEqual([202, null])
  })
})

it('a repeat after longer than the usual window reads what a later process answered by hand', async () => {
  const store = memoryStore()
  const options = { respond: 'manual', dedupeWindow: '30d' } as const
  const first = await openTestServer({ store })
  const { url } = await first.server.spawn('quotes', options)
  const leaving = new AbortController()
  const request = { method: 'POST', headers: { 'webhook-id': 'evt_1' } }
  const left = first.server.fetch(new Request(url, { ...request, signal: leaving.signal }))
  await first.clock.settle()
  leaving.abort()
  await left
  await first.server.close()

  await using bench = await openTestServer({ store, clock: first.clock })
  const callback = await (await bench.server.spawn('quotes', options)).next()
  await callback.respond({ status: 201 })
  await callback.ack()
  bench.clock.jump(8 * 86_400_000)
  await bench.clock.advance('5m') // whatever has run out is swept

  const repeated = await bench.server.fetch(new Request(url, request))
  expect([repeated.status, repeated.headers.get('longline-duplicate')]).toEqual([201, 'true'])
})
