import { describe, expect, it } from 'vitest'
import {
  CallbackServer,
  InvalidOptionsError,
  ServerClosedError,
  StoreUnavailableError,
} from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { openTestServer, publicUrl, recordingLogger } from '../support/server.js'
import { withCommands } from '../support/store.js'

/** A schema that takes its time, or throws. */
const schemaOf = (validate: (value: unknown) => Promise<{ value: unknown }>) => ({
  '~standard': { version: 1 as const, vendor: 'test', validate },
})

describe('a closing server', () => {
  it('does not wait for a schema that never answers', async () => {
    const bench = await openTestServer()
    let stuck = false
    const schema = schemaOf(value => (stuck ? new Promise(() => {}) : Promise.resolve({ value })))
    const receiver = await bench.server.spawn('stuck', { schema })
    await bench.post(receiver.url)
    stuck = true
    const wait = receiver.next()
    await bench.clock.settle()

    await bench.server.close({ grace: 0 })

    await expect(wait).rejects.toThrow(ServerClosedError)
  })

  it('does not wait for a store that is away: the file is let go of', async () => {
    let away = false
    const store = withCommands(memoryStore(), session => ({
      giveUp: input => (away ? Promise.reject(new StoreUnavailableError('away')) : session.giveUp(input)),
      acknowledge: input =>
        away ? Promise.reject(new StoreUnavailableError('away')) : session.acknowledge(input),
      leave: input => (away ? Promise.reject(new StoreUnavailableError('away')) : session.leave(input)),
    }))
    const bench = await openTestServer({ store })
    const receiver = await bench.server.spawn('away')
    await bench.post(receiver.url)
    const callback = await receiver.next()
    away = true
    const acknowledged = callback.ack()
    acknowledged.catch(() => {})
    await bench.clock.settle()

    const closing = bench.server.close({ grace: '1s' })
    await bench.clock.advance('1s')
    await closing

    await expect(acknowledged).rejects.toThrow(ServerClosedError)
  })

  it('takes its grace once, whatever hangs', async () => {
    const bench = await openTestServer()
    const [work, slow] = [
      await bench.server.spawn('work'),
      await bench.server.spawn('slow', { respond: () => new Promise<never>(() => {}), respondTimeout: '1h' }),
    ]
    work.consume(() => new Promise(() => {}))
    await bench.post(work.url)
    const answered = bench.post(slow.url)
    await bench.clock.settle()
    let closed = false
    const closing = bench.server.close({ grace: '5s' }).then(() => {
      closed = true
    })
    await bench.clock.advance('5s')
    await bench.clock.settle()

    expect(closed).toBe(true)
    await closing
    answered.catch(() => {})
  })

  it('waits for no iterator whose callback has ended', async () => {
    const bench = await openTestServer()
    const receiver = await bench.server.spawn('by-hand')
    await bench.post(receiver.url)
    const { value } = await receiver[Symbol.asyncIterator]().next()
    await value.ack()

    await bench.server.close()
  })

  it('tells a handler that comes too late why', async () => {
    const bench = await openTestServer()
    const receiver = await bench.server.spawn('late')
    await bench.post(receiver.url)
    const callback = await receiver.next()
    await bench.server.close({ grace: 0 })

    expect(callback.signal.reason).toBeInstanceOf(ServerClosedError)
    await expect(callback.ack()).rejects.toThrow(ServerClosedError)
  })

  it('has ended its receivers without a key: letting go of one does nothing', async () => {
    const bench = await openTestServer()
    const [keyless, keyed] = [await bench.server.spawn(), await bench.server.spawn('keyed')]
    await bench.server.close()

    await keyless[Symbol.asyncDispose]()
    await expect(keyed.close()).rejects.toThrow(ServerClosedError)
    await expect(bench.server.receivers().next()).rejects.toThrow(ServerClosedError)
  })
})

describe('a server that cannot be opened', () => {
  it('leaves nothing behind', async () => {
    const clock = new ManualClock()
    const store = memoryStore()
    const options = { store, clock, publicUrl, logger: recordingLogger([]) }

    await expect(CallbackServer.open({ ...options, allowPrivate: ['nonsense'] })).rejects.toThrow(
      InvalidOptionsError,
    )

    expect(clock.timers).toBe(0)
    await (await CallbackServer.open(options)).close()
  })
})

describe('what a caller gets wrong', () => {
  it('a key that is missing by accident does not cost a receiver its checks', async () => {
    await using bench = await openTestServer()
    const spawn = bench.server.spawn.bind(bench.server) as (...given: unknown[]) => Promise<unknown>
    const send = bench.server.send.bind(bench.server) as (...given: unknown[]) => Promise<unknown>

    for (const key of [undefined, null, 7]) {
      await expect(spawn(key, { verify: () => false })).rejects.toThrow(InvalidOptionsError)
      await expect(send(key, { to: 'https://shop.example' })).rejects.toThrow(InvalidOptionsError)
    }
  })

  it.each(['from', 'verify'])(
    'a %s that is missing by accident does not leave the door open',
    async check => {
      await using bench = await openTestServer()

      await expect(bench.server.spawn('checked', { [check]: undefined })).rejects.toThrow(
        `${check} is undefined`,
      )
    },
  )
})

describe('a logger or an observer that throws', () => {
  it('changes nothing', async () => {
    const failing = () => {
      throw new Error('the telemetry is down')
    }
    const logger = { debug: failing, info: failing, warn: failing, error: failing }
    for (const observe of [failing, async () => failing()]) {
      await using bench = await openTestServer({ logger, observe })
      const receiver = await bench.server.spawn<number>('observed')
      const handled: number[] = []
      await using _ = receiver.consume({ concurrency: 3 }, callback => void handled.push(callback.data))
      for (const n of [1, 2, 3]) expect((await bench.post(receiver.url, n)).status).toBe(202)
      await bench.clock.settle()

      expect(handled.sort()).toEqual([1, 2, 3])
    }
  })
})
