// What the intake remembers of receivers between requests: it saves a read, and must never be noticed otherwise.

import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { ReceiverCache } from '../../src/intake/receiver-cache.js'
import type { ReceiverRecord } from '../../src/model/receiver.js'
import { DEFAULTS } from '../../src/options.js'
import { Rig, transports } from './support/rig.js'

const finds = (rig: Rig) => rig.commands.filter(name => name === 'findReceiver').length

/** Another process with the same store: what it changes is not told to the first one. */
async function twoNodes(options: Parameters<Rig['spawn']>[0]) {
  const rig = await Rig.open()
  const receiver = await rig.spawn({ key: 'k', ...options })
  const elsewhere = rig.another()
  return { rig, receiver, elsewhere }
}

describe('a receiver that is remembered', () => {
  it('is read once for many requests', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    for (let n = 0; n < 10; n++) await rig.json(receiver, n)
    expect(finds(rig)).toBe(1)
  })

  it('that is closed elsewhere answers 410 from the next request on', async () => {
    const { rig, receiver, elsewhere } = await twoNodes({})
    expect((await rig.json(receiver, 1)).status).toBe(202)
    await elsewhere.close(receiver)
    expect((await rig.json(receiver, 2)).status).toBe(410)
    expect(await rig.unread(receiver)).toHaveLength(1)
  })

  it('that expires answers 410, and takes requests again once it is opened again', async () => {
    const { rig, receiver, elsewhere } = await twoNodes({ ttl: '1m' })
    expect((await rig.json(receiver, 1)).status).toBe(202)
    await rig.clock.advance('2m')
    expect((await rig.json(receiver, 2)).status).toBe(410)
    await elsewhere.spawn({ key: 'k', reopen: true })
    expect((await rig.json(receiver, 3)).status).toBe(202)
  })

  it('that is closed and opened again takes requests', async () => {
    const { rig, receiver, elsewhere } = await twoNodes({})
    await rig.json(receiver, 1)
    await elsewhere.close(receiver)
    expect((await rig.json(receiver, 2)).status).toBe(410)
    await elsewhere.spawn({ key: 'k', reopen: true })
    expect((await rig.json(receiver, 3)).status).toBe(202)
  })

  it('whose settings change elsewhere accepts nothing by the old ones', async () => {
    const { rig, receiver, elsewhere } = await twoNodes({})
    rig.sources.declare('s', { verify: () => false })
    elsewhere.sources.declare('s', { verify: () => false })
    expect((await rig.json(receiver, 1)).status).toBe(202)
    await elsewhere.spawn({ key: 'k', from: { name: 's' } })
    expect((await rig.json(receiver, 2)).status).toBe(401)
    expect(await rig.unread(receiver)).toHaveLength(1)
  })

  it('whose settings changed elsewhere is judged twice once, and no more', async () => {
    const { rig, receiver, elsewhere } = await twoNodes({})
    await rig.json(receiver, 1)
    await elsewhere.spawn({ key: 'k', capacity: 100 })
    rig.commands.length = 0
    for (let n = 0; n < 5; n++) expect((await rig.json(receiver, n)).status).toBe(202)
    expect(rig.commands).toEqual(Array(6).fill('accept'))
  })

  it('whose settings change elsewhere refuses nothing by the old ones', async () => {
    const { rig, receiver, elsewhere } = await twoNodes({
      verify: () => false,
      methods: ['PUT'],
      maxBodyBytes: 10,
      page: () => new Response('page'),
    })
    const put = (body: string) => rig.request(receiver, { method: 'PUT', body })
    expect((await put('x')).status).toBe(401)

    await elsewhere.spawn({ key: 'k', verify: null })
    expect((await put('x')).status).toBe(202)
    expect((await put('x'.repeat(11))).status).toBe(413)

    await elsewhere.spawn({ key: 'k', maxBodyBytes: 20 })
    expect((await put('x'.repeat(11))).status).toBe(202)
    expect((await rig.json(receiver, 1)).status).toBe(405)

    await elsewhere.spawn({ key: 'k', methods: ['POST'] })
    expect((await rig.json(receiver, 1)).status).toBe(202)
    expect((await put('x')).status).toBe(405)
  })

  it('whose limit is raised while a body streams in goes on reading it', async () => {
    const { rig, receiver, elsewhere } = await twoNodes({ maxBodyBytes: 10 })
    await rig.json(receiver, 1)
    await elsewhere.spawn({ key: 'k', maxBodyBytes: 30 })
    const stream = () => ReadableStream.from(['x'.repeat(12), 'y'.repeat(12)].map(text => Buffer.from(text)))
    const response = await rig.request(receiver, { body: stream(), duplex: 'half' } as RequestInit)
    expect(response.status).toBe(202)

    await elsewhere.spawn({ key: 'k', maxBodyBytes: 40 })
    const { url } = await rig.listen()
    const overWire = await fetch(`${url}/r/${receiver.token}`, {
      method: 'POST',
      body: ReadableStream.from(['x'.repeat(32), 'y'.repeat(4)].map(text => Buffer.from(text))),
      duplex: 'half',
    } as RequestInit)
    expect(overWire.status).toBe(202)
    const bodies = (await rig.unread(receiver)).slice(1).map(({ body }) => Buffer.from(body).toString())
    expect(bodies).toEqual(['x'.repeat(12) + 'y'.repeat(12), 'x'.repeat(32) + 'y'.repeat(4)])
  })

  it.each(transports)('whose limit is raised, but not by enough, still refuses ($name)', async ({ send }) => {
    const { rig, receiver, elsewhere } = await twoNodes({ maxBodyBytes: 10 })
    await rig.json(receiver, 1)
    await elsewhere.spawn({ key: 'k', maxBodyBytes: 20 })
    const body = ReadableStream.from([Buffer.from('x'.repeat(25))])
    expect((await send(rig, receiver, { body, duplex: 'half' } as RequestInit)).status).toBe(413)
  })

  it('shows its state to a page as it is now', async () => {
    const { rig, receiver, elsewhere } = await twoNodes({ page: ({ state }) => new Response(state) })
    await rig.json(receiver, 1)
    await elsewhere.close(receiver)
    expect(await (await rig.request(receiver, { method: 'GET' })).text()).toBe('closed')
  })

  it('follows a source that is declared again, and code that is attached or detached', async () => {
    const rig = await Rig.open()
    const source = rig.sources.declare('s', { verify: () => false })
    const receiver = await rig.spawn({ key: 'k', from: source })
    const status = async () => (await rig.json(receiver, { n: 1 })).status
    expect(await status()).toBe(401)
    rig.sources.declare('s', { verify: () => true })
    expect(await status()).toBe(202)
    rig.sources.declare('s', { schema: z.string() })
    expect(await status()).toBe(422)
    await rig.spawn({ key: 'k', schema: z.object({ n: z.number() }) })
    expect(await status()).toBe(202)
    rig.sources.detach(receiver.id)
    expect(await status()).toBe(422)
  })

  it('asks the sender to come again when its settings change faster than it can be judged', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn({ key: 'k' })
    await rig.json(receiver, 1)
    let rounds = 0
    rig.faults.accept = async () => ({ type: 'stale', receiver: { ...receiver, version: 100 + rounds++ } })
    expect((await rig.json(receiver, 2)).status).toBe(503)
    expect(rounds).toBeLessThan(10)
  })

  it('is never an unknown one: a token is good from the moment its receiver exists', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    rig.faults.findReceiver = async () => undefined
    expect((await rig.json(receiver, 1)).status).toBe(404)
    delete rig.faults.findReceiver
    expect((await rig.json(receiver, 1)).status).toBe(202)
  })

  it('that is gone from the store answers 404', async () => {
    const rig = await Rig.open()
    const receiver = await rig.spawn()
    await rig.json(receiver, 1)
    rig.faults.accept = async () => ({ type: 'unknown' })
    rig.faults.findReceiver = async () => undefined
    expect((await rig.json(receiver, 2)).status).toBe(404)
    expect((await rig.json(receiver, 3)).status).toBe(404)
  })
})

describe('how many are remembered', () => {
  const record = (token: string, more: Partial<ReceiverRecord> = {}): ReceiverRecord => ({
    id: `rcv_${token}`,
    token,
    version: 1,
    state: 'open',
    openedAt: 0,
    settings: { inline: [] },
    ...more,
  })

  it('is bounded, and those used last stay', () => {
    const cache = new ReceiverCache(10)
    for (let n = 0; n < 1_000; n++) {
      cache.put(record(`t${n}`))
      expect(cache.get('t0', 0)?.token).toBe('t0')
    }
    const left = Array.from({ length: 1_000 }, (_, n) => cache.get(`t${n}`, 0)).filter(Boolean)
    expect(left.length).toBeLessThanOrEqual(10)
    expect(DEFAULTS.cachedReceivers).toBe(10_000)
  })

  it('are open ones only', () => {
    const cache = new ReceiverCache(10)
    cache.put(record('a'))
    cache.put(record('a', { state: 'closed' }))
    cache.put(record('b', { expiresAt: 5 }))
    expect(cache.get('a', 0)).toBeUndefined()
    expect(cache.get('b', 4)?.token).toBe('b')
    expect(cache.get('b', 5)).toBeUndefined()
    expect(cache.get('b', 4)).toBeUndefined()
  })
})

it('does not know the code of a receiver that was detached', async () => {
  const rig = await Rig.open()
  const receiver = await rig.spawn({ verify: () => true })
  expect((await rig.json(receiver, 1)).status).toBe(202)
  rig.sources.detach(receiver.id)
  expect((await rig.json(receiver, 1)).status).toBe(503)
})
