import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { LeaseLostError, NonRetryableError, type Receiver } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { collect, openTestServer, type TestServer } from '../support/server.js'
import { withCommands } from '../support/store.js'

// What would be wrong without it: a line says that something failed, and not which callback to look for.

/** A server whose callbacks are in somebody else's hands by the time they are acknowledged. */
function openRobbed(): Promise<TestServer> {
  const acknowledge = async () => ({ done: [false], receiverIds: [] })
  return openTestServer({ store: withCommands(memoryStore(), () => ({ acknowledge })) })
}

describe('a line of the log tells which callback it is, by receiver, key, id, seq and attempt', () => {
  it('when a handler fails, on every try, and when the callback is set aside', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn('orders')
    const ids: string[] = []
    await using _ = receiver.consume({ retry: ['1s'] }, callback => {
      ids.push(callback.id)
      throw new Error('down')
    })
    await bench.post(receiver.url)
    await bench.clock.advance('10s')

    const names = { receiverId: receiver.id, key: 'orders', callbackId: ids[0], seq: 1 }
    const err = expect.objectContaining({ message: 'down' })
    expect(bench.logged).toEqual([
      {
        level: 'warn',
        facts: { ...names, attempt: 1, err, retryInMs: expect.any(Number) },
        message: 'the handler of a callback failed; it is tried again',
      },
      {
        level: 'warn',
        facts: { ...names, attempt: 2, err },
        message: 'the handler of a callback failed; it is set aside',
      },
    ])
  })

  it('and leaves the key out where there is none', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn()
    await using _ = receiver.consume(() => {
      throw new NonRetryableError('never')
    })
    await bench.post(receiver.url)
    await bench.clock.settle()

    expect(bench.logged).toHaveLength(1)
    expect(Object.keys(bench.logged[0]?.facts ?? {})).toEqual([
      'receiverId',
      'callbackId',
      'seq',
      'attempt',
      'err',
    ])
  })

  it('when a handler fails that has acknowledged or released before, and says what that means', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<'ack' | 'release'>('orders')
    const attempts: number[] = []
    await using _ = receiver.consume({ retry: ['1s'] }, async callback => {
      attempts.push(callback.attempt)
      if (callback.data === 'ack') await callback.ack()
      else if (callback.attempt === 1) await callback.release({ delay: '1s' })
      else return
      throw new Error('down')
    })
    await bench.post(receiver.url, 'ack')
    await bench.clock.advance('1m')
    await bench.post(receiver.url, 'release')
    await bench.clock.advance('1m')

    const names = { receiverId: receiver.id, key: 'orders', callbackId: expect.any(String), attempt: 1 }
    const err = expect.objectContaining({ message: 'down' })
    expect(attempts).toEqual([1, 1, 2])
    expect(bench.logged).toEqual([
      {
        level: 'warn',
        facts: { ...names, seq: 1, err },
        message: 'the handler of a callback failed after ack(); it is not tried again',
      },
      {
        level: 'warn',
        facts: { ...names, seq: 2, err },
        message: 'the handler of a callback failed after release(); it comes again',
      },
    ])
  })

  it('when the ack() of a handler comes too late, and does not call it acknowledged', async () => {
    await using bench = await openRobbed()
    const receiver = await bench.server.spawn('orders')
    await using _ = receiver.consume({ retry: false }, callback => callback.ack())
    await bench.post(receiver.url)
    await bench.clock.settle()
    expect(bench.logged.map(({ facts, message }) => [message, facts])).toEqual([
      [
        'the handler of a callback failed; it is set aside',
        expect.objectContaining({ err: expect.any(LeaseLostError) }),
      ],
    ])
  })

  it.each([
    ['consume', (receiver: Receiver<unknown>) => void receiver.consume(() => {})],
    [
      'a loop',
      (receiver: Receiver<unknown>) => void collect(receiver.stream({ idle: '1s' })).catch(() => {}),
    ],
  ])('when %s acknowledges what was taken over', async (_, read) => {
    await using bench = await openRobbed()
    const receiver = await bench.server.spawn('orders')
    read(receiver)
    await bench.post(receiver.url)
    await bench.clock.settle()

    const callbackId = expect.stringMatching(/^cb_/)
    expect(bench.logged).toEqual([
      {
        level: 'warn',
        facts: {
          receiverId: receiver.id,
          key: 'orders',
          callbackId,
          seq: 1,
          attempt: 1,
          err: expect.any(LeaseLostError),
        },
        message: 'a callback was taken over before it was acknowledged; it may be handled twice',
      },
    ])
  })

  it('when it does not fit the schema it is read through, and quotes nothing of it', async () => {
    await using bench = await openTestServer()
    await bench.post((await bench.server.spawn('orders')).url, { card: 'hush' })
    const schema = z.object({ card: z.literal('none', { error: issue => `no ${issue.input}` }) })
    const receiver = await bench.server.spawn('orders', { schema })
    await receiver.next({ timeout: 0, fallback: () => null })

    const [failed] = await collect(receiver.failed())
    expect(bench.logged).toEqual([
      {
        level: 'warn',
        facts: {
          receiverId: receiver.id,
          key: 'orders',
          callbackId: failed?.callback.id,
          seq: 1,
          attempt: 1,
        },
        message: 'a callback does not fit the schema of its receiver, or its content type; it is set aside',
      },
    ])
  })

  it('when its schema throws, which is no failure of the store', async () => {
    await using bench = await openTestServer()
    await bench.post((await bench.server.spawn('orders')).url, {})
    const schema = z.unknown().transform(() => {
      throw new TypeError('not a function')
    })
    const receiver = await bench.server.spawn('orders', { schema })
    await receiver.next({ timeout: 0, fallback: () => null })

    expect(bench.logged).toEqual([
      {
        level: 'error',
        facts: {
          receiverId: receiver.id,
          key: 'orders',
          callbackId: expect.stringMatching(/^cb_/),
          seq: 1,
          attempt: 1,
          err: expect.any(TypeError),
          retryInMs: expect.any(Number),
        },
        message: 'the schema of a callback failed; it is tried again',
      },
    ])
  })
})

it('a loop that a closing server ends has nothing to say of what comes again', async () => {
  const bench = await openTestServer()
  const receiver = await bench.server.spawn('orders')
  await bench.post(receiver.url)
  const loop = receiver[Symbol.asyncIterator]()
  await loop.next()
  const closing = bench.server.close()
  await bench.clock.advance('10s')
  await closing
  await loop.next()

  expect(bench.logged).toEqual([])
})
