import { once } from 'node:events'
import { createServer, Server } from 'node:http'
import { describe, expect, it, vi } from 'vitest'
import {
  CallbackServer,
  InvalidOptionsError,
  ServerClosedError,
  StoreUnavailableError,
} from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { countUnread, openTestServer, recordingLogger } from '../support/server.js'
import { withCommands } from '../support/store.js'

describe('listen', () => {
  it('opens a port on loopback, and says how to reach it', async () => {
    await using server = await CallbackServer.listen({
      port: 0,
      store: 'memory:',
      logger: recordingLogger([]),
    })
    const receiver = await server.spawn<{ hello: string }>()

    const answer = await fetch(receiver.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"hello":"world"}',
    })

    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/)
    expect([answer.status, await answer.text()]).toEqual([202, ''])
    expect((await receiver.next()).data).toEqual({ hello: 'world' })
  })

  it('listens on loopback when its public URL is of this machine', async () => {
    const listened = vi.spyOn(Server.prototype, 'listen')
    const options = { port: 0, store: 'memory:', logger: recordingLogger([]) }
    await using local = await CallbackServer.listen({ ...options, publicUrl: 'http://localhost:3000' })
    await using open = await CallbackServer.listen({ ...options, publicUrl: 'https://hooks.example.com' })

    expect([local.url, open.url]).toEqual(['http://localhost:3000', 'https://hooks.example.com'])
    expect(listened.mock.calls.map(([, host]) => host)).toEqual(['127.0.0.1', '0.0.0.0'])
    listened.mockRestore()
  })

  it('says which port is taken', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = other.address()
    const port = typeof address === 'object' ? (address?.port ?? 0) : 0

    await expect(CallbackServer.listen({ port, store: 'memory:' })).rejects.toThrow(`port ${port}`)
    other.close()
  })

  it.each([
    ['a prefix without its slash', { prefix: 'r' as '/r' }],
    ['a public URL that is none', { publicUrl: 'hooks.example.com' }],
    ['a store that is none', { store: 42 as unknown as string }],
    ['a store of another kind', { store: 'mysql://db' }],
    ['a port that is none', { port: 99_999 }],
    ['an option that is none', { prot: 1 }],
    ['retention that is no duration', { retention: { callbacks: 'long' as '1d' } }],
  ])('refuses %s in words', async (_, options) => {
    await expect(CallbackServer.listen({ port: 0, store: 'memory:', ...options })).rejects.toThrow(
      InvalidOptionsError,
    )
  })
})

describe('close', () => {
  it('accepts on while handlers finish, then no more', async () => {
    const server = await CallbackServer.listen({ port: 0, store: 'memory:', logger: recordingLogger([]) })
    const receiver = await server.spawn('work')
    let finish = () => {}
    const handling = new Promise<void>(handled => {
      receiver.consume(() => {
        handled()
        return new Promise<void>(resolve => {
          finish = resolve
        })
      })
    })
    await fetch(receiver.url, { method: 'POST' })
    await handling
    const closing = server.close()

    expect((await fetch(receiver.url, { method: 'POST' })).status).toBe(202)
    finish()
    await closing
    await expect(fetch(receiver.url, { method: 'POST' })).rejects.toThrow()
  })

  it('lets handlers spawn and send until they have finished', async () => {
    const bench = await openTestServer({ fetch: async () => new Response('ok') })
    bench.server.endpoint('shop', { url: 'https://shop.example' })
    const receiver = await bench.server.spawn('work')
    let finish = () => {}
    const finished = new Promise<void>(resolve => {
      finish = resolve
    })
    const done: string[] = []
    receiver.consume(async () => {
      await finished
      done.push((await bench.server.spawn('next')).key ?? '')
      done.push((await bench.server.send('hello', { to: 'shop' })).id)
    })
    await bench.post(receiver.url)
    await bench.clock.settle()
    const closing = bench.server.close()
    await bench.clock.settle()
    finish()
    await closing

    expect(done).toEqual(['next', expect.stringMatching(/^dlv_/)])
    await expect(bench.server.send({ to: 'shop' })).rejects.toThrow(ServerClosedError)
  })

  it('lets a request in flight finish', async () => {
    const server = await CallbackServer.listen({ port: 0, store: 'memory:', logger: recordingLogger([]) })
    const receiver = await server.spawn('manual', { respond: 'manual' })
    const answered = fetch(receiver.url, { method: 'POST' })
    const callback = await receiver.next()
    const closing = server.close()
    await callback.respond({ status: 200, body: 'done' })

    expect(await (await answered).text()).toBe('done')
    await closing
  })

  it('hands back what was in hand, uncounted', async () => {
    const store = memoryStore()
    const first = await openTestServer({ store })
    const receiver = await first.server.spawn('held')
    await first.post(receiver.url)
    expect((await receiver.next()).attempt).toBe(1)
    await first.server.close()

    await using bench = await openTestServer({ store })
    const again = await (await bench.server.spawn('held')).next({ timeout: 0 })

    expect(again.attempt).toBe(1)
  })

  it('can be asked twice, and refuses new work', async () => {
    const bench = await openTestServer()
    await Promise.all([bench.server.close(), bench.server.close()])

    await expect(bench.server.spawn('late')).rejects.toThrow(ServerClosedError)
    expect(await bench.server.health()).toMatchObject({ ok: false, closing: true })
  })
})

describe('health', () => {
  it('says what is due, and when the store does not answer', async () => {
    let broken = false
    const store = withCommands(memoryStore(), session => ({
      countDue: input =>
        broken ? Promise.reject(new StoreUnavailableError('gone')) : session.countDue(input),
    }))
    await using bench = await openTestServer({ store })
    const receiver = await bench.server.spawn('due')
    await bench.post(receiver.url)
    await (await receiver.next()).release({ delay: '1s' })
    expect(await bench.server.health()).toEqual({ ok: true, store: 'ok', closing: false, due: 0 })
    await bench.clock.advance('1s')
    expect(await bench.server.health()).toMatchObject({ due: 1 })

    broken = true
    expect(await bench.server.health()).toMatchObject({ ok: false, store: 'unavailable' })
    expect(bench.logged).toContainEqual(expect.objectContaining({ message: 'the store does not answer' }))
  })

  it('is asked while the server closes and afterwards without an alarm', async () => {
    const asked: ((error: Error) => void)[] = []
    let hangs = false
    const store = withCommands(memoryStore(), session => ({
      countDue: input => (hangs ? new Promise((_, reject) => asked.push(reject)) : session.countDue(input)),
    }))
    await using bench = await openTestServer({ store })
    const { server, logged } = bench
    const receiver = await server.spawn('slow')
    await bench.post(receiver.url)
    const inHand = await receiver.next()

    const closing = server.close()
    expect(await server.health()).toEqual({ ok: false, store: 'ok', closing: true, due: 0 })
    await inHand.ack()
    hangs = true
    const underWay = server.health()
    await closing
    for (const fail of asked) fail(new StoreUnavailableError('The session is over'))

    const gone = { ok: false, store: 'unavailable', closing: true, due: 0 }
    expect(await underWay).toEqual(gone)
    expect(await server.health()).toEqual(gone)
    expect(logged.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([])
  })
})

describe('a store that fails', () => {
  it('ends no wait: the mailbox looks again a little later', async () => {
    let failures = 2
    const store = withCommands(memoryStore(), session => ({
      claim: input =>
        failures-- > 0 ? Promise.reject(new StoreUnavailableError('gone')) : session.claim(input),
    }))
    await using bench = await openTestServer({ store })
    const receiver = await bench.server.spawn('patient')
    await bench.post(receiver.url)
    const wait = receiver.next({ timeout: '1m' })
    await bench.clock.advance('3s')

    expect((await wait).attempt).toBe(1)
  })

  it('hears of an acknowledgement as soon as it is back', async () => {
    let broken = true
    const store = withCommands(memoryStore(), session => ({
      acknowledge: input =>
        broken ? Promise.reject(new StoreUnavailableError('gone')) : session.acknowledge(input),
    }))
    await using bench = await openTestServer({ store })
    const receiver = await bench.server.spawn('told')
    await bench.post(receiver.url)
    const acknowledged = (await receiver.next()).ack()
    await bench.clock.advance('2s')
    broken = false
    await bench.clock.advance('1s')
    await acknowledged

    expect(await countUnread(bench.server)).toBe(0)
  })
})
