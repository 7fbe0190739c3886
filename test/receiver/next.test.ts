import { describe, expect, it } from 'vitest'
import {
  CancelledError,
  type ConsumeOptions,
  InvalidOptionsError,
  type Receiver,
  ReceiverClosedError,
  race,
  ServerClosedError,
  type StreamOptions,
  TimeoutError,
  type WaitOptions,
} from '../../src/index.js'
import { openTestServer } from '../support/server.js'
import { stores } from '../support/stores.js'

describe('next', () => {
  it('hands out callbacks in the order in which they were accepted', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<{ n: number }>('order')
    for (const n of [1, 2, 3]) await bench.post(receiver.url, { n })

    const found = [await receiver.next(), await receiver.next(), await receiver.next()]

    expect(found.map(callback => [callback.seq, callback.data.n])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ])
  })

  it('times out with an error that names the receiver and the duration', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn('payment/7')
    const wait = receiver.next({ timeout: '5s' })
    await bench.clock.advance('5s')

    await expect(wait).rejects.toThrow(TimeoutError)
    await expect(wait).rejects.toThrow(/5s.*payment\/7/)
  })

  it('looks once with a time-out of 0: finds what is there, and waits for nothing', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<{ n: number }>('once')
    await expect(receiver.next({ timeout: 0 })).rejects.toThrow(TimeoutError)
    await bench.post(receiver.url, { n: 1 })

    expect((await receiver.next({ timeout: 0 })).data.n).toBe(1)
  })

  it('gives the fallback on time-out only', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn('fallback')
    expect(await receiver.next({ timeout: 0, fallback: () => 'nothing' })).toBe('nothing')

    const cancelled = receiver.next({ timeout: '1m', fallback: () => 'nothing' })
    cancelled.cancel()
    await expect(cancelled).rejects.toThrow(CancelledError)

    const reason = new Error('changed my mind')
    const aborted = receiver.next({ signal: AbortSignal.abort(reason), fallback: () => 'nothing' })
    await expect(aborted).rejects.toBe(reason)
  })

  it('leaves the acknowledgement to ack: what is released comes again with a higher attempt', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn('again')
    await bench.post(receiver.url, {})
    await (await receiver.next()).release()
    const second = await receiver.next()
    expect(second.attempt).toBe(2)
    await second.ack()

    await expect(receiver.next({ timeout: 0 })).rejects.toThrow(TimeoutError)
  })

  it('hands out what was released with a delay when the delay is over, and newer ones meanwhile', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<{ n: number }>('later')
    for (const n of [1, 2]) await bench.post(receiver.url, { n })
    await (await receiver.next()).release({ delay: '10s' })
    expect((await receiver.next()).data.n).toBe(2)
    const wait = receiver.next({ timeout: '1m' })

    await bench.clock.advance('10s')

    expect((await wait).data.n).toBe(1)
  })

  it('rejects once the receiver is closed and empty, not while something is unread', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<{ n: number }>('closing')
    await bench.post(receiver.url, { n: 1 })
    await receiver.close()

    await (await receiver.next()).ack()
    const empty = receiver.next()

    await expect(empty).rejects.toThrow(ReceiverClosedError)
    await expect(empty).rejects.toMatchObject({ reason: 'closed', receiver: 'closing' })
  })

  it('rejects when the receiver expires while it waits', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn('short', { ttl: '1m' })
    const wait = receiver.next()
    await bench.clock.advance('1m')

    await expect(wait).rejects.toMatchObject({ code: 'receiver_closed', reason: 'expired' })
  })

  it('rejects when the server closes', async () => {
    const bench = await openTestServer()
    const receiver = await bench.server.spawn('open')
    const wait = receiver.next()
    await bench.clock.settle()
    await bench.server.close({ grace: 0 })

    await expect(wait).rejects.toThrow(ServerClosedError)
    await expect(receiver.next()).rejects.toThrow(ServerClosedError)
  })

  it('reads bodies as JSON, forms, text and bytes, and gives path, query and headers', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn('bodies', { methods: ['POST', 'PUT'] })
    const form = new FormData()
    form.set('name', 'Ada')
    form.set('file', new File(['content'], 'a.txt', { type: 'text/plain' }))
    const send = (init: RequestInit, path = '') =>
      bench.server.fetch(new Request(receiver.url + path, { method: 'POST', ...init }))
    await send(
      {
        body: new URLSearchParams([
          ['a', '1'],
          ['b', '2'],
          ['b', '3'],
        ]),
      },
      '/status?x=1&x=2',
    )
    await send({ body: 'plain', headers: { 'content-type': 'text/plain', 'x-tag': 'blue' } })
    await send({
      body: new Uint8Array([0, 255]),
      headers: { 'content-type': 'application/octet-stream' },
      method: 'PUT',
    })
    await send({ body: form })

    const [asForm, asText, asBytes, asFiles] = [
      await receiver.next(),
      await receiver.next(),
      await receiver.next(),
      await receiver.next(),
    ]

    expect(asForm.data).toEqual({ a: '1', b: ['2', '3'] })
    expect([asForm.path, asForm.query.getAll('x')]).toEqual(['/status', ['1', '2']])
    expect([asText.data, asText.headers.get('x-tag'), asText.text()]).toEqual(['plain', 'blue', 'plain'])
    expect([asBytes.data, asBytes.method]).toEqual([new Uint8Array([0, 255]), 'PUT'])
    const file = (await asFiles.formData()).get('file')
    expect(file).toBeInstanceOf(File)
    expect(await (file as File).text()).toBe('content')
    expect((asFiles.data as { name: string }).name).toBe('Ada')
  })
})

it.each([
  ['next', (receiver: Receiver<unknown>) => receiver.next({ timout: 5 } as WaitOptions)],
  ['stream', (receiver: Receiver<unknown>) => receiver.stream({ idel: 5 } as StreamOptions)],
  [
    'consume',
    (receiver: Receiver<unknown>) => receiver.consume({ concurency: 5 } as ConsumeOptions<unknown>, () => {}),
  ],
])('%s refuses an option that does not exist, and names it', async (name, call) => {
  await using bench = await openTestServer()
  const receiver = await bench.server.spawn('typo')

  expect(() => call(receiver)).toThrow(InvalidOptionsError)
  expect(() => call(receiver)).toThrow(new RegExp(`${name} has no option '(timout|idel|concurency)'`))
})

it.each([
  [
    "next('5s')",
    (receiver: Receiver<unknown>) => receiver.next('5s' as WaitOptions),
    "next({ timeout: '5s' })",
  ],
  ['next(5)', (receiver: Receiver<unknown>) => receiver.next(5 as WaitOptions), "next({ timeout: '5s' })"],
  [
    'consume(handler, options)',
    (receiver: Receiver<unknown>) =>
      receiver.consume((() => {}) as ConsumeOptions<unknown>, { concurrency: 2 } as unknown as () => void),
    'consume({ concurrency: 10 }, handler)',
  ],
])('%s is refused, and shown as it is to be written', async (_, call, shown) => {
  await using bench = await openTestServer()
  const receiver = await bench.server.spawn('typo')
  expect(() => call(receiver)).toThrow(InvalidOptionsError)
  expect(() => call(receiver)).toThrow(shown)
})

describe.each(stores)('a time-out of next (%s)', (_, place) => {
  it('says what is in hand and not acknowledged, for as long as it is', async () => {
    await using bench = await openTestServer({ store: place() })
    const receiver = await bench.server.spawn('orders')
    const timeOut = () => receiver.next({ timeout: 0 }).catch(error => error.message)
    const waiting = 'Timed out after 0ms, waiting for a callback of orders'
    expect(await timeOut()).toBe(waiting)
    await bench.post(receiver.url)
    await bench.post(receiver.url)
    const first = await receiver.next()
    const second = await receiver.next()
    expect(await timeOut()).toBe(`${waiting} (2 are in hand and not acknowledged)`)
    await first.ack()
    expect(await timeOut()).toBe(`${waiting} (1 is in hand and not acknowledged)`)
    await second.ack()
    expect(await timeOut()).toBe(waiting)
  })
})

describe('race', () => {
  it('gives the first to settle its name, and cancels the others', async () => {
    await using bench = await openTestServer()
    const [paid, refused] = [
      await bench.server.spawn<{ by: string }>('paid'),
      await bench.server.spawn('refused'),
    ]
    const winner = race({ paid: () => paid.next(), refused: () => refused.next() })
    await bench.post(paid.url, { by: 'card' })

    const first = await winner
    await bench.post(refused.url, { late: true })
    const left = await refused.next({ timeout: 0 })

    expect(first.name === 'paid' && first.value.data).toEqual({ by: 'card' })
    expect(left.attempt).toBe(1)
  })

  it('takes one callback when two receivers have one already', async () => {
    await using bench = await openTestServer()
    const [one, two] = [await bench.server.spawn('one'), await bench.server.spawn('two')]
    await Promise.all([bench.post(one.url), bench.post(two.url)])

    await race({ one: () => one.next(), two: () => two.next() })
    await bench.clock.settle()

    const counts = []
    for (const receiver of [one, two]) {
      const found = await receiver.next({ timeout: 0, fallback: () => undefined })
      counts.push(found === undefined ? 0 : found.attempt)
    }
    expect(counts.sort()).toEqual([0, 1])
  })
})
