import { describe, expect, it } from 'vitest'
import {
  CancelledError,
  DeliveryFailedError,
  InvalidOptionsError,
  ServerClosedError,
  StoreUnavailableError,
  TimeoutError,
} from '../../src/errors.js'
import type { StoreSession } from '../../src/store/store.js'
import { deferred, HOUR, never, openBench } from './bench.js'

const to = 'https://partner.example/hooks'

describe('done', () => {
  it('resolves when the delivery ends, for those who asked before and those who ask after', async () => {
    const answer = deferred<Response>()
    await using bench = await openBench({ world: () => answer.promise })
    const delivery = await bench.sender.send(undefined, { to })
    const early = delivery.done()
    await bench.clock.settle()
    expect(await Promise.race([early, 'pending'])).toBe('pending')
    answer.resolve(new Response())
    expect(await early).toBe('delivered')
    expect(await delivery.done({ timeout: 0 })).toBe('delivered')
  })

  it('says dead when it is', async () => {
    await using bench = await openBench({ world: () => new Response(null, { status: 410 }) })
    const delivery = await bench.sender.send(undefined, { to })
    expect(await delivery.done()).toBe('dead')
  })

  it('times out, is cancelled and is aborted like any wait, and the delivery goes on', async () => {
    await using bench = await openBench({
      world: (_, number) => new Response(null, { status: number === 1 ? 500 : 200 }),
    })
    bench.sender.endpoint('app', { url: to, retry: ['1h'] })
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    const timed = delivery.done({ timeout: '1m' })
    const cancelled = delivery.done()
    const aborted = delivery.done({ signal: AbortSignal.abort(new Error('enough')) })
    cancelled.cancel()
    await bench.clock.advance('1m')
    await expect(timed).rejects.toThrow(TimeoutError)
    await expect(cancelled).rejects.toThrow(CancelledError)
    await expect(aborted).rejects.toThrow('enough')
    await bench.clock.advance('2h')
    expect(await delivery.done()).toBe('delivered')
  })

  it('has a fallback for its time-out, and for nothing else', async () => {
    await using bench = await openBench({ world: never })
    const delivery = await bench.sender.send(undefined, { to })
    const fallback = () => 'late' as const
    const late = delivery.done({ timeout: '1s', fallback })
    const cancelled = delivery.done({ timeout: '1s', fallback })
    cancelled.cancel()
    await bench.clock.advance('1s')
    expect(await late).toBe('late')
    await expect(cancelled).rejects.toThrow(CancelledError)
  })

  it('refuses an option that no wait has, as response does', async () => {
    await using bench = await openBench()
    const delivery = await bench.sender.send(undefined, { to })
    const options = { timeOut: '1s' } as object
    expect(() => delivery.done(options)).toThrow("done has no option 'timeOut'")
    expect(() => delivery.response(options)).toThrow("response has no option 'timeOut'")
  })

  it('waits through a store that cannot be reached', async () => {
    let broken = true
    const change = (session: StoreSession) =>
      new Proxy(session, {
        get: (target, name: keyof StoreSession) =>
          broken && name === 'findDelivery'
            ? () => Promise.reject(new StoreUnavailableError('gone'))
            : target[name],
      })
    await using bench = await openBench({ change })
    const delivery = await bench.sender.send(undefined, { to })
    const done = delivery.done()
    const once = delivery.done({ timeout: 0 })
    await expect(once).rejects.toThrow(TimeoutError)
    await bench.clock.advance('10s')
    expect(await Promise.race([done, 'pending'])).toBe('pending')
    broken = false
    await bench.clock.advance('1s')
    expect(await done).toBe('delivered')
  })

  it('rejects when the server closes, and at once afterwards', async () => {
    const bench = await openBench({ world: never })
    const delivery = await bench.sender.send(undefined, { to })
    const [done, response] = [delivery.done(), delivery.response()]
    await bench.clock.settle()
    await bench.sender.close()
    await expect(done).rejects.toThrow(ServerClosedError)
    await expect(response).rejects.toThrow(ServerClosedError)
    await expect(delivery.done()).rejects.toThrow(ServerClosedError)
  })

  it('says so when retention has let go of the delivery', async () => {
    await using bench = await openBench()
    const delivery = await bench.sender.send(undefined, { to })
    await delivery.done()
    const keep = {
      callbacksMs: HOUR,
      messagesMs: HOUR,
      bodiesMs: HOUR,
      failingMs: 1e15,
      keylessMs: HOUR,
      runsMs: HOUR,
      limit: 100,
    }
    await bench.session.sweep({ now: bench.clock.now() + 2 * HOUR, ...keep })
    await expect(delivery.done()).rejects.toThrow(InvalidOptionsError)
    await expect(delivery.response()).rejects.toThrow(/not kept any more.*retention\.messages/)
    expect(await delivery.attempts()).toEqual([])
  })

  it('leaves nothing behind once it has ended: no timer, and nobody who watches', async () => {
    await using bench = await openBench()
    const delivery = await bench.sender.send(undefined, { to })
    await delivery.done({ timeout: '1h' })
    const waiting = await bench.sender.send(undefined, { to, after: '1d' })
    await bench.sender.finish() // so that nobody else watches
    await delivery.done({ timeout: '1h' })
    const given = waiting.done({ timeout: '1h' })
    await bench.clock.settle()
    expect(bench.clock.timers).toBe(2) // its own and the poll's
    given.cancel()
    expect(bench.clock.timers).toBe(0)
  })
})

describe('response', () => {
  it('is what the endpoint answered when it was delivered', async () => {
    await using bench = await openBench({
      world: (_, number) =>
        number === 1
          ? new Response('later', { status: 503 })
          : Response.json({ id: 7 }, { status: 201, headers: { 'x-a': 'b' } }),
    })
    const delivery = await bench.sender.send(undefined, { to })
    const response = delivery.response()
    await bench.clock.advance('10s')
    const answer = await response
    expect(answer.status).toBe(201)
    expect(answer.headers.get('x-a')).toBe('b')
    expect(answer.json()).toEqual({ id: 7 })
    expect(answer.text()).toBe('{"id":7}')
    expect(Buffer.from(answer.bytes()).toString()).toBe('{"id":7}')
    expect(answer.truncated).toBe(false)
  })

  it('holds the first 16 KiB of a long answer, and says so', async () => {
    await using bench = await openBench({ world: () => new Response('x'.repeat(20_000)) })
    const answer = await (await bench.sender.send(undefined, { to })).response()
    expect(answer.truncated).toBe(true)
    expect(answer.text()).toBe('x'.repeat(16_384))
  })

  it('rejects for a dead delivery, with the reason and the last answer, which is not in the message', async () => {
    await using bench = await openBench({ world: () => new Response('no such hook', { status: 404 }) })
    const delivery = await bench.sender.send(undefined, { to })
    const error: unknown = await delivery.response().catch(error => error)
    expect(error).toBeInstanceOf(DeliveryFailedError)
    if (!(error instanceof DeliveryFailedError)) return
    expect(error).toMatchObject({ delivery: delivery.id, reason: 'rejected' })
    expect(error.answer?.status).toBe(404)
    expect(error.answer?.text()).toBe('no such hook')
    expect(`${error.message} ${JSON.stringify(error)}`).not.toContain('no such hook')
  })

  it('rejects without an answer where there never was one', async () => {
    await using bench = await openBench({ world: () => Promise.reject(new TypeError('x')) })
    bench.sender.endpoint('app', { url: to, retry: false })
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    await expect(delivery.response()).rejects.toSatisfy(
      (error: DeliveryFailedError) => error.reason === 'exhausted' && error.answer === undefined,
    )
    expect(await delivery.attempts()).toMatchObject([{ error: 'failed: TypeError' }])
  })

  it('has a fallback for its time-out', async () => {
    await using bench = await openBench({ world: never })
    const response = (await bench.sender.send(undefined, { to })).response({
      timeout: '1s',
      fallback: () => null,
    })
    await bench.clock.advance('1s')
    expect(await response).toBeNull()
  })
})

describe('cancel', () => {
  it('ends a delivery that waits: no attempt after it', async () => {
    await using bench = await openBench()
    const delivery = await bench.sender.send(undefined, { to, after: '1h' })
    const done = delivery.done()
    expect(await delivery.cancel()).toBe(true)
    expect(await done).toBe('dead')
    expect(await delivery.cancel()).toBe(false)
    await bench.clock.advance('1d')
    expect(bench.seen).toHaveLength(0)
    await expect(delivery.response()).rejects.toMatchObject({ reason: 'cancelled' })
    expect(bench.events).toMatchObject([
      { type: 'delivery.ended', deliveryId: delivery.id, status: 'dead', reason: 'cancelled' },
    ])
  })

  it('during an attempt stands, whatever that brings: the attempt is kept, and there is no other', async () => {
    const answer = deferred<Response>()
    await using bench = await openBench({ world: () => answer.promise })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    expect(await delivery.cancel()).toBe(true)
    answer.resolve(new Response())
    await bench.clock.advance('1d')
    expect(await delivery.done()).toBe('dead')
    expect(await delivery.attempts()).toMatchObject([{ status: 200 }])
    expect(bench.seen).toHaveLength(1)
    expect(bench.events.filter(({ type }) => type === 'delivery.ended')).toHaveLength(1)
  })

  it('says false when it had ended', async () => {
    await using bench = await openBench()
    const delivery = await bench.sender.send(undefined, { to })
    await delivery.done()
    expect(await delivery.cancel()).toBe(false)
    expect(await delivery.done()).toBe('delivered')
  })
})

describe('attempts', () => {
  it('tell when each was, how long it took, and what came of it', async () => {
    await using bench = await openBench({
      world: (_, number) => (number === 1 ? never() : new Response(null, { status: 202 })),
    })
    bench.sender.endpoint('app', { url: to, timeout: '2s', retry: ['10s'] })
    const start = bench.clock.now()
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    expect(await delivery.attempts()).toEqual([])
    await bench.clock.advance('1m')
    const [first, second] = await delivery.attempts()
    expect(first).toEqual({ at: new Date(start), durationMs: 2_000, error: 'timed out after 2s' })
    expect(second).toMatchObject({ status: 202, durationMs: 0 })
    expect((second?.at.getTime() ?? 0) - start).toBeGreaterThanOrEqual(10_000)
  })
})
