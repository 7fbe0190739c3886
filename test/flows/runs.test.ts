import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import {
  type CallbackServer,
  RunCancelledError,
  RunFailedError,
  type ServerOptions,
} from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { collect, countUnread, openTestServer, type TestServer } from '../support/server.js'

/** Servers one after the other on one store: each is killed before the next begins. */
function lives(options: ServerOptions = {}) {
  const store = memoryStore()
  const clock = new ManualClock()
  return { clock, begin: (): Promise<TestServer> => openTestServer({ store, clock, ...options }) }
}

describe('a run', () => {
  it('runs once for its key, and whoever starts it again gets its result', async () => {
    await using bench = await openTestServer()
    let entries = 0
    const double = bench.server.workflow('double', async (_, n: number) => {
      entries++
      return n * 2
    })
    const handles = await Promise.all([double.start('a', 21), double.start('a', 5)])
    await bench.clock.settle()
    expect(await Promise.all(handles.map(handle => handle.result()))).toEqual([42, 42])
    expect(entries).toBe(1)
    expect(await (await double.start('a', 7)).result()).toBe(42)
  })

  it('carries on after its process is gone: same URL, no step repeated, the same answer', async () => {
    const { begin, clock } = lives()
    const urls: string[] = []
    let steps = 0
    const declare = (server: CallbackServer) =>
      server.workflow('approve', async (run, request: { by: string }) => {
        const asked = await run.step('ask', () => ({ by: request.by, n: ++steps }))
        const answers = await run.spawn<{ yes: boolean }>('answers')
        urls.push(answers.url)
        const answer = await answers.next({ timeout: '3d' })
        return { asked, yes: answer.data.yes }
      })
    const first = await begin()
    await declare(first.server).start('7', { by: 'ada' })
    await clock.settle()
    const second = await begin()
    const approve = declare(second.server)
    await clock.settle()
    await second.post(urls[0] ?? '', { yes: true })
    const handle = await approve.start('7', { by: 'nobody' })
    await clock.settle()
    expect(await handle.result()).toEqual({ asked: { by: 'ada', n: 1 }, yes: true })
    expect(new Set(urls).size).toBe(1)
    await second.server.close({ grace: 0 })
  })

  it('leaves memory while it only waits, and goes on when its callback, its deadline or its child run is there', async () => {
    await using bench = await openTestServer()
    let entries = 0
    let url = ''
    const child = bench.server.workflow('child', async run => {
      await run.sleep('a day', '1d')
      return 'slept'
    })
    const parent = bench.server.workflow('parent', async run => {
      entries++
      const answers = await run.spawn('answers')
      url = answers.url
      const answer = await answers.next()
      const slept = await (await run.start('child', child)).result()
      return [answer.data, slept]
    })
    const handle = await parent.start('1')
    await bench.clock.advance('10s')
    expect(await handle.status()).toMatchObject({ status: 'parked', waitingFor: ['answers'] })
    await bench.post(url, { n: 1 })
    await bench.clock.advance('10s')
    expect(await handle.status()).toMatchObject({ status: 'parked', waitingFor: ['child'] })
    await bench.clock.advance('2d')
    expect(await handle.result()).toEqual([{ n: 1 }, 'slept'])
    expect(entries).toBe(3)
  })

  it('an error that no verb threw is tried again; one that a verb threw is final, and its cause is told', async () => {
    await using bench = await openTestServer()
    let tries = 0
    const flaky = bench.server.workflow('flaky', async () => {
      if (++tries < 3) throw new Error('not yet')
      return tries
    })
    const broken = bench.server.workflow('broken', async run => {
      await run.step('pay', { retry: false }, () => {
        throw new RangeError('no money')
      })
    })
    const [one, two] = [await flaky.start('1'), await broken.start('1')]
    await bench.clock.advance('1h')
    expect(await one.result()).toBe(3)
    const error = await two.result().catch(thrown => thrown)
    expect(error).toBeInstanceOf(RunFailedError)
    expect(error.cause).toMatchObject({ name: 'RangeError', message: 'no money' })
  })

  it('failed for a time-out, it succeeds when it is retried and the callback has come', async () => {
    await using bench = await openTestServer()
    let url = ''
    let steps = 0
    const order = bench.server.workflow('order', async run => {
      const answers = await run.spawn<number>('answers')
      url = answers.url
      await run.step('book', () => ++steps)
      return (await answers.next({ timeout: '1m' })).data
    })
    const handle = await order.start('1')
    await bench.clock.advance('5m')
    expect(await handle.status()).toMatchObject({ status: 'failed' })
    expect((await bench.post(url, 5)).status).toBe(202)
    await handle.retry()
    await bench.clock.settle()
    expect(await handle.result()).toBe(5)
    expect(steps).toBe(1)
  })

  it('cancelled, it hears of it once where it waits, compensates, and is cancelled', async () => {
    await using bench = await openTestServer()
    const effects: string[] = []
    const saga = bench.server.workflow('saga', async run => {
      await run.step('book', () => effects.push('booked'))
      try {
        await run.sleep('a while', '1d')
      } catch (error) {
        expect(error).toBeInstanceOf(RunCancelledError)
        await run.step('refund', () => effects.push('refunded'))
        await run.sleep('grace', '1m')
        throw error
      }
    })
    const handle = await saga.start('1')
    await bench.clock.advance('1m')
    await handle.cancel('changed my mind')
    await bench.clock.advance('5m')
    const error = await handle.result().catch(thrown => thrown)
    expect(error).toMatchObject({ code: 'run_cancelled', reason: 'changed my mind' })
    expect(effects).toEqual(['booked', 'refunded'])
    expect(await handle.status()).toMatchObject({ status: 'cancelled' })
  })

  it('closing its server runs no catch and no finally', async () => {
    const { begin, clock } = lives({ parkAfter: false })
    const first = await begin()
    const ran: string[] = []
    const declare = (server: CallbackServer) =>
      server.workflow('sleeper', async run => {
        try {
          await run.sleep('long', '1h')
          return 'rested'
        } catch {
          ran.push('catch')
          return 'woken'
        } finally {
          ran.push('finally')
        }
      })
    await declare(first.server).start('1')
    await clock.settle()
    await first.server.close()
    expect(ran).toEqual([])
    const second = await begin()
    const sleeper = declare(second.server)
    await clock.advance('2h')
    expect(await (await sleeper.get('1'))?.result()).toBe('rested')
    expect(ran).toEqual(['finally'])
    await second.server.close({ grace: 0 })
  })
})

describe('a receiver consumed by a workflow', () => {
  it('has a run for each callback, which is acknowledged with its start', async () => {
    await using bench = await openTestServer()
    const orders = await bench.server.spawn<{ id: string }>('orders')
    const seen: string[] = []
    const handle = bench.server.workflow('order', async (run, order: { id: string }) => {
      seen.push(`${run.key}:${order.id}`)
    })
    await using _ = orders.consume({ key: order => order.data.id }, handle)
    for (const id of ['a', 'b', 'a']) await bench.post(orders.url, { id })
    await bench.clock.settle()
    expect(seen.sort()).toEqual(['a:a', 'b:b'])
    expect(await countUnread(bench.server)).toBe(0)
  })

  it('sets a callback aside whose data its schema refuses', async () => {
    await using bench = await openTestServer()
    const orders = await bench.server.spawn('orders')
    const numbers = bench.server.workflow('numbers', { schema: z.number() }, async () => {})
    await using _ = orders.consume({ retry: false }, numbers as never)
    await bench.post(orders.url, 'no number')
    await bench.clock.settle()
    expect(await collect(orders.failed())).toMatchObject([{ error: { name: 'InvalidInputError' } }])
  })
})
