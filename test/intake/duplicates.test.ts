import { describe, expect, it } from 'vitest'
import { eventually, Rig, toJsonInit, transports } from './support/rig.js'

/** What JavaScript lets through. */
const mistyped = (value: unknown) => value as string

const repeat = (id: string, body: unknown = { n: 1 }) => toJsonInit(body, { 'webhook-id': id })

describe.each(transports)('a repeated delivery id, by $name', ({ send }) => {
  it('is one callback when both requests arrive at the same moment', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    const responses = await Promise.all(Array.from({ length: 12 }, () => send(rig, receiver, repeat('a'))))
    expect(responses.map(response => response.status)).toEqual(Array(12).fill(202))
    const first = responses.filter(response => response.headers.get('longline-duplicate') === null)
    expect(first).toHaveLength(1)
    expect(await rig.unread(receiver)).toHaveLength(1)
  })

  it('gets the first answer when the receiver is closed by then', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: { status: 200, body: 'thanks' } })
    await send(rig, receiver, repeat('a'))
    await rig.close(receiver)
    const again = await send(rig, receiver, repeat('a'))
    expect([again.status, await again.text()]).toEqual([200, 'thanks'])
    expect((await send(rig, receiver, repeat('b'))).status).toBe(410)
  })

  it('gets the first answer when the mailbox is full by then', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ capacity: 1, respond: { status: 200, body: 'thanks' } })
    await send(rig, receiver, repeat('a'))
    expect((await send(rig, receiver, repeat('b'))).status).toBe(429)
    expect((await send(rig, receiver, repeat('a'))).status).toBe(200)
  })

  it('gets the first answer also when the answer given now is another', async () => {
    const rig = await Rig.open()
    rig.sources.declare('s', { respond: { body: 'old' } })
    const receiver = await rig.spawn({ from: { name: 's' } })
    await send(rig, receiver, repeat('a'))
    rig.sources.declare('s', { respond: { body: 'new' } })
    expect(await (await send(rig, receiver, repeat('a'))).text()).toBe('old')
    expect(await (await send(rig, receiver, repeat('b'))).text()).toBe('new')
  })

  it('waits for the answer that the first is still waiting for', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual' })
    const first = send(rig, receiver, repeat('a'))
    await eventually(async () => (await rig.unread(receiver)).length === 1)
    const second = send(rig, receiver, repeat('a'))
    await eventually(() => rig.observed.some(event => event.type === 'callback.duplicate'))

    const [callback] = await rig.unread(receiver)
    if (callback === undefined) throw new Error('nothing was accepted')
    expect(await rig.intake.respond(receiver, callback, { status: 201, body: { ok: 1 } })).toBe(true)
    for (const response of await Promise.all([first, second])) {
      expect(response.status).toBe(201)
      expect(await response.json()).toEqual({ ok: 1 })
    }
    expect((await first).headers.get('longline-duplicate')).toBeNull()
    expect((await second).headers.get('longline-duplicate')).toBe('true')
  })

  it('waits no longer than the first does', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual', respondTimeout: '10s' })
    const first = send(rig, receiver, repeat('a'))
    await eventually(async () => (await rig.unread(receiver)).length === 1)
    await rig.clock.advance('9s')
    const second = send(rig, receiver, repeat('a'))
    await eventually(() => rig.observed.some(event => event.type === 'callback.duplicate'))
    await rig.clock.advance('1s')
    expect((await first).status).toBe(202)
    expect((await second).status).toBe(202)
    // Nobody waits any more: the answer is known.
    expect((await send(rig, receiver, repeat('a'))).status).toBe(202)
    expect(rig.clock.timers).toBe(0)
  })

  it('reads 202 at once when the process of the first died before anybody answered', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: 'manual', respondTimeout: '10s' })
    void send(rig, receiver, repeat('a'))
    await eventually(async () => (await rig.unread(receiver)).length === 1)
    const restarted = rig.another()
    restarted.sources.attach(receiver.id, { respond: 'manual' })
    await restarted.clock.advance('20s')
    const again = await send(restarted, receiver, repeat('a'))
    expect([again.status, again.headers.get('longline-duplicate')]).toEqual([202, 'true'])
  })

  it('is a new callback once the window has passed', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ dedupeWindow: '1h' })
    await send(rig, receiver, repeat('a'))
    await rig.clock.advance('59m')
    await send(rig, receiver, repeat('a'))
    expect(await rig.unread(receiver)).toHaveLength(1)
    await rig.clock.advance('1m')
    await send(rig, receiver, repeat('a'))
    expect(await rig.unread(receiver)).toHaveLength(2)
  })

  it('is known in its own receiver only', async () => {
    const rig = await Rig.open()
    const [one, two] = [await rig.spawn(), await rig.spawn()]
    await send(rig, one, repeat('a'))
    await send(rig, two, repeat('a'))
    expect(await rig.unread(two)).toHaveLength(1)
  })

  it('reads no more than 16 KiB of the first answer, which itself was whole', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ respond: { body: 'x'.repeat(20_000) } })
    expect(await (await send(rig, receiver, repeat('a'))).text()).toHaveLength(20_000)
    expect(await (await send(rig, receiver, repeat('a'))).text()).toHaveLength(16 * 1024)
  })
})

describe('the id of a delivery', () => {
  async function idOf(
    options: Parameters<Rig['spawn']>[0],
    headers: Record<string, string>,
    body: unknown = {},
  ): Promise<string | undefined> {
    const rig = await Rig.open()
    const receiver = await rig.spawn(options)
    expect((await rig.json(receiver, body, headers)).status).toBe(202)
    return (await rig.unread(receiver))[0]?.deliveryId
  }
  const both = { 'webhook-id': 'w', 'idempotency-key': 'i' }

  it('is the webhook-id, else the idempotency-key', async () => {
    expect(await idOf({}, both)).toBe('w')
    expect(await idOf({}, { 'idempotency-key': 'i' })).toBe('i')
    expect(await idOf({}, { ...both, 'webhook-id': '' })).toBe('i')
    expect(await idOf({}, {})).toBeUndefined()
  })

  it("is the verifier's before any header", async () => {
    expect(await idOf({ verify: () => ({ deliveryId: 'v' }) }, both)).toBe('v')
    expect(await idOf({ verify: () => ({ deliveryId: '' }) }, both)).toBeUndefined()
    expect(await idOf({ verify: () => true }, both)).toBe('w')
  })

  it('is what the dedupe function says, and nothing else where there is one', async () => {
    const verify = () => ({ deliveryId: 'v' })
    const dedupe = (request: { headers: Headers }) => request.headers.get('x-id') ?? undefined
    expect(await idOf({ verify, dedupe }, { ...both, 'x-id': 'mine' })).toBe('mine')
    expect(await idOf({ verify, dedupe }, both)).toBeUndefined()
    expect(await idOf({ dedupe: () => '' }, both)).toBeUndefined()
  })

  it('is replaced by its hash when no store could keep it', async () => {
    const long = 'x'.repeat(256)
    expect(await idOf({}, { 'webhook-id': 'x'.repeat(255) })).toBe('x'.repeat(255))
    expect(await idOf({}, { 'webhook-id': long })).toMatch(/^sha256:[0-9a-f]{64}$/)
    expect(await idOf({}, { 'webhook-id': '\u00fc'.repeat(128) })).toMatch(/^sha256:/)
    const [nul, half, otherHalf] = await Promise.all(
      ['a\0', '\ud800', '\ud801'].map(id => idOf({ dedupe: () => id }, {})),
    )
    for (const id of [nul, half, otherHalf]) expect(id).toMatch(/^sha256:/)
    expect(half).not.toBe(otherHalf)
  })

  it('is never the body', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    for (let n = 0; n < 3; n++) await rig.json(receiver, { same: true })
    expect(await rig.unread(receiver)).toHaveLength(3)
  })

  it.each([
    [
      'throws',
      () => {
        throw new Error('no id in it')
      },
    ],
    ['returns a number', () => mistyped(7)],
    ['returns a promise', () => mistyped(Promise.resolve('x'))],
  ])('is not guessed: a dedupe function that %s costs a 500, and nothing is stored', async (_, dedupe) => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ dedupe })
    expect((await rig.json(receiver, {})).status).toBe(500)
    expect(rig.logsOf('error')).toMatchObject([{ facts: { receiverId: receiver.id } }])
    expect(await rig.unread(receiver)).toEqual([])
  })
})
