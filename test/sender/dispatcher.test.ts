import { describe, expect, it } from 'vitest'
import { EndpointRefusedError, ServerClosedError, StoreUnavailableError } from '../../src/errors.js'
import { DEFAULTS } from '../../src/options.js'
import { VERSION } from '../../src/sender/version.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import type { Input, Store, StoreSession } from '../../src/store/store.js'
import { deferred, HOUR, never, openBench } from './bench.js'

const to = 'https://partner.example/hooks'
const failing = () => new Response('no', { status: 500 })

describe('sending', () => {
  it('sends a message with its method, path, query, headers and bytes', async () => {
    await using bench = await openBench()
    bench.sender.endpoint('app', {
      url: 'https://app.example/v1?tenant=7',
      headers: { authorization: 'Bearer abc', 'x-a': 'endpoint' },
    })
    const delivery = await bench.sender.send(undefined, {
      to: 'app',
      method: 'PUT',
      path: ['orders', '7/8'],
      query: { region: 'berlin' },
      headers: { 'X-A': 'message' },
      body: { n: 1 },
    })
    await bench.clock.settle()

    const [request] = bench.seen
    expect(request?.method).toBe('PUT')
    expect(request?.url).toBe('https://app.example/v1/orders/7%2F8?tenant=7&region=berlin')
    expect(request?.body).toBe('{"n":1}')
    expect(Object.fromEntries(request?.headers ?? [])).toMatchObject({
      authorization: 'Bearer abc',
      'content-type': 'application/json',
      'user-agent': `longline/${VERSION}`,
      'webhook-id': delivery.messageId,
      'x-a': 'message',
    })
    expect(await delivery.done()).toBe('delivered')
  })

  it('names the type of a message, and leaves the header out where there is none', async () => {
    await using bench = await openBench()
    await bench.sender.send(undefined, { to, type: 'buch.grün' })
    await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    expect(bench.seen.map(({ headers }) => headers.get('longline-type'))).toEqual(['buch.gr%C3%BCn', null])
  })

  it('repeats the same id and the same bytes on every attempt, by the default schedule, and dies with the last', async () => {
    await using bench = await openBench({ world: failing })
    const start = bench.clock.now()
    const delivery = await bench.sender.send(undefined, { to, body: new Uint8Array([0, 255, 10]) })
    const done = delivery.done()
    await bench.clock.advance('30d')

    expect(await done).toBe('dead')
    expect(bench.seen).toHaveLength(10)
    expect(new Set(bench.seen.map(({ headers }) => headers.get('webhook-id')))).toEqual(
      new Set([delivery.messageId]),
    )
    expect(new Set(bench.seen.map(({ body }) => body)).size).toBe(1)

    const gaps = bench.seen.slice(1).map(({ at }, index) => at - (bench.seen[index]?.at ?? 0))
    expect(bench.seen[0]?.at).toBe(start)
    for (const [index, delayMs] of DEFAULTS.deliveryRetry.delaysMs.entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(Math.floor(delayMs * 0.8))
      expect(gaps[index]).toBeLessThanOrEqual(Math.ceil(delayMs * 1.2))
    }
    const attempts = await delivery.attempts()
    expect(attempts).toHaveLength(10)
    expect(attempts.every(({ status }) => status === 500)).toBe(true)
    expect(await bench.session.findDelivery({ deliveryId: delivery.id })).toMatchObject({
      status: 'dead',
      reason: 'exhausted',
    })
  })

  it('spreads delays around the schedule, and does not repeat one number for all', async () => {
    await using bench = await openBench({ world: failing })
    bench.sender.endpoint('app', { url: to, retry: [HOUR], concurrency: 100, breaker: false })
    for (let n = 0; n < 50; n++) await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.advance(2 * HOUR)
    const second = bench.seen.slice(50).map(({ at }) => at)
    expect(second).toHaveLength(50)
    expect(new Set(second).size).toBeGreaterThan(40)
  })

  it('is delivered by the attempt that succeeds, and tries no more', async () => {
    await using bench = await openBench({
      world: (_, number) => new Response(null, { status: number < 3 ? 503 : 204 }),
    })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.advance('1d')
    expect((await delivery.attempts()).map(({ status }) => status)).toEqual([503, 503, 204])
    expect(await delivery.done()).toBe('delivered')
  })

  it.each([400, 404, 410, 422])('takes %i as a final no', async status => {
    await using bench = await openBench({ world: () => new Response('no', { status }) })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.advance('1d')
    expect(await delivery.done()).toBe('dead')
    expect(bench.seen).toHaveLength(1)
    expect(await bench.session.findDelivery({ deliveryId: delivery.id })).toMatchObject({
      reason: 'rejected',
    })
  })

  it.each([302, 408, 409, 425, 429, 500, 503])('tries again after %i', async status => {
    await using bench = await openBench({ world: () => new Response(null, { status }) })
    await bench.sender.send(undefined, { to })
    await bench.clock.advance('10s')
    expect(bench.seen).toHaveLength(2)
  })

  it('takes an endpoint by its word about what is success and what is final', async () => {
    const statuses = [404, 200, 409]
    await using bench = await openBench({
      world: (_, number) => new Response(null, { status: statuses[number - 1] ?? 500 }),
    })
    bench.sender.endpoint('odd', { url: to, success: [409], final: [500] })
    const delivery = await bench.sender.send(undefined, { to: 'odd' })
    await bench.clock.advance('1d')
    expect(await delivery.done()).toBe('delivered')
    expect(bench.seen).toHaveLength(3)
  })

  it('ends an attempt that gets no answer after its time-out, and says so', async () => {
    await using bench = await openBench({ world: never })
    bench.sender.endpoint('app', { url: to, timeout: '3s', retry: false })
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.advance('3s')
    expect(await delivery.attempts()).toMatchObject([{ durationMs: 3_000, error: 'timed out after 3s' }])
    expect(bench.seen[0]?.signal.aborted).toBe(true)
  })

  it('is delivered by the status, though the body after it never ends', async () => {
    const trickling = () => new ReadableStream({ start: controller => controller.enqueue(Buffer.from('so')) })
    await using bench = await openBench({ world: () => new Response(trickling()) })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.advance('1h')
    expect(await delivery.done()).toBe('delivered')
    const answer = await delivery.response()
    expect([answer.status, answer.text(), answer.truncated]).toEqual([200, 'so', true])
    expect(bench.seen).toHaveLength(1)
  })

  it('does not try again beyond the deadline of the delivery', async () => {
    await using bench = await openBench({ world: failing })
    bench.sender.endpoint('app', {
      url: to,
      retry: { attempts: Number.POSITIVE_INFINITY, delay: '1d', factor: 1 },
    })
    const delivery = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.advance('40d')
    expect(await bench.session.findDelivery({ deliveryId: delivery.id })).toMatchObject({
      status: 'dead',
      reason: 'expired',
    })
    expect(bench.seen.length).toBeGreaterThan(20)
    expect((bench.seen.at(-1)?.at ?? 0) - (bench.seen[0]?.at ?? 0)).toBeLessThan(30 * 24 * HOUR)
  })

  it('gives up when the endpoint says so, counted from the first attempt, restarts included', async () => {
    const policy = { url: to, retry: { delay: '20m', factor: 1, giveUpAfter: '90m' } } as const
    const first = await openBench({ world: failing })
    first.sender.endpoint('app', policy)
    const { id } = await first.sender.send(undefined, { to: 'app' })
    await first.clock.advance('50m')
    await first[Symbol.asyncDispose]()

    await using second = await openBench({ store: first.store, clock: first.clock, world: failing })
    second.sender.endpoint('app', policy)
    await second.clock.advance('1d')
    const attempts = await second.session.listAttempts({ deliveryId: id })
    expect((attempts.at(-1)?.at ?? 0) - (attempts[0]?.at ?? 0)).toBeLessThanOrEqual(1.5 * HOUR)
    expect(attempts.length).toBeLessThan(8)
    expect(await second.session.findDelivery({ deliveryId: id })).toMatchObject({ reason: 'exhausted' })
  })

  it('holds the first attempt back until the time that was asked for', async () => {
    await using bench = await openBench()
    const start = bench.clock.now()
    await bench.sender.send(undefined, { to, after: '90m' })
    await bench.sender.send(undefined, { to, after: new Date(start + 2 * HOUR) })
    await bench.clock.advance('3h')
    expect(bench.seen.map(({ at }) => at - start)).toEqual([1.5 * HOUR, 2 * HOUR])
  })

  it('reads URL and headers of an endpoint at each attempt', async () => {
    await using bench = await openBench({
      world: (_, number) => new Response(null, { status: number === 1 ? 500 : 200 }),
    })
    bench.sender.endpoint('app', { url: 'https://old.example/', headers: { authorization: 'old' } })
    await bench.sender.send(undefined, { to: 'app', path: 'x' })
    await bench.clock.settle()
    bench.sender.endpoint('app', { url: 'https://new.example/', headers: { authorization: 'new' } })
    await bench.clock.advance('10s')
    expect(bench.seen.map(({ url, headers }) => [url, headers.get('authorization')])).toEqual([
      ['https://old.example/x', 'old'],
      ['https://new.example/x', 'new'],
    ])
  })

  it('tells of each attempt and each end after it is durable', async () => {
    await using bench = await openBench({
      world: (_, number) => new Response(null, { status: number === 1 ? 500 : 200 }),
    })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.advance('10s')
    expect(bench.events.map(({ type, status, deliveryId }) => [type, status, deliveryId])).toEqual([
      ['delivery.attempted', 500, delivery.id],
      ['delivery.attempted', 200, delivery.id],
      ['delivery.ended', 'delivered', delivery.id],
    ])
  })

  it('goes on when the one who observes throws', async () => {
    await using bench = await openBench({
      options: {
        observe: () => {
          throw new Error('observer')
        },
      },
    })
    const delivery = await bench.sender.send(undefined, { to })
    expect(await delivery.done()).toBe('delivered')
  })
})

describe('lanes', () => {
  it('have no more attempts under way than their concurrency', async () => {
    await using bench = await openBench({ world: never })
    bench.sender.endpoint('app', { url: to, concurrency: 3 })
    for (let n = 0; n < 10; n++) await bench.sender.send(undefined, { to: 'app' })
    for (let n = 0; n < 40; n++) await bench.sender.send(undefined, { to })
    await bench.clock.advance('5s')
    expect(bench.seen).toHaveLength(3 + DEFAULTS.endpointConcurrency)
  })

  it('are filled up as soon as there is room, whichever attempts end first', async () => {
    const answers: ((response: Response) => void)[] = []
    await using bench = await openBench({
      world: () => {
        const { promise, resolve } = deferred<Response>()
        answers.push(resolve)
        return promise
      },
    })
    bench.sender.endpoint('app', { url: to, concurrency: 4 })
    for (let n = 0; n < 40; n++) await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.settle()
    for (let answered = 0; answered < 40; ) {
      for (const answer of answers.splice(0, 3)) {
        answer(new Response())
        answered++
        await Promise.resolve()
      }
      await bench.clock.settle()
      expect(answers.length).toBe(Math.min(4, 40 - answered))
    }
    expect(bench.clock.monotonic()).toBe(0)
  })

  it('do not wait for one another: an endpoint that never answers delays nobody else', async () => {
    await using bench = await openBench({
      world: ({ url }) => (url.includes('dead') ? never() : new Response()),
    })
    bench.sender.endpoint('dead', { url: 'https://dead.example' })
    bench.sender.endpoint('live', { url: 'https://live.example' })
    for (let n = 0; n < 500; n++) await bench.sender.send(undefined, { to: 'dead' })
    for (let n = 0; n < 50; n++)
      await bench.sender.send(undefined, { to: 'https://dead.example/written-out' })
    const deliveries = []
    for (let n = 0; n < 100; n++) deliveries.push(await bench.sender.send(undefined, { to: 'live' }))
    await bench.clock.settle()
    expect(await Promise.all(deliveries.map(delivery => delivery.done({ timeout: 0 })))).toEqual(
      Array(100).fill('delivered'),
    )
    expect(bench.clock.monotonic()).toBe(0)
  })

  it('of an endpoint that is not declared wait, and go on when it is', async () => {
    const first = await openBench()
    first.sender.endpoint('late', { url: to })
    await first.sender.finish()
    const delivery = await first.sender.send(undefined, { to: 'late' })

    await using second = await openBench({ store: first.store, clock: first.clock })
    await second.clock.advance('1h')
    expect(second.seen).toHaveLength(0)
    second.sender.endpoint('late', { url: to })
    await second.clock.settle()
    expect(second.seen.map(({ headers }) => headers.get('webhook-id'))).toEqual([delivery.messageId])
  })
})

describe('restarts', () => {
  it('send what was recorded and not sent', async () => {
    const first = await openBench()
    await first.sender.finish()
    const delivery = await first.sender.send('order/7', { to, body: 'x' })
    await first.clock.settle()
    expect(first.seen).toHaveLength(0)

    await using second = await openBench({ store: first.store, clock: first.clock })
    await second.clock.settle()
    expect(second.seen.map(({ headers }) => headers.get('webhook-id'))).toEqual([delivery.messageId])
    const again = await second.sender.send('order/7', { to, body: 'y' })
    expect(again).toMatchObject({ id: delivery.id, messageId: delivery.messageId })
    expect(await again.done()).toBe('delivered')
    expect(second.seen).toHaveLength(1)
  })

  it('repeat an attempt that was under way when the process was killed, with the same id and bytes', async () => {
    const clock = (await openBench()).clock
    const killed = await openBench({ world: never, clock })
    const delivery = await killed.sender.send(undefined, { to, body: { n: 1 } })
    await clock.settle()

    await using second = await openBench({ store: killed.store, clock })
    await clock.settle()
    const what = ({ headers, body }: { headers: Headers; body: string }) => [headers.get('webhook-id'), body]
    expect(second.seen.map(what)).toEqual(killed.seen.map(what))
    expect(second.seen).toHaveLength(1)
    expect(await second.session.findDelivery({ deliveryId: delivery.id })).toMatchObject({
      status: 'delivered',
      attempts: 1,
    })
  })

  it('go on with the schedule where it was', async () => {
    const first = await openBench({ world: failing })
    await first.sender.send(undefined, { to })
    await first.clock.advance('10s')
    expect(first.seen).toHaveLength(2)
    await first[Symbol.asyncDispose]()

    await using second = await openBench({ store: first.store, clock: first.clock, world: failing })
    await second.clock.advance('30d')
    expect(second.seen).toHaveLength(8)
  })
})

describe('closing', () => {
  it('waits for attempts under way when it is given the time, and begins no others', async () => {
    const answer = deferred<Response>()
    await using bench = await openBench({ world: () => answer.promise })
    bench.sender.endpoint('app', { url: to, concurrency: 1 })
    const first = await bench.sender.send(undefined, { to: 'app' })
    const second = await bench.sender.send(undefined, { to: 'app' })
    await bench.clock.settle()
    const finished = bench.sender.finish()
    answer.resolve(new Response())
    await finished
    expect(await bench.session.findDelivery({ deliveryId: first.id })).toMatchObject({ status: 'delivered' })
    expect(await bench.session.findDelivery({ deliveryId: second.id })).toMatchObject({
      status: 'due',
      attempts: 0,
    })
  })

  it('gives back, uncounted and unsent, what a claim brings that was on its way', async () => {
    const claim = deferred<void>()
    const change = (session: StoreSession) =>
      new Proxy(session, {
        get: (target, name: keyof StoreSession) =>
          name === 'claimDeliveries'
            ? async (input: Parameters<StoreSession['claimDeliveries']>[0]) => {
                const outcome = await target.claimDeliveries(input)
                if (outcome.claimed.length > 0) await claim.promise
                return outcome
              }
            : target[name],
      })
    await using bench = await openBench({ change })
    const { id } = await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    const finished = bench.sender.finish()
    claim.resolve()
    await finished
    expect(bench.seen).toHaveLength(0)
    expect(await bench.session.findDelivery({ deliveryId: id })).toMatchObject({ status: 'due', attempts: 0 })
  })

  it('gives back at once, uncounted, what does not end', async () => {
    await using bench = await openBench({ world: never })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    await bench.sender.close()
    expect(bench.seen[0]?.signal.aborted).toBe(true)
    expect(await bench.session.findDelivery({ deliveryId: delivery.id })).toMatchObject({
      status: 'due',
      attempts: 0,
    })
    expect(await delivery.attempts()).toEqual([])
    expect(bench.events).toEqual([])
  })

  it('leaves no timer behind', async () => {
    const bench = await openBench({ world: failing })
    const delivery = await bench.sender.send(undefined, { to })
    const done = delivery.done({ timeout: '1h' })
    await bench.clock.settle()
    await bench[Symbol.asyncDispose]()
    await expect(done).rejects.toThrow(ServerClosedError)
    expect(bench.clock.timers).toBe(0)
  })
})

describe('a store that fails', () => {
  /** Fails the commands named, until it is mended. */
  function breakable(...names: (keyof StoreSession)[]) {
    let broken = true
    return {
      mend: () => {
        broken = false
      },
      change: (session: StoreSession) =>
        new Proxy(session, {
          get(target, name: keyof StoreSession) {
            if (broken && names.includes(name)) return () => Promise.reject(new StoreUnavailableError('gone'))
            return target[name]
          },
        }),
    }
  }

  it('is told of an attempt again, until it is back', async () => {
    const { mend, change } = breakable('recordAttempt')
    await using bench = await openBench({ change })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.advance('1m')
    expect(await delivery.attempts()).toEqual([])
    expect(bench.events).toEqual([])
    expect(bench.errors.length).toBeGreaterThan(3)
    expect(bench.errors.length).toBeLessThan(30)
    mend()
    await bench.clock.advance('5s')
    expect(await delivery.attempts()).toHaveLength(1)
    expect(bench.seen).toHaveLength(1)
  })

  it('is told again of what is given back, until it is back', async () => {
    const claim = deferred<void>()
    const { mend, change } = breakable('releaseDelivery')
    const late = (session: StoreSession) =>
      new Proxy(change(session), {
        get: (target, name: keyof StoreSession) =>
          name === 'claimDeliveries'
            ? async (input: Parameters<StoreSession['claimDeliveries']>[0]) => {
                const outcome = await target.claimDeliveries(input)
                if (outcome.claimed.length > 0) await claim.promise
                return outcome
              }
            : target[name],
      })
    await using bench = await openBench({ change: late })
    const { id } = await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    const finished = bench.sender.finish()
    claim.resolve()
    await bench.clock.settle()
    expect(await bench.session.findDelivery({ deliveryId: id })).toMatchObject({ status: 'sending' })
    mend()
    await bench.clock.advance('1s')
    await finished
    expect(await bench.session.findDelivery({ deliveryId: id })).toMatchObject({ status: 'due', attempts: 0 })
  })

  it('does not keep a server from closing', async () => {
    const { change } = breakable('recordAttempt', 'releaseDelivery')
    const bench = await openBench({ change })
    await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    await bench[Symbol.asyncDispose]()
    expect(bench.clock.timers).toBe(0)
  })

  it('is asked again for what is due', async () => {
    const { mend, change } = breakable('claimDeliveries')
    await using bench = await openBench({ change })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.advance('10s')
    expect(bench.errors.length).toBeLessThan(25)
    mend()
    await bench.clock.advance('1s')
    expect(await delivery.done()).toBe('delivered')
  })

  it('gives back what a claim took whose answer was lost, and leaves alone what is under way', async () => {
    let isLossy = false
    await using bench = await openBench({
      world: (_, number) => (number === 1 ? never() : new Response('ok')),
      change: session =>
        new Proxy(session, {
          get(target, name: keyof StoreSession) {
            if (name !== 'claimDeliveries') return target[name]
            return async (input: Input<'claimDeliveries'>) => {
              const outcome = await target.claimDeliveries(input)
              if (!isLossy || outcome.claimed.length === 0) return outcome
              isLossy = false
              throw new StoreUnavailableError('the answer was lost')
            }
          },
        }),
    })
    const first = await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    isLossy = true
    const second = await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    expect(bench.seen).toHaveLength(1)
    await bench.clock.advance('2s')
    expect(bench.seen.map(({ headers }) => headers.get('webhook-id'))).toEqual([
      first.messageId,
      second.messageId,
    ])
    expect(await second.done()).toBe('delivered')
    expect(await second.attempts()).toHaveLength(1)
  })

  it('that says a claim is lost is believed: nothing is told of that attempt', async () => {
    await using bench = await openBench({
      change: session =>
        new Proxy(session, {
          get: (target, name: keyof StoreSession) =>
            name === 'recordAttempt' ? async () => 'lost' : target[name],
        }),
    })
    await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    expect(bench.seen).toHaveLength(1)
    expect(bench.events).toEqual([])
    expect(bench.errors).toEqual([])
  })
})

describe('what goes wrong before a request leaves', () => {
  /** The message of the first claim is damaged: no request can be made of it. */
  const damaged = (session: StoreSession) => {
    let claims = 0
    return new Proxy(session, {
      get: (target, name: keyof StoreSession) =>
        name === 'claimDeliveries'
          ? async (input: Parameters<StoreSession['claimDeliveries']>[0]) => {
              const { claimed, ...rest } = await target.claimDeliveries(input)
              if (claimed.length === 0 || claims++ > 0) return { claimed, ...rest }
              const headers = null as never
              return {
                ...rest,
                claimed: claimed.map(each => ({ ...each, message: { ...each.message, headers } })),
              }
            }
          : target[name],
    })
  }

  it('is a failed attempt, and the delivery is tried again by its schedule', async () => {
    await using bench = await openBench({ change: damaged })
    const delivery = await bench.sender.send(undefined, { to })
    await bench.clock.settle()
    expect(await delivery.attempts()).toMatchObject([{ error: 'could not be prepared' }])
    expect(bench.errors).toMatchObject([{ name: 'TypeError' }])
    await bench.clock.advance('10s')
    expect(await delivery.done()).toBe('delivered')
    expect(bench.seen).toHaveLength(1)
  })

  it('leaves nothing claimed when the public URL cannot be had: that is no development', async () => {
    let down = false
    await using bench = await openBench({
      publicUrl: () => {
        if (down) throw new Error('registry is down')
        return 'http://localhost:3000'
      },
    })
    const delivery = await bench.sender.send(undefined, { to: 'http://localhost:9999/', after: '1s' })
    down = true
    await bench.clock.advance('1s')
    expect(await bench.session.findDelivery({ deliveryId: delivery.id })).toMatchObject({
      status: 'dead',
      reason: 'refused',
    })
    expect(bench.seen).toHaveLength(0)
    expect(() => bench.sender.endpoint('app', { url: 'http://localhost:9999/' })).toThrow(
      EndpointRefusedError,
    )
  })
})

/** A store whose wake-ups are all lost. */
function deaf(store: Store): Store {
  return {
    ...store,
    open: async () => {
      const session = await store.open()
      return new Proxy(session, {
        get: (target, name: keyof StoreSession) => (name === 'subscribe' ? () => () => {} : target[name]),
      })
    },
  }
}

describe('asking the store', () => {
  it('finds what a wake-up that got lost would have told, one poll interval later', async () => {
    await using bench = await openBench({
      pollMs: 1_000,
      store: deaf(memoryStore()),
    })
    const delivery = await bench.sender.send(undefined, { to })
    const done = delivery.done()
    await bench.clock.settle()
    expect(bench.seen).toHaveLength(0)
    await bench.clock.advance('2s')
    expect(await done).toBe('delivered')
  })

  it('costs the same whether one delivery waits or a thousand', async () => {
    let asked = 0
    const counting = (session: StoreSession) =>
      new Proxy(session, {
        get(target, name: keyof StoreSession) {
          if (name === 'claimDeliveries') asked++
          return target[name]
        },
      })
    await using bench = await openBench({ change: counting, pollMs: 1_000 })
    for (let n = 0; n < 1_000; n++) await bench.sender.send(undefined, { to, after: '1d' })
    await bench.clock.settle()
    asked = 0
    await bench.clock.advance('1m')
    expect(asked).toBeLessThanOrEqual(61)
  })
})
