import { describe, expect, it } from 'vitest'
import { InvalidOptionsError, NonRetryableError, type Received } from '../../src/index.js'
import { collect, countUnread, openTestServer } from '../support/server.js'

type Numbered = { n: number; group?: string }

/** A handler whose calls end when the test says so. */
function heldHandler() {
  const started: number[] = []
  const ends = new Map<number, (error?: Error) => void>()
  return {
    started,
    end: (n: number, error?: Error) => ends.get(n)?.(error),
    handler: (callback: Received<Numbered>) => {
      started.push(callback.data.n)
      return new Promise<void>((resolve, reject) => {
        ends.set(callback.data.n, error => (error === undefined ? resolve() : reject(error)))
      })
    },
  }
}

describe('consume', () => {
  it('runs as many handlers as its concurrency, and no more', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('work')
    const held = heldHandler()
    await using consumer = receiver.consume({ concurrency: 2 }, held.handler)
    for (const n of [1, 2, 3, 4]) await bench.post(receiver.url, { n })
    await bench.clock.settle()
    expect(held.started).toEqual([1, 2])

    held.end(2)
    await bench.clock.settle()
    expect(held.started).toEqual([1, 2, 3])
    for (const n of [1, 3]) held.end(n)
    await bench.clock.settle()
    held.end(4)
    await consumer.stop()
    expect(await countUnread(bench.server)).toBe(0)
  })

  it('acknowledges when the handler has returned, not before', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('work')
    const held = heldHandler()
    const consumer = receiver.consume(held.handler)
    await bench.post(receiver.url, { n: 1 })
    await bench.clock.settle()
    expect(await countUnread(bench.server)).toBe(1)

    held.end(1)
    await consumer.stop()

    expect(await countUnread(bench.server)).toBe(0)
  })

  it('tries again with growing delays, then sets aside with the reason; the others go on', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('failing')
    const tries: number[] = []
    const handled: number[] = []
    await using _ = receiver.consume({ retry: { attempts: 3, delay: '10s', factor: 2 } }, callback => {
      if (callback.data.n !== 1) return void handled.push(callback.data.n)
      tries.push(bench.clock.now())
      throw new TypeError('no such account')
    })
    for (const n of [1, 2]) await bench.post(receiver.url, { n })
    await bench.clock.advance('1s')
    expect(handled).toEqual([2])
    await bench.clock.advance('1h')

    const failed = await collect(receiver.failed())

    expect(tries).toHaveLength(3)
    const [first = 0, second = 0, third = 0] = tries
    expect(second - first).toBeGreaterThanOrEqual(8_000)
    expect(second - first).toBeLessThanOrEqual(12_000)
    expect(third - second).toBeGreaterThanOrEqual(16_000)
    expect(third - second).toBeLessThanOrEqual(24_000)
    expect(
      failed.map(({ reason, error, callback }) => [reason, error.name, error.message, callback.data]),
    ).toEqual([['handler', 'TypeError', 'no such account', { n: 1 }]])
    expect(await countUnread(bench.server)).toBe(0)
  })

  it('does not try again what cannot succeed', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('final')
    let tries = 0
    await using _ = receiver.consume(() => {
      tries++
      throw new NonRetryableError('the account is closed')
    })
    await bench.post(receiver.url, { n: 1 })
    await bench.clock.advance('1d')

    expect(tries).toBe(1)
    expect((await collect(receiver.failed())).map(({ error }) => error.message)).toEqual([
      'the account is closed',
    ])
  })

  it('hands out a failed callback again when it is retried, and forgets it when it is discarded', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('retried')
    let broken = true
    const handled: number[] = []
    await using _ = receiver.consume({ retry: false }, callback => {
      if (broken) throw new Error('down')
      handled.push(callback.data.n)
    })
    for (const n of [1, 2]) await bench.post(receiver.url, { n })
    await bench.clock.settle()
    broken = false

    const failed = await collect(receiver.failed())
    await failed[0]?.retry()
    await failed[1]?.discard()
    await bench.clock.settle()

    expect(handled).toEqual([1])
    expect(await collect(receiver.failed())).toEqual([])
  })

  it('handles one of a group at a time, in order of seq, also over a retry; other groups go on', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('groups')
    const log: string[] = []
    let failures = 1
    await using _ = receiver.consume(
      {
        concurrency: 10,
        orderBy: callback => callback.data.group ?? '',
        retry: { attempts: 5, delay: '1m' },
      },
      async callback => {
        const { n, group } = callback.data
        if (n === 1 && failures-- > 0) throw new Error('not yet')
        log.push(`${group}${n}`)
      },
    )
    for (const [n, group] of [
      [1, 'a'],
      [2, 'a'],
      [3, 'b'],
      [4, 'a'],
      [5, 'b'],
    ] as const) {
      await bench.post(receiver.url, { n, group })
    }
    await bench.clock.settle()
    expect(log).toEqual(['b3', 'b5'])

    await bench.clock.advance('10m')

    expect(log).toEqual(['b3', 'b5', 'a1', 'a2', 'a4'])
  })

  it('sets aside a callback whose orderBy throws, and orders the others', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('unsortable')
    const handled: number[] = []
    const orderBy = ({ data }: Received<Numbered>) => {
      if (data.n === 1) throw new Error('no group')
      return 'all'
    }
    await using _ = receiver.consume(
      { orderBy, retry: false },
      callback => void handled.push(callback.data.n),
    )
    for (const n of [1, 2, 3]) await bench.post(receiver.url, { n })
    await bench.clock.settle()

    expect(handled).toEqual([2, 3])
    expect((await collect(receiver.failed())).map(({ error }) => error.message)).toEqual([
      'The callback has no place in the order: no group',
    ])
  })

  it('sets aside, and does not run beside the others, what an orderBy gives no text for', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('numbers')
    const orderBy = (({ data }: Received<Numbered>) => data.n) as never
    let ran = 0
    await using _ = receiver.consume({ concurrency: 5, orderBy }, () => void ran++)
    for (const n of [1, 2]) await bench.post(receiver.url, { n })
    await bench.clock.settle()

    expect(ran).toBe(0)
    expect((await collect(receiver.failed())).map(({ error }) => error.message)).toEqual([
      expect.stringContaining('orderBy must return a string; got number'),
      expect.stringContaining('orderBy must return a string; got number'),
    ])
  })

  it('handles while more and more comes in that has no group yet', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('busy')
    let handled = 0
    await using _ = receiver.consume({ concurrency: 4, orderBy: () => 'one' }, () => void handled++)
    for (let n = 0; n < 300; n++) void receiver.accept({ n })
    let turns = 0
    while (handled < 20 && turns++ < 2_000) {
      void receiver.accept({ n: turns })
      await Promise.resolve()
      await new Promise(resolve => setImmediate(resolve))
    }

    expect(handled).toBeGreaterThanOrEqual(20)
    await bench.clock.settle()
    expect(await countUnread(bench.server)).toBe(0)
  })

  it('sets aside what cannot be kept as an error in full', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('odd')
    await using _ = receiver.consume({ retry: false }, () => {
      throw Object.assign(new Error('odd'), { stack: ['not', 'a', 'text'] })
    })
    await bench.post(receiver.url, { n: 1 })
    await bench.clock.settle()

    expect((await collect(receiver.failed())).map(({ error }) => error.message)).toEqual(['odd'])
  })

  it('stops: takes no more, and waits for the handlers under way', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('stopping')
    const held = heldHandler()
    const consumer = receiver.consume(held.handler)
    for (const n of [1, 2]) await bench.post(receiver.url, { n })
    await bench.clock.settle()
    let stopped = false
    const stopping = consumer.stop().then(() => {
      stopped = true
    })
    await bench.clock.settle()
    expect(stopped).toBe(false)

    held.end(1)
    await stopping

    expect(held.started).toEqual([1])
    expect((await receiver.next({ timeout: 0 })).data.n).toBe(2)
  })

  it('a closing server lets handlers finish for its grace, then tells them by their signal', async () => {
    const bench = await openTestServer()
    const receiver = await bench.server.spawn<Numbered>('grace')
    let aborted = false
    receiver.consume(async callback => {
      await new Promise<void>(resolve => callback.signal.addEventListener('abort', () => resolve()))
      aborted = true
    })
    await bench.post(receiver.url, { n: 1 })
    await bench.clock.settle()
    const closing = bench.server.close({ grace: '5s' })
    await bench.clock.advance('4s')
    expect(aborted).toBe(false)

    await bench.clock.advance('6s')
    await closing

    expect(aborted).toBe(true)
  })

  it('refuses a concurrency that is no number of handlers', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn('bad')
    expect(() => receiver.consume({ concurrency: 0 }, () => {})).toThrow(InvalidOptionsError)
  })
})
