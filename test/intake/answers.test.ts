import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { StoreUnavailableError } from '../../src/errors.js'
import type { CallbackRecord } from '../../src/model/callback.js'
import type { ReceiverRecord } from '../../src/model/receiver.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { byNode, eventually, Rig, toJsonInit, transports, Wire } from './support/rig.js'

async function firstUnread(rig: Rig, receiver: ReceiverRecord): Promise<CallbackRecord> {
  await eventually(async () => (await rig.unread(receiver)).length > 0)
  const [callback] = await rig.unread(receiver)
  if (callback === undefined) throw new Error('nothing is unread')
  return callback
}

const repeat = (id: string) => toJsonInit({ n: 1 }, { 'webhook-id': id })

describe.each(transports)('a fixed answer, by $name', ({ send }) => {
  it('is what every sender reads, with its status, headers and body', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({
      respond: { status: 200, headers: { 'X-A': '1' }, body: { ok: true } },
    })
    for (let n = 0; n < 2; n++) {
      const response = await send(rig, receiver)
      expect(response.status).toBe(200)
      expect(response.headers.get('x-a')).toBe('1')
      expect(response.headers.get('content-type')).toBe('application/json')
      expect(await response.json()).toEqual({ ok: true })
    }
  })

  it('may be a Response, which is read once and given again and again, also by a later spawn', async () => {
    const rig = await Rig.open()
    const respond = new Response('<Ok/>', {
      status: 203,
      headers: { 'content-type': 'text/xml', 'set-cookie': 'a=1' },
    })
    const one = await rig.spawn({ respond })
    const two = await rig.spawn({ respond })
    for (const receiver of [one, one, two]) {
      const response = await send(rig, receiver)
      expect([response.status, response.headers.get('content-type')]).toEqual([203, 'text/xml'])
      expect(await response.text()).toBe('<Ok/>')
    }
  })

  it('may have a status that says there is no body', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: { status: 204 } })
    const response = await send(rig, receiver, repeat('a'))
    expect([response.status, await response.text()]).toEqual([204, ''])
    expect((await send(rig, receiver, repeat('a'))).status).toBe(204)
  })

  it('never carries headers that frame the message', async () => {
    const rig = await Rig.open()
    const headers = { 'content-length': '3', 'transfer-encoding': 'chunked', connection: 'close', 'x-a': '1' }
    const receiver = await rig.spawn({ respond: { headers, body: 'longer than three' } })
    const response = await send(rig, receiver)
    expect(await response.text()).toBe('longer than three')
    expect(response.headers.get('x-a')).toBe('1')
    expect(response.headers.get('transfer-encoding')).toBeNull()
  })
})

describe.each(transports)('a computed answer, by $name', ({ send }) => {
  it('is computed from the callback, once that is durable, with its data through the schema', async () => {
    const rig = await Rig.open()
    const stored: number[] = []
    const receiver: ReceiverRecord = await rig.spawn({
      schema: z.object({ n: z.coerce.number() }),
      respond: async callback => {
        stored.push((await rig.unread(receiver)).length)
        const { n } = callback.data as { n: number }
        return { body: { double: n * 2, seq: callback.seq, id: callback.id, text: callback.text() } }
      },
    })
    const response = await send(rig, receiver, toJsonInit({ n: '21' }))
    expect(response.status).toBe(200)
    const [callback] = await rig.unread(receiver)
    expect(await response.json()).toEqual({ double: 42, seq: 1, id: callback?.id, text: '{"n":"21"}' })
    expect(stored).toEqual([1])
  })

  it('is computed once: a repetition reads the first', async () => {
    const rig = await Rig.open()
    let calls = 0
    const receiver = await rig.spawn({ respond: () => ({ body: { calls: ++calls } }) })
    await send(rig, receiver, repeat('a'))
    const again = await send(rig, receiver, repeat('a'))
    expect(await again.json()).toEqual({ calls: 1 })
    expect(again.headers.get('longline-duplicate')).toBe('true')
    expect(calls).toBe(1)
  })

  it('is waited for by a repetition that comes while it is computed', async () => {
    const rig = await Rig.open()
    let finish = (_: object) => {}
    const receiver = await rig.spawn({ respond: () => new Promise<object>(resolve => (finish = resolve)) })
    const first = send(rig, receiver, repeat('a'))
    await firstUnread(rig, receiver)
    const second = send(rig, receiver, repeat('a'))
    await eventually(() => rig.observed.some(event => event.type === 'callback.duplicate'))
    finish({ status: 201, body: 'done' })
    const [one, two] = await Promise.all([first, second])
    expect([one.status, two.status]).toEqual([201, 201])
    expect(await two.text()).toBe('done')
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['returns nothing', () => JSON.parse('null')],
    ['returns what cannot be sent', () => ({ status: 999 })],
    ['returns a header that cannot be sent', () => new Response('x', { headers: { a: '\u0001' } })],
    ['returns a body where there is none', () => ({ status: 204, body: 'x' })],
  ])(
    'that %s costs the answer: the sender reads 202, its repetitions too, and it is logged',
    async (_, respond) => {
      const rig = await Rig.open()
      const receiver = await rig.spawn({ respond })
      expect((await send(rig, receiver, repeat('a'))).status).toBe(202)
      expect((await send(rig, receiver, repeat('a'))).status).toBe(202)
      expect(rig.logsOf('error')).toMatchObject([{ facts: { err: expect.any(Error) } }])
      expect(await rig.unread(receiver)).toHaveLength(1)
    },
  )

  it('that takes too long is 202 at the time-out, and leaves no timer', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: () => new Promise<object>(() => {}), respondTimeout: '2s' })
    const pending = send(rig, receiver, repeat('a'))
    await firstUnread(rig, receiver)
    await rig.clock.advance('2s')
    expect((await pending).status).toBe(202)
    expect((await send(rig, receiver, repeat('a'))).status).toBe(202)
    expect(rig.clock.timers).toBe(0)
  })
})

describe.each(transports)('an answer by hand, by $name', ({ send }) => {
  it('is read whole by the sender that waits for it', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    const pending = send(rig, receiver, repeat('a'))
    const callback = await firstUnread(rig, receiver)
    const body = 'x'.repeat(100_000)
    expect(await rig.intake.respond(receiver, callback, { status: 201, headers: { 'x-a': '1' }, body })).toBe(
      true,
    )
    const response = await pending
    expect([response.status, response.headers.get('x-a')]).toEqual([201, '1'])
    expect(await response.text()).toBe(body)
    expect(await (await send(rig, receiver, repeat('a'))).text()).toHaveLength(16 * 1024)
    expect(rig.clock.timers).toBe(0)
  })

  it('counts the first time only', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    const pending = send(rig, receiver)
    const callback = await firstUnread(rig, receiver)
    const answers = ['one', 'two', 'three'].map(body => rig.intake.respond(receiver, callback, { body }))
    expect(await Promise.all(answers)).toEqual([true, false, false])
    expect(await (await pending).text()).toBe('one')
    expect(await rig.intake.respond(receiver, callback, { body: 'four' })).toBe(false)
  })

  it('comes too late once the sender has read 202', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual', respondTimeout: '1s' })
    const pending = send(rig, receiver)
    const callback = await firstUnread(rig, receiver)
    await rig.clock.advance('1s')
    expect((await pending).status).toBe(202)
    expect(await rig.intake.respond(receiver, callback, { body: 'late' })).toBe(false)
  })

  it('is checked before it is recorded', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    const pending = send(rig, receiver)
    const callback = await firstUnread(rig, receiver)
    await expect(rig.intake.respond(receiver, callback, { status: 99 })).rejects.toMatchObject({
      code: 'invalid_options',
    })
    await expect(
      rig.intake.respond(receiver, callback, { headers: { 'x-a': 'a\nb' } }),
    ).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.not.stringContaining('a\nb'),
    })
    expect(await rig.intake.respond(receiver, callback, { body: 'good' })).toBe(true)
    expect(await (await pending).text()).toBe('good')
  })

  it('of a receiver that answers by itself reaches nobody', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    await send(rig, receiver, repeat('a'))
    const callback = await firstUnread(rig, receiver)
    expect(await rig.intake.respond(receiver, callback, { body: 'late' })).toBe(false)
    expect(await (await send(rig, receiver, repeat('a'))).text()).toBe('')
  })

  it('given on another node is found by a wake-up, and by polling when that is lost', async () => {
    for (const lost of [false, true]) {
      const session = await memoryStore().open()
      const rig = await Rig.open({}, lost ? { ...session, subscribe: () => () => {} } : session)
      const receiver = await rig.spawn({ respond: 'manual' })
      const pending = send(rig, receiver)
      const callback = await firstUnread(rig, receiver)
      await eventually(() => rig.commands.includes('findAnswer'))
      await session.answer({
        callbackId: callback.id,
        answer: { status: 203, headers: [], body: new Uint8Array() },
        until: rig.clock.now() + 1,
      })
      if (lost) await rig.clock.advance('1s')
      expect((await pending).status).toBe(203)
    }
  })

  it('that falls together with the time-out is one of the two, for the sender and its repetitions alike', async () => {
    for (const respondFirst of [true, false]) {
      const rig = await Rig.open()
      const receiver = await rig.spawn({ respond: 'manual', respondTimeout: '1s' })
      const pending = send(rig, receiver, repeat('a'))
      const callback = await firstUnread(rig, receiver)
      const respond = () => rig.intake.respond(receiver, callback, { status: 201, body: 'by hand' })
      const early = respondFirst ? respond() : undefined
      const late = rig.clock.advance('1s')
      const reached = await (early ?? respond())
      await late
      const [first, again] = [await pending, await send(rig, receiver, repeat('a'))]
      expect(first.status).toBe(reached ? 201 : 202)
      expect(again.status).toBe(first.status)
      expect(await again.text()).toBe(await first.text())
      expect(rig.clock.timers).toBe(0)
    }
  })
})

describe.each(transports)('an answer with headers that the platform does not send, by $name', ({ send }) => {
  const names = ['trailer', 'te', 'proxy-connection', 'http2-settings', 'expect']

  it.each(names)('is refused as a fixed one: %s', async name => {
    const rig = await Rig.open()
    await expect(rig.spawn({ respond: { headers: { [name]: 'x' } } })).rejects.toMatchObject({
      code: 'invalid_options',
      message: expect.stringContaining(name),
    })
  })

  it.each(names)('costs the answer where it is computed, and not the callback: %s', async name => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: () => new Response('x', { headers: { [name]: 'x' } }) })
    expect((await send(rig, receiver)).status).toBe(202)
    expect(rig.logsOf('error')).toHaveLength(1)
    expect(await rig.unread(receiver)).toHaveLength(1)
  })
})

describe('an answer that is given late', () => {
  const DAY = 86_400_000

  /** How long after its request each answer is kept. */
  function watchAnswers(rig: Rig, callback: CallbackRecord): number[] {
    const kept: number[] = []
    const { answer } = rig.session
    rig.faults.answer = input => {
      kept.push(input.until - callback.receivedAt)
      return answer(input)
    }
    return kept
  }

  async function leave(rig: Rig, receiver: ReceiverRecord): Promise<CallbackRecord> {
    const controller = new AbortController()
    const left = rig.request(receiver, { ...repeat('a'), signal: controller.signal })
    const callback = await firstUnread(rig, receiver)
    controller.abort()
    await left
    return callback
  }

  it('is remembered for as long as repetitions of the request are known', async () => {
    for (const days of [1, 30]) {
      const rig = await Rig.open()
      const receiver = await rig.spawn({ respond: 'manual', dedupeWindow: days * DAY })
      const callback = await leave(rig, receiver)
      const kept = watchAnswers(rig, callback)
      await rig.intake.respond(receiver, callback, { status: 201 })
      expect(kept).toEqual([days * DAY])
    }
  })

  it('is so in a process that has never seen the request, be the window the receiver’s or its source’s', async () => {
    const rig = await Rig.open()
    const own = await rig.spawn({ key: 'own', respond: 'manual', dedupeWindow: '30d' })
    const declared = { respond: 'manual', dedupeWindow: '20d' } as const
    const from = await rig.spawn({ key: 'from', from: rig.sources.declare('shop', declared) })
    const after = rig.another()
    after.sources.declare('shop', declared)
    for (const [receiver, days] of [
      [own, 30],
      [from, 20],
    ] as const) {
      const callback = await leave(rig, receiver)
      const kept = watchAnswers(rig, callback)
      await after.intake.respond(receiver, callback, { status: 201 })
      expect(kept).toEqual([days * DAY])
    }
  })

  it('goes by what the waiting sender was judged by, when the handle is older than that', async () => {
    const rig = await Rig.open()
    const old = await rig.spawn({ key: 'k', respond: 'manual', dedupeWindow: '1d' })
    await rig.spawn({ key: 'k', dedupeWindow: '30d' })
    const pending = rig.request(old, repeat('a'))
    const callback = await firstUnread(rig, old)
    await eventually(() => rig.commands.includes('findAnswer'))
    const kept = watchAnswers(rig, callback)
    expect(await rig.intake.respond(old, callback, { status: 201 })).toBe(true)
    expect(kept).toEqual([30 * DAY])
    expect((await pending).status).toBe(201)
  })
})

describe('a sender that leaves while it waits', () => {
  it('drops its wait; the callback stays, and its repetition gets the answer', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    const controller = new AbortController()
    const left = byNode(rig, receiver, { ...repeat('a'), signal: controller.signal })
    const callback = await firstUnread(rig, receiver)
    await eventually(() => rig.clock.timers > 1)
    controller.abort()
    await expect(left).rejects.toThrow()
    await eventually(() => rig.clock.timers === 0)

    expect(await rig.intake.respond(receiver, callback, { status: 201 })).toBe(false)
    const again = await byNode(rig, receiver, repeat('a'))
    expect([again.status, again.headers.get('longline-duplicate')]).toEqual([201, 'true'])
    expect(await rig.unread(receiver)).toHaveLength(1)
  })

  it('is noticed by fetch through the signal of its request', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    const controller = new AbortController()
    const pending = rig.request(receiver, { signal: controller.signal })
    const callback = await firstUnread(rig, receiver)
    controller.abort()
    await pending
    expect(rig.clock.timers).toBe(0)
    expect(await rig.intake.respond(receiver, callback, { status: 201 })).toBe(false)
  })

  it('is noticed also when its request stands behind another one on the same connection', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    const { port } = await rig.listen()
    const wire = new Wire(port)
    const request = `POST /r/${receiver.token} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n`
    wire.write(request + request)
    await eventually(async () => (await rig.unread(receiver)).length === 2)
    await eventually(() => rig.clock.timers > 2)
    wire.cut()
    await eventually(() => rig.clock.timers === 0)
    rig.intake.refuse()
    await rig.intake.drain()
  })
})

describe('a store that fails while an answer is looked for', () => {
  const down = () => Promise.reject(new StoreUnavailableError('down'))

  it('costs the answer, never the callback: the sender reads 202 at the time-out', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual', respondTimeout: '2s' })
    const pending = rig.request(receiver)
    const callback = await firstUnread(rig, receiver)
    rig.faults.findAnswer = down
    rig.faults.answer = down
    await expect(rig.intake.respond(receiver, callback, { body: 'lost' })).rejects.toThrow('down')
    await rig.clock.advance('2s')
    expect((await pending).status).toBe(202)
    expect(rig.logsOf('error').length + rig.logsOf('warn').length).toBeGreaterThan(0)
    expect(rig.clock.timers).toBe(0)
  })

  it('costs only the memory of a computed answer', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: () => ({ body: 'computed' }) })
    rig.faults.answer = down
    const response = await rig.request(receiver)
    expect(await response.text()).toBe('computed')
    expect(rig.logsOf('error')).toHaveLength(1)
  })

  it('is looked at again after a while', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    rig.faults.findAnswer = down
    const pending = rig.request(receiver)
    const callback = await firstUnread(rig, receiver)
    await eventually(() => rig.logsOf('warn').length > 0)
    await rig.session.answer({
      callbackId: callback.id,
      answer: { status: 201, headers: [], body: new Uint8Array() },
      until: rig.clock.now() + 1_000,
    })
    await eventually(() => rig.logsOf('warn').length > 1)
    delete rig.faults.findAnswer
    await rig.clock.advance('1s')
    expect((await pending).status).toBe(201)
  })
})
