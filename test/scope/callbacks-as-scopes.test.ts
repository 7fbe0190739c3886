import { describe, expect, it } from 'vitest'
import { soon } from '../../src/core/clock.js'
import {
  type Callback,
  type CallbackServer,
  DeliveryFailedError,
  KeyConflictError,
  NonRetryableError,
  ScopeEndedError,
  type ServerOptions,
  TimeoutError,
  UnscopedCallError,
} from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { collect, openTestServer, type TestServer } from '../support/server.js'

/** A world outside that answers what it is sent, and remembers it. */
function outside(answer: (request: Request) => Response | Promise<Response> = () => new Response()) {
  const sent: { id: string | null; url: string; body: string }[] = []
  const fetch = async (request: Request) => {
    sent.push({ id: request.headers.get('webhook-id'), url: request.url, body: await request.clone().text() })
    return await answer(request)
  }
  return { sent, fetch }
}

/** Servers one after the other on one store: each is killed before the next begins. */
async function lives(options: ServerOptions = {}) {
  const store = memoryStore()
  const clock = new ManualClock()
  return {
    clock,
    begin: (): Promise<TestServer> => openTestServer({ store, clock, ...options }),
  }
}

async function consumeAll(
  { server, clock }: TestServer,
  handler: (callback: Callback<unknown>) => Promise<void>,
) {
  const orders = await server.spawn('orders')
  orders.consume({ retry: false }, handler)
  await clock.settle()
  return orders
}

const failures = async (server: CallbackServer) => collect((await server.spawn('orders')).failed())

describe('a step', () => {
  it('runs once, however often its callback is handled', async () => {
    const { begin, clock } = await lives()
    let runs = 0
    const results: unknown[] = []
    const first = await begin()
    const orders = await consumeAll(first, async callback => {
      results.push(await callback.step('charge', () => ({ paid: new Date(5), amount: 7n, run: ++runs })))
      await new Promise(() => {})
    })
    await first.post(orders.url, { order: 1 })
    await clock.settle()
    const second = await begin()
    await consumeAll(second, async callback => {
      results.push(await callback.step('charge', () => ({ run: ++runs })))
    })
    await clock.settle()
    expect(results).toEqual([
      { paid: new Date(5), amount: 7n, run: 1 },
      { paid: new Date(5), amount: 7n, run: 1 },
    ])
    expect(await failures(second.server)).toEqual([])
    await second.server.close({ grace: 0 })
  })

  it('is retried by its own policy, then throws its last error on every entry', async () => {
    await using bench = await openTestServer()
    let runs = 0
    const orders = await bench.server.spawn('orders')
    const keys = new Set<string>()
    orders.consume(async callback => {
      await callback.step('charge', { retry: ['1s', '1s'] }, step => {
        keys.add(step.idempotencyKey)
        expect(step.attempt).toBe(++runs)
        throw new RangeError(`no ${runs}`)
      })
    })
    await bench.post(orders.url)
    await bench.clock.advance('1m')
    expect(runs).toBe(3)
    expect(keys.size).toBe(1)
    const [failed] = await collect(orders.failed())
    expect(failed).toMatchObject({ reason: 'handler', error: { name: 'RangeError', message: 'no 3' } })

    await failed?.retry()
    await bench.clock.advance('1m')
    expect(runs).toBe(6)
  })

  it('ends at once for an error that is not to be retried', async () => {
    await using bench = await openTestServer()
    let runs = 0
    await consumeAll(bench, async callback => {
      await callback.step('charge', () => {
        runs++
        throw new NonRetryableError('the card is gone')
      })
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.advance('10m')
    expect(runs).toBe(1)
  })

  it('calls no verbs', async () => {
    await using bench = await openTestServer()
    const seen: unknown[] = []
    await consumeAll(bench, async callback => {
      await callback
        .step('outer', { retry: false }, () => callback.step('inner', () => 1))
        .catch(error => seen.push(error))
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.settle()
    expect(seen).toEqual([expect.objectContaining({ message: expect.stringContaining('no verbs') })])
  })
})

describe('a key', () => {
  it('names one call: a second use fails before its effect, and says so', async () => {
    await using bench = await openTestServer()
    const effects: number[] = []
    const errors: unknown[] = []
    await consumeAll(bench, async callback => {
      try {
        for (const n of [1, 2]) await callback.step('notify', () => effects.push(n))
      } catch (error) {
        errors.push(error)
      }
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.settle()
    expect(effects).toEqual([1])
    expect(errors[0]).toBeInstanceOf(KeyConflictError)
    expect(String(errors[0])).toContain('put the item into the key')
  })

  it('keeps its verb across entries', async () => {
    const { begin, clock } = await lives()
    const first = await begin()
    const orders = await consumeAll(first, async callback => {
      await callback.step('x', () => 1)
      await new Promise(() => {})
    })
    await first.post(orders.url)
    await clock.settle()
    const second = await begin()
    const errors: unknown[] = []
    await consumeAll(second, async callback => {
      await callback.sleep('x', '1s').catch(error => errors.push(error))
    })
    await clock.settle()
    expect(errors[0]).toBeInstanceOf(KeyConflictError)
    await second.server.close({ grace: 0 })
  })
})

describe('a receiver of a scope', () => {
  it('has the same URL, and is read again in the same order, on every entry', async () => {
    const { begin, clock } = await lives()
    const urls: string[] = []
    const reads: unknown[][] = []
    const handler = (until: number) => async (callback: Callback<unknown>) => {
      const answers = await callback.spawn<{ n: number }>('answers')
      urls.push(answers.url)
      const read: unknown[] = []
      reads.push(read)
      for (let n = 0; n < until; n++) read.push((await answers.next()).data)
      if (until < 3) await new Promise(() => {})
    }
    const first = await begin()
    const orders = await consumeAll(first, handler(2))
    await first.post(orders.url)
    await clock.settle()
    await first.post(urls[0] ?? '', { n: 1 })
    await first.post(urls[0] ?? '', { n: 2 })
    await clock.settle()
    const second = await begin()
    await consumeAll(second, handler(3))
    await clock.settle()
    await second.post(urls[0] ?? '', { n: 3 })
    await clock.settle()
    expect(new Set(urls).size).toBe(1)
    expect(reads).toEqual([
      [{ n: 1 }, { n: 2 }],
      [{ n: 1 }, { n: 2 }, { n: 3 }],
    ])
    expect((await second.post(urls[0] ?? '', { n: 4 })).status).toBe(410)
    await second.server.close({ grace: 0 })
  })

  it('a wait that timed out times out again, also when the callback has come since', async () => {
    const { begin, clock } = await lives()
    const seen: unknown[] = []
    let url = ''
    const handler = (isLast: boolean) => async (callback: Callback<unknown>) => {
      const answers = await callback.spawn('answers')
      url = answers.url
      seen.push(await answers.next({ timeout: '5s', fallback: () => 'late' }))
      if (!isLast) await new Promise(() => {})
      seen.push((await answers.next()).data)
    }
    const first = await begin()
    const orders = await consumeAll(first, handler(false))
    await first.post(orders.url)
    await clock.settle()
    await clock.advance('6s')
    expect(seen).toEqual(['late'])
    await first.post(url, { n: 1 })
    const second = await begin()
    await consumeAll(second, handler(true))
    await clock.settle()
    expect(seen).toEqual(['late', 'late', { n: 1 }])
    await second.server.close({ grace: 0 })
  })

  it('a callback read from it is a scope too, whose steps are not repeated', async () => {
    const { begin, clock } = await lives()
    let runs = 0
    let url = ''
    const handler = (isLast: boolean) => async (callback: Callback<unknown>) => {
      const answers = await callback.spawn('answers')
      url = answers.url
      const answer = await answers.next()
      await answer.step('book', () => ++runs)
      await callback.step('book', () => ++runs)
      if (!isLast) await new Promise(() => {})
    }
    const first = await begin()
    const orders = await consumeAll(first, handler(false))
    await first.post(orders.url)
    await clock.settle()
    await first.post(url)
    await clock.settle()
    expect(runs).toBe(2)
    const second = await begin()
    await consumeAll(second, handler(true))
    await clock.settle()
    expect(runs).toBe(2)
    await second.server.close({ grace: 0 })
  })
})

describe('send and exchange', () => {
  it('a message is sent once, with one id, however often the scope is entered', async () => {
    const world = outside()
    const { begin, clock } = await lives({ fetch: world.fetch })
    const handler = (isLast: boolean) => async (callback: Callback<unknown>) => {
      const delivery = await callback.send('hello', { to: 'https://partner.example/in', body: { n: 1 } })
      expect(await delivery.done()).toBe('delivered')
      if (!isLast) await new Promise(() => {})
    }
    const first = await begin()
    const orders = await consumeAll(first, handler(false))
    await first.post(orders.url)
    await clock.settle()
    const second = await begin()
    await consumeAll(second, handler(true))
    await clock.settle()
    expect(world.sent).toHaveLength(1)
    expect(await failures(second.server)).toEqual([])
    await second.server.close({ grace: 0 })
  })

  it('an answer that comes before the message has been delivered is the answer', async () => {
    const world = outside(async request => {
      const { callback } = (await request.clone().json()) as { callback: string }
      await bench.post(callback, { price: 3 })
      return new Response()
    })
    const bench = await openTestServer({ fetch: world.fetch })
    const seen: unknown[] = []
    await consumeAll(bench, async callback => {
      const offer = await callback.exchange<{ price: number }>('offer', {
        send: url => ({ to: 'https://partner.example/in', body: { callback: url } }),
        timeout: '1m',
      })
      seen.push(offer.data)
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.settle()
    expect(seen).toEqual([{ price: 3 }])
    await bench.server.close({ grace: 0 })
  })

  it('an exchange whose message cannot be delivered fails at once, not at its time-out', async () => {
    const world = outside(() => new Response('no', { status: 404 }))
    await using bench = await openTestServer({ fetch: world.fetch })
    const errors: unknown[] = []
    await consumeAll(bench, async callback => {
      await callback
        .exchange('offer', {
          send: url => ({ to: 'https://partner.example/in', body: { url } }),
          timeout: '1h',
        })
        .catch(error => errors.push(error))
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.settle()
    expect(errors[0]).toBeInstanceOf(DeliveryFailedError)
  })

  it('an exchange without an answer times out, and a late answer is kept', async () => {
    const world = outside()
    await using bench = await openTestServer({ fetch: world.fetch })
    const errors: unknown[] = []
    await consumeAll(bench, async callback => {
      await callback
        .exchange('offer', {
          send: url => ({ to: 'https://partner.example/in', body: { url } }),
          timeout: '5s',
        })
        .catch(error => errors.push(error))
      await callback.sleep('a while', '1h')
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.advance('10s')
    expect(errors[0]).toBeInstanceOf(TimeoutError)
    const { url } = JSON.parse(world.sent[0]?.body ?? '{}') as { url: string }
    expect((await bench.post(url)).status).toBe(202)
  })
})

describe('race and any', () => {
  it('the winner is remembered with what it read; the loser has read nothing', async () => {
    const { begin, clock } = await lives()
    const seen: unknown[] = []
    let urls: string[] = []
    const handler = (isLast: boolean) => async (callback: Callback<unknown>) => {
      const [left, right] = [await callback.spawn('left'), await callback.spawn('right')]
      urls = [left.url, right.url]
      const first = await callback.race('first', {
        left: () => left.next(),
        right: () => right.next(),
        late: () => callback.sleep('late', '1h'),
      })
      seen.push([first.name, first.name === 'late' ? undefined : first.value.data])
      if (!isLast) await new Promise(() => {})
      seen.push((await left.next()).data)
    }
    const first = await begin()
    const orders = await consumeAll(first, handler(false))
    await first.post(orders.url)
    await clock.settle()
    await first.post(urls[1] ?? '', { from: 'right' })
    await first.post(urls[0] ?? '', { from: 'left' })
    await clock.settle()
    const second = await begin()
    await consumeAll(second, handler(true))
    await clock.settle()
    expect(seen).toEqual([['right', { from: 'right' }], ['right', { from: 'right' }], { from: 'left' }])
    await second.server.close({ grace: 0 })
  })

  it('a race that nobody awaited when the handler failed is run again', async () => {
    await using bench = await openTestServer()
    const seen: string[] = []
    let url = ''
    let tries = 0
    const orders = await bench.server.spawn('orders')
    orders.consume(async callback => {
      const answers = await callback.spawn('answers')
      url = answers.url
      const first = callback.race('first', {
        answer: () => answers.next(),
        late: () => callback.sleep('late', '1h'),
      })
      if (++tries === 1) throw new Error('not yet')
      seen.push((await first).name)
    })
    await bench.post(orders.url)
    await bench.clock.advance('5s')
    await bench.post(url)
    await bench.clock.settle()
    expect(tries).toBe(2)
    expect(seen).toEqual(['answer'])
  })

  it('any is won by the first that succeeds', async () => {
    await using bench = await openTestServer()
    const seen: unknown[] = []
    let url = ''
    await consumeAll(bench, async callback => {
      const answers = await callback.spawn('answers')
      url = answers.url
      const nothing = await callback.spawn('nothing')
      const won = await callback.any('first', {
        impatient: () => nothing.next({ timeout: '1s' }),
        patient: () => answers.next(),
      })
      seen.push(won.name)
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.advance('5s')
    expect(seen).toEqual([])
    await bench.post(url)
    await bench.clock.settle()
    expect(seen).toEqual(['patient'])
  })
})

describe('the end of a scope', () => {
  it('verbs called after it reject', async () => {
    await using bench = await openTestServer()
    let kept: Callback<unknown> | undefined
    await consumeAll(bench, async callback => {
      kept = callback
      await callback.step('one', () => 1)
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.settle()
    await expect(kept?.step('two', () => 2)).rejects.toThrow(ScopeEndedError)
  })

  it('an early ack ends it: a verb after it rejects, in a handler and in hand', async () => {
    await using bench = await openTestServer()
    const errors: unknown[] = []
    const orders = await consumeAll(bench, async callback => {
      await callback.ack()
      await callback.step('late', () => 1).catch(error => errors.push(error))
    })
    const others = await bench.server.spawn('others')
    await bench.post(orders.url)
    await bench.post(others.url)
    const other = await others.next()
    await other.ack()
    await other.step('late', () => 1).catch(error => errors.push(error))
    await bench.clock.settle()
    expect(errors).toHaveLength(2)
    for (const error of errors) expect(error).toBeInstanceOf(ScopeEndedError)
  })

  it('what it causes elsewhere is not within it', async () => {
    const errors: unknown[] = []
    let relayed = false
    const world = outside(async request => {
      if (relayed) return new Response()
      relayed = true
      await bench.server
        .send({ to: 'https://other.example/', body: request.url })
        .catch(error => errors.push(error))
      return new Response()
    })
    const bench = await openTestServer({ fetch: world.fetch })
    await consumeAll(bench, async callback => {
      await callback.send('hello', { to: 'https://partner.example/in' })
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.settle()
    expect(errors).toEqual([])
    expect(world.sent.map(({ url }) => url)).toEqual(['https://partner.example/in', 'https://other.example/'])
    await bench.server.close({ grace: 0 })
  })

  it('a loop that swallows what its verbs reject with when it is over starves nobody', async () => {
    const bench = await openTestServer()
    const receiver = await bench.server.spawn('orders')
    await bench.post(receiver.url)
    const callback = await receiver.next()
    await callback.step('first', () => 1)
    await bench.server.close({ grace: 0 })
    let tries = 0
    const loop = async () => {
      while (tries < 1_000_000) await callback.step(`try ${tries++}`, () => 1).catch(() => {})
    }
    void loop()
    for (let turn = 0; turn < 5; turn++) await new Promise<void>(resolve => soon(resolve))
    expect(tries).toBeGreaterThan(1)
    expect(tries).toBeLessThan(100)
    tries = Number.POSITIVE_INFINITY
  })

  it('what the server does without a key is refused within it', async () => {
    await using bench = await openTestServer()
    const errors: unknown[] = []
    await consumeAll(bench, async () => {
      const other = await bench.server.spawn('other')
      await bench.server.spawn().catch(error => errors.push(error))
      await bench.server.send({ to: 'https://partner.example/' }).catch(error => errors.push(error))
      try {
        void other.next()
      } catch (error) {
        errors.push(error)
      }
    })
    await bench.post((await bench.server.spawn('orders')).url)
    await bench.clock.settle()
    expect(errors).toHaveLength(3)
    for (const error of errors) expect(error).toBeInstanceOf(UnscopedCallError)
  })

  it('a handler that waits when its server closes is dropped there: no catch, no finally', async () => {
    const { begin, clock } = await lives()
    const first = await begin()
    const ran: string[] = []
    const orders = await consumeAll(first, async callback => {
      try {
        await callback.sleep('long', '1d')
      } catch {
        ran.push('catch')
      } finally {
        ran.push('finally')
      }
    })
    await first.post(orders.url)
    await clock.settle()
    await first.server.close({ grace: 0 })
    await clock.settle()
    expect(ran).toEqual([])
  })
})
