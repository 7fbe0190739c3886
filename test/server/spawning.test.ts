import * as v from 'valibot'
import { describe, expect, it } from 'vitest'
import * as z from 'zod'
import { InvalidOptionsError, ReceiverClosedError } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { collect, openTestServer } from '../support/server.js'

const schemas = {
  zod: z.object({ price: z.coerce.number() }),
  valibot: v.object({ price: v.pipe(v.string(), v.transform(Number), v.number()) }),
}

describe('spawn', () => {
  it('gives the same URL for the same key, and a new one without a key', async () => {
    await using bench = await openTestServer()
    const { server } = bench
    const [one, same, other] = [await server.spawn('a'), await server.spawn('a'), await server.spawn('b')]
    const [keyless, another] = [await server.spawn(), await server.spawn()]

    expect(same.url).toBe(one.url)
    expect(new Set([one.url, other.url, keyless.url, another.url]).size).toBe(4)
    expect([one.key, keyless.key]).toEqual(['a', undefined])
  })

  it('asks for the public URL again for each URL', async () => {
    let origin = 'https://one.example'
    await using bench = await openTestServer({ publicUrl: () => `${origin}/in/` })
    const receiver = await bench.server.spawn('moving')
    const before = receiver.url
    origin = 'https://two.example'

    expect(before).toMatch(/^https:\/\/one\.example\/in\/r\/[\w-]{24}$/)
    expect(receiver.url).toBe(before.replace('one', 'two'))
  })

  it('lets options that are given replace the stored ones, and keeps what is left out', async () => {
    await using bench = await openTestServer()
    const { server, post } = bench
    const receiver = await server.spawn('limits', { capacity: 1, maxBodyBytes: 5 })
    await server.spawn('limits', { capacity: 2 })
    const statuses = []
    for (const body of [1, 2, 3, '123456']) statuses.push((await post(receiver.url, body)).status)

    expect(statuses).toEqual([202, 202, 429, 413])
  })

  it('takes a check away only when told so with null', async () => {
    await using bench = await openTestServer()
    const { server, post } = bench
    const receiver = await server.spawn('checked', { verify: () => false })
    await server.spawn('checked', { capacity: 5 })
    expect((await post(receiver.url)).status).toBe(401)

    await server.spawn('checked', { verify: null })
    expect((await post(receiver.url)).status).toBe(202)
  })

  it('refuses a verify beside a source, given together or one after the other', async () => {
    await using bench = await openTestServer()
    const { server } = bench
    const shop = server.source('shop', { verify: () => true })
    await expect(server.spawn('both', { from: shop, verify: () => true })).rejects.toThrow(
      InvalidOptionsError,
    )
    await server.spawn('later', { from: shop })
    await expect(server.spawn('later', { verify: () => true })).rejects.toThrow(/from: null/)
    await server.spawn('later', { verify: () => true, from: null })
  })

  it.each([
    ['an empty key', () => ['', {}]],
    ['a key with a NUL', () => ['a\0b', {}]],
    ['a key of 256 bytes', () => ['é'.repeat(128), {}]],
    ['a negative ttl', () => ['k', { ttl: -1 }]],
    ['a capacity of nothing', () => ['k', { capacity: 0 }]],
    ['no method', () => ['k', { methods: [] }]],
    ['a verify that is no function', () => ['k', { verify: 'secret' }]],
  ])('refuses %s in words', async (_, args) => {
    await using bench = await openTestServer()
    const spawn = bench.server.spawn.bind(bench.server) as (...given: unknown[]) => Promise<unknown>
    await expect(spawn(...args())).rejects.toThrow(InvalidOptionsError)
  })

  it('comes back closed after close, and open at the same URL with reopen', async () => {
    await using bench = await openTestServer()
    const { server, post } = bench
    const receiver = await server.spawn('door')
    await receiver.close()
    await server.spawn('door')
    expect((await post(receiver.url)).status).toBe(410)

    const reopened = await server.spawn('door', { reopen: true })

    expect(reopened.url).toBe(receiver.url)
    expect((await post(receiver.url)).status).toBe(202)
  })

  it('counts ttl from creation, not from each spawn, and from reopen', async () => {
    await using bench = await openTestServer()
    const { server, clock, post } = bench
    const receiver = await server.spawn('short', { ttl: '10m' })
    await clock.advance('9m')
    await server.spawn('short', { ttl: '10m' })
    expect((await post(receiver.url)).status).toBe(202)
    await clock.advance('1m')
    expect((await post(receiver.url)).status).toBe(410)

    await server.spawn('short', { reopen: true })
    await clock.advance('9m')
    expect((await post(receiver.url)).status).toBe(202)
  })
})

describe('a schema', () => {
  it.each(Object.entries(schemas))(
    'of %s turns data into what the handler reads, and refuses the rest',
    async (_, schema) => {
      await using bench = await openTestServer()
      const receiver = await bench.server.spawn('priced', { schema })
      const refused = await bench.post(receiver.url, { price: {} })
      const accepted = await bench.post(receiver.url, { price: '7' })

      expect([refused.status, accepted.status]).toEqual([422, 202])
      expect(await refused.json()).toMatchObject({ status: 422, issues: [{ path: ['price'] }] })
      expect((await receiver.next()).data).toEqual({ price: 7 })
    },
  )

  it('is applied when a callback is read that was accepted while it was not loaded', async () => {
    const store = memoryStore()
    const first = await openTestServer({ store })
    const url = (await first.server.spawn('priced', { schema: schemas.zod })).url
    await first.server.close()
    await using bench = await openTestServer({ store })
    for (const price of ['much', '7']) expect((await bench.post(url, { price })).status).toBe(202)

    const receiver = await bench.server.spawn('priced', { schema: schemas.zod })
    const callback = await receiver.next({ timeout: 0 })
    const failed = await collect(receiver.failed())

    expect(callback.data).toEqual({ price: 7 })
    expect(failed.map(({ reason, callback }) => [reason, callback.data])).toEqual([
      ['schema', { price: 'much' }],
    ])
    expect(failed[0]?.error.message).not.toContain('much')
  })
})

describe('a schema', () => {
  it('still turns what is unread into what the reader expects after a receiver without a key is closed', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn({ schema: schemas.zod })
    await bench.post(receiver.url, { price: '7' })

    const listed = await receiver.close()

    expect(listed.map(({ data }) => data)).toEqual([{ price: 7 }])
    expect((await receiver.next({ timeout: 0 })).data).toEqual({ price: 7 })
  })

  it('that throws for a passing reason costs a delay, not the callback', async () => {
    await using bench = await openTestServer()
    let broken = false
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'test',
        validate: (value: unknown) => {
          if (broken) throw new Error('the registry of schemas is away')
          return { value }
        },
      },
    }
    const receiver = await bench.server.spawn('passing', { schema })
    await bench.post(receiver.url, { n: 1 })
    broken = true
    const wait = receiver.next({ timeout: '1h' })
    await bench.clock.settle()
    broken = false
    await bench.clock.advance('5s')

    expect((await wait).data).toEqual({ n: 1 })
    expect(await collect(receiver.failed())).toEqual([])
  })
})

describe('a receiver without a key', () => {
  it('answers 410 after close, and after its server is gone', async () => {
    const store = memoryStore()
    const first = await openTestServer({ store })
    const [closed, left] = [await first.server.spawn(), await first.server.spawn()]
    await closed.close()
    expect((await first.post(closed.url)).status).toBe(410)
    await first.server.close()

    await using bench = await openTestServer({ store })
    expect((await bench.post(left.url)).status).toBe(410)
  })

  it('is closed by `await using`; one with a key is only let go of', async () => {
    await using bench = await openTestServer()
    const urls: string[] = []
    {
      await using keyless = await bench.server.spawn()
      await using keyed = await bench.server.spawn('kept')
      urls.push(keyless.url, keyed.url)
    }

    const statuses = await Promise.all(urls.map(async url => (await bench.post(url)).status))
    expect(statuses).toEqual([410, 202])
  })
})

describe('accept', () => {
  it('puts something in without HTTP, once for each delivery id', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<{ polled: number }>('polled')
    await receiver.accept({ polled: 1 }, { deliveryId: 'p1' })
    await receiver.accept({ polled: 1 }, { deliveryId: 'p1' })
    const callback = await receiver.next({ timeout: 0 })
    await callback.ack()

    expect([callback.data, callback.deliveryId, callback.method]).toEqual([{ polled: 1 }, 'p1', 'POST'])
    expect(await receiver.next({ timeout: 0, fallback: () => 'nothing' })).toBe('nothing')
  })

  it('refuses when closed, and when full', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn('narrow', { capacity: 1 })
    await receiver.accept(1)
    await expect(receiver.accept(2)).rejects.toMatchObject({ code: 'mailbox_full', retryable: true })
    await receiver.close()
    await expect(receiver.accept(3)).rejects.toThrow(ReceiverClosedError)
  })
})

describe('close', () => {
  it('lists what nobody has read, without taking it', async () => {
    await using bench = await openTestServer()
    const receiver = await bench.server.spawn<{ n: number }>('leaving')
    for (const n of [1, 2]) await bench.post(receiver.url, { n })
    await (await receiver.next()).ack()

    const unread = await receiver.close()

    expect(unread.map(callback => callback.data)).toEqual([{ n: 2 }])
    expect((await receiver.next({ timeout: 0 })).data).toEqual({ n: 2 })
  })
})

describe('the registry', () => {
  it('lists receivers, open and ended, with counts and ages', async () => {
    await using bench = await openTestServer()
    const { server, clock, post } = bench
    const open = await server.spawn('open')
    await post(open.url)
    const since = clock.now()
    await clock.advance('1m')
    await post(open.url)
    await (await server.spawn('closed')).close()
    await server.spawn('short', { ttl: '1s' })
    await clock.advance('1s')

    const all = await collect(server.receivers())

    expect(
      all.map(({ key, state, unread, failed, oldest }) => [key, state, unread, failed, oldest?.getTime()]),
    ).toEqual([
      ['open', 'open', 2, 0, since],
      ['closed', 'closed', 0, 0, undefined],
      ['short', 'expired', 0, 0, undefined],
    ])
    expect((await collect(server.receivers({ state: 'expired' }))).map(({ key }) => key)).toEqual(['short'])
    expect((await collect(server.receivers({ key: 'open' }))).map(({ url }) => url)).toEqual([open.url])
  })

  it('lists more than a page of them', async () => {
    await using bench = await openTestServer()
    for (let n = 0; n < 250; n++) await bench.server.spawn(`many/${n}`)

    const keys = (await collect(bench.server.receivers())).map(({ key }) => key)

    expect(new Set(keys).size).toBe(250)
  })
})
