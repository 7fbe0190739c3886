import { describe, expect, it } from 'vitest'
import { StoreUnavailableError, StoreUnusableError, VerificationUnavailableError } from '../../src/errors.js'
import { eventually, Rig, toJsonInit, transports } from './support/rig.js'

describe.each(transports)('by $name', ({ send }) => {
  describe.each([
    ['cannot be reached', new StoreUnavailableError('down')],
    ['has a full disk', new StoreUnusableError({ reason: 'full', message: 'no space' })],
    ['fails in a way nobody thought of', new TypeError('x is not a function')],
  ])('a store that %s', (_, error) => {
    it.each(['findReceiver', 'accept'] as const)(
      'answers 503 with Retry-After and never 4xx, when it fails at %s',
      async command => {
        const rig = await Rig.open()
        const receiver = await rig.spawn()
        rig.faults[command] = (): Promise<never> => Promise.reject(error)
        const response = await send(rig, receiver, toJsonInit({ secret: 'body' }, { 'x-signature': 'sig' }))
        expect(response.status).toBe(503)
        expect(response.headers.get('retry-after')).toBe('5')
        expect(await response.text()).not.toContain(error.message)
        expect(rig.logsOf('error')).toMatchObject([{ facts: { err: error } }])
        delete rig.faults[command]
        expect((await send(rig, receiver, toJsonInit({ n: 1 }))).status).toBe(202)
      },
    )

    it('answers 503 also where a request is about to be refused, because that is not known to be current', async () => {
      const rig = await Rig.open()
      const receiver = await rig.spawn({ verify: request => request.path !== '/bad' })
      expect((await send(rig, receiver, { body: 'x' })).status).toBe(202)
      rig.faults.findReceiver = () => Promise.reject(error)
      expect((await send(rig, receiver, { path: '/bad' })).status).toBe(503)
      expect((await send(rig, receiver, { method: 'GET' })).status).toBe(503)
      // What is known well enough to be accepted is accepted.
      expect((await send(rig, receiver, { body: 'x' })).status).toBe(202)
    })
  })

  it('answers 500 when a schema throws, and tells the operator; a repetition and an end still speak first', async () => {
    const rig = await Rig.open()
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) => {
          if (value === 'bad') throw new Error('schema is broken')
          return { value }
        },
      },
    }
    const receiver = await rig.spawn({ schema })
    const json = (body: unknown, id: string) => send(rig, receiver, toJsonInit(body, { 'webhook-id': id }))
    expect((await json('good', 'a')).status).toBe(202)
    expect((await json('bad', 'b')).status).toBe(500)
    expect(rig.logsOf('error')).toMatchObject([{ facts: { receiverId: receiver.id } }])
    expect((await json('bad', 'a')).headers.get('longline-duplicate')).toBe('true')
    await rig.close(receiver)
    expect((await json('bad', 'c')).status).toBe(410)
  })

  it('answers 500 when a page throws or returns no Response', async () => {
    const rig = await Rig.open()
    const broken = await rig.spawn({
      page: () => {
        throw new Error('no page')
      },
    })
    const wrong = await rig.spawn({ page: () => JSON.parse('{"body":"text"}') })
    for (const receiver of [broken, wrong]) {
      expect((await send(rig, receiver, { method: 'GET' })).status).toBe(500)
    }
    expect(rig.logsOf('error')).toHaveLength(2)
  })
})

describe.each(transports)('by $name', ({ send }) => {
  it.each([
    [200, 202],
    [503, 500],
  ])('an answer %i that cannot be sent is a bare %i, and its connection goes on', async (status, bare) => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    rig.faults.accept = async () => ({
      type: 'duplicate',
      callbackId: 'cb_1',
      receivedAt: 0,
      answer: { status, headers: [['a', 'b\nc']], body: new Uint8Array([1]) },
    })
    const response = await send(rig, receiver)
    expect([response.status, await response.text()]).toEqual([bare, ''])
    expect(rig.logsOf('error')[0]?.message).toContain('could not be sent')
    delete rig.faults.accept
    expect((await send(rig, receiver)).status).toBe(202)
    await rig.intake.drain()
  })
})

describe.each(transports)('code that does not come to an end, by $name', ({ send }) => {
  const never = () => new Promise<never>(() => {})
  const validate = { '~standard': { version: 1 as const, vendor: 'test', validate: never } }

  it.each([
    ['verify', { verify: never }, {}],
    ['verify', { verify: [() => false, never] }, {}],
    ['schema', { schema: validate }, toJsonInit(1)],
    ['page', { page: never }, { method: 'GET' }],
    ['page', { page: () => new Response(new ReadableStream()) }, { method: 'GET' }],
  ])(
    'is given up: with %s the sender is asked to come again, and the operator is told',
    async (what, code, init) => {
      const rig = await Rig.open()
      const receiver = await rig.spawn(code)
      const pending = send(rig, receiver, init)
      await eventually(() => rig.clock.timers > 0)
      for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
      await rig.clock.advance('10s')
      const response = await pending
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
      expect(rig.logsOf('error')).toMatchObject([
        { message: `${what} took too long; the sender reads 503`, facts: { receiverId: receiver.id } },
      ])
      expect(await rig.unread(receiver)).toEqual([])
      expect(rig.clock.timers).toBe(0)
    },
  )

  it.each(['verify', 'handshake'] as const)(
    'that cannot judge now, because what it needs is out of reach, refuses nobody: with %s the sender may come again',
    async what => {
      const rig = await Rig.open()
      const error = new VerificationUnavailableError('fal: its public keys cannot be fetched')
      const receiver = await rig.spawn({ [what]: () => Promise.reject(error) })
      const response = await send(rig, receiver, toJsonInit(1))
      expect([response.status, response.headers.get('retry-after')]).toEqual([503, '5'])
      expect(await response.text()).not.toContain('fal')
      expect(rig.logsOf('error')).toMatchObject([
        {
          message: `${what} cannot judge now; the sender reads 503`,
          facts: { receiverId: receiver.id, err: error },
        },
      ])
      expect(await rig.unread(receiver)).toEqual([])
    },
  )

  it('costs no timer where it does', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ verify: async () => true, page: async () => new Response('page') })
    await send(rig, receiver, toJsonInit(1))
    await send(rig, receiver, { method: 'GET' })
    expect(rig.clock.timers).toBe(0)
  })
})

describe('what is observed', () => {
  it('is told after it is durable, and holds neither token nor body nor headers', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ capacity: 1 })
    const secret = { headers: { 'webhook-id': 'secret-id', 'x-key': 'secret-header' }, body: 'secret-body' }
    await rig.request(receiver, secret)
    await rig.request(receiver, secret)
    await rig.request(receiver, { body: 'secret-body' })
    await rig.request({ token: 'n'.repeat(24) })
    const at = new Date(rig.clock.now())
    const [callback] = await rig.unread(receiver)
    const named = { at, receiverId: receiver.id, callbackId: callback?.id }
    expect(rig.observed).toEqual([
      { type: 'callback.accepted', ...named, seq: 1 },
      { type: 'callback.duplicate', ...named },
      { type: 'callback.refused', at, receiverId: receiver.id, status: 429 },
      { type: 'callback.refused', at, status: 404 },
    ])
    const told = JSON.stringify([rig.observed, rig.logged])
    expect(told).not.toContain('secret')
    expect(told).not.toContain(receiver.token)
  })

  it('costs nothing when the observer throws, but a line in the log', async () => {
    const rig = await Rig.open({
      observe: () => {
        throw new Error('metrics are down')
      },
    })
    const receiver = await rig.spawn()
    expect((await rig.json(receiver, 1)).status).toBe(202)
    expect((await rig.request(receiver, { method: 'GET' })).status).toBe(405)
    expect(rig.logsOf('error')).toHaveLength(2)
  })
})

describe('closing', () => {
  it('is over at once when nothing is under way', async () => {
    const rig = await Rig.open()
    rig.intake.refuse()
    await rig.intake.drain()
  })

  it('answers those whose request is being stored, and only then is drained', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    let finish = () => {}
    const { accept } = rig.session
    rig.faults.accept = async input => {
      await new Promise<void>(resolve => {
        finish = resolve
      })
      delete rig.faults.accept
      return accept(input)
    }
    const pending = rig.json(receiver, 1)
    await eventually(() => rig.commands.includes('accept'))
    rig.intake.refuse()
    let drained = false
    const draining = rig.intake.drain().then(() => {
      drained = true
    })
    expect((await rig.json(receiver, 2)).status).toBe(503)
    expect(drained).toBe(false)
    finish()
    expect((await pending).status).toBe(202)
    await draining
    expect(await rig.unread(receiver)).toHaveLength(1)
  })

  it('does not wait for answers by hand: whoever waits for one reads 202', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    const pending = rig.json(receiver, 1, { 'webhook-id': 'a' })
    await eventually(async () => (await rig.unread(receiver)).length === 1)
    rig.intake.refuse()
    await rig.intake.drain()
    expect((await pending).status).toBe(202)
    expect(rig.clock.timers).toBe(0)
  })

  it('answers at once who comes to wait only then: 202, unless there is an answer', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    let finish = () => {}
    const { accept } = rig.session
    rig.faults.accept = async input => {
      await new Promise<void>(resolve => {
        finish = resolve
      })
      delete rig.faults.accept
      return accept(input)
    }
    const pending = rig.json(receiver, 1, { 'webhook-id': 'a' })
    await eventually(() => rig.commands.includes('accept'))
    rig.intake.refuse()
    const draining = rig.intake.drain()
    finish()
    expect((await pending).status).toBe(202)
    await draining
    expect(rig.clock.timers).toBe(0)
    // It is recorded like any other: a process that comes after this one gives it to repetitions.
    const next = rig.another()
    next.sources.attach(receiver.id, { respond: 'manual' })
    const again = await next.json(receiver, 1, { 'webhook-id': 'a' })
    expect([again.status, again.headers.get('longline-duplicate')]).toEqual([202, 'true'])
  })

  it('waits until a large answer has left', async () => {
    const rig = await Rig.open()
    const size = 30_000_000
    const receiver = await rig.spawn({ respond: { body: new Uint8Array(size) } })
    const { url } = await rig.listen()
    const response = await fetch(`${url}/r/${receiver.token}`, { method: 'POST' })
    rig.intake.refuse()
    let drained = false
    const draining = rig.intake.drain().then(() => {
      drained = true
    })
    for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
    expect(drained).toBe(false)
    expect((await response.arrayBuffer()).byteLength).toBe(size)
    await draining
  })
})
