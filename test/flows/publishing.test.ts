import type pg from 'pg'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  type Callback,
  InvalidOptionsError,
  KeyConflictError,
  type Payload,
  type Run,
  type Targets,
} from '../../src/index.js'
import { type Bench, openBench } from '../../src/testing/testing.js'
import { makeSchema, newSchema, storeIn, testPool } from '../store/postgres/support/schema.js'
import { until } from '../support/far-side.js'
import { collect, recordingLogger } from '../support/server.js'
import { everyStore, listen } from './support/every-store.js'
import { openPartner } from './support/partner.js'

const ok = () => new Response(null, { status: 204 })
const logger = recordingLogger([])

/** Where what was sent went to, in order of the addresses. */
const urlsOf = ({ sent }: Bench<unknown>) => sent.map(({ url }) => url).toSorted()

describe('publishing to a topic', () => {
  it('reaches the subscribers of it and of its patterns, each once', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    for (const [topic, name] of [
      ['book.created', 'a'],
      ['book.*', 'b'],
      ['*', 'c'],
      ['film.*', 'd'],
    ] as const) {
      await server.subscriptions.put({ topic, url: `https://${name}.example/hooks` })
    }
    const published = await server.publish('book/7', { topic: 'book.created', body: { id: 7 } })
    await bench.settle()
    expect(urlsOf(bench)).toEqual([
      'https://a.example/hooks',
      'https://b.example/hooks',
      'https://c.example/hooks',
    ])
    expect(bench.sent.map(({ headers }) => headers.get('webhook-id'))).toEqual(
      Array(3).fill(published.messageId),
    )
    const ends = await Promise.all((await collect(published.deliveries())).map(each => each.done()))
    expect(ends).toEqual(['delivered', 'delivered', 'delivered'])
  })

  it('is done once for a key, whatever comes under it again, also after a restart', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    await bench.server.subscriptions.put({ topic: 'book.*', url: 'https://a.example' })
    const first = await bench.server.publish('book/7', { topic: 'book.created', body: { id: 7 } })
    await bench.settle()
    await bench.restart()
    const again = await bench.server.publish('book/7', { topic: 'book.created', body: { id: 8 } })
    await bench.settle()
    expect(again.messageId).toBe(first.messageId)
    expect(await Promise.all(bench.sent.map(request => request.json()))).toEqual([{ id: 7 }])
  })

  it('is a conflict when its key has a publication to something else', async () => {
    await using bench = await openBench({ logger }, () => undefined)
    const { server } = bench
    await server.publish('k', { topic: 'book.created' })
    const conflicts = [
      server.publish('k', { topic: 'book.deleted' }),
      server.publish('k', { to: ['https://a.example'] }),
    ]
    for (const conflict of conflicts) await expect(conflict).rejects.toThrow(KeyConflictError)
    await server.publish('l', { to: ['https://a.example'] })
    await expect(server.publish('l', { topic: 'book.created' })).rejects.toThrow(KeyConflictError)
    // A message to one has keys of its own.
    await server.send('k', { to: 'https://a.example' })
  })

  it('gives each subscriber what it wants of the topic, and nothing of what is no JSON', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    for (const [name, filter] of [
      ['german', { 'order.country': ['DE', 'AT'] }],
      ['paid', { 'order.country': 'DE', status: 'paid' }],
      ['tagged', { tags: 'new' }],
      ['none', { 'order.country': null }],
      ['number', { 'order.id': 7 }],
    ] as const) {
      await server.subscriptions.put({ topic: 'order', url: `https://${name}.example`, filter })
    }
    await server.publish({
      topic: 'order',
      body: { order: { country: 'DE', id: '7' }, tags: ['old', 'new'] },
    })
    await server.publish({ topic: 'order', body: 'country: DE' })
    await server.publish({ topic: 'order', body: { order: { country: null, id: 7 }, status: 'paid' } })
    await bench.settle()
    expect(urlsOf(bench)).toEqual([
      'https://german.example/',
      'https://none.example/',
      'https://number.example/',
      'https://tagged.example/',
    ])
  })

  it('passes over who subscribes later, also before the first delivery is made', async () => {
    await using bench = await openBench({ logger, world: ok, work: false }, () => undefined)
    const { server } = bench
    await server.subscriptions.put({ topic: 'book.*', url: 'https://early.example' })
    await server.publish({ topic: 'book.created', body: 1 })
    await server.subscriptions.put({ topic: 'book.*', url: 'https://late.example' })
    await server.processDue()
    expect(urlsOf(bench)).toEqual(['https://early.example/'])
  })

  it('passes over who unsubscribes meanwhile, before or after its delivery was made', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const { server } = bench
    const [one, two] = [
      await server.subscriptions.put({ topic: 'book.*', url: 'https://one.example' }),
      await server.subscriptions.put({ topic: 'book.*', url: 'https://two.example' }),
    ]
    const published = await server.publish({ topic: 'book.created', after: '1h' })
    await bench.settle()
    expect(await collect(published.deliveries())).toHaveLength(2)
    await server.subscriptions.delete({ id: one.id })
    await bench.advance('2h')
    expect(urlsOf(bench)).toEqual(['https://two.example/'])
    expect(await collect(server.deliveries.list({ messageId: published.messageId }))).toMatchObject([
      { status: 'dead', reason: 'unsubscribed', subscription: one.id },
      { status: 'delivered', subscription: two.id },
    ])
  })

  it('holds all of it back with after', async () => {
    await using bench = await openBench({ logger, world: ok }, server => {
      server.endpoint('app', { url: 'https://app.example' })
    })
    await bench.server.subscriptions.put({ topic: 'book.*', url: 'https://one.example' })
    await bench.server.publish({ topic: 'book.created', after: '1h' })
    await bench.server.publish({ to: ['app'], after: '1h' })
    await bench.advance('59m')
    expect(urlsOf(bench)).toEqual([])
    await bench.advance('1m')
    expect(urlsOf(bench)).toEqual(['https://app.example/', 'https://one.example/'])
  })

  it('takes up a fan-out where the process died that was making it', async () => {
    await using bench = await openBench({ logger, world: ok, work: false }, () => undefined)
    const count = 1_200
    for (let n = 0; n < count; n++) {
      await bench.server.subscriptions.put({ topic: 't', url: `https://s${n}.example` })
    }
    const { messageId } = await bench.server.publish({ topic: 't' })
    await bench.server.processDue({ limit: 1 })
    expect(await collect(bench.server.deliveries.list({ messageId }))).toHaveLength(500)
    await bench.restart()
    await bench.server.processDue({ limit: 10 })
    const all = await collect(bench.server.deliveries.list({ messageId }))
    expect(new Set(all.map(({ subscription }) => subscription)).size).toBe(count)
    expect(all).toHaveLength(count)
  })
})

describe('publishing to a list', () => {
  it('resolves when all its deliveries are there, one for each target however it is named', async () => {
    await using bench = await openBench({ logger, world: ok, work: false }, server => ({
      app: server.endpoint('app', { url: 'https://app.example/hooks' }),
    }))
    const { server, declared } = bench
    const published = await server.publish('k', {
      to: [
        declared.app,
        'app',
        'https://one.example/a',
        new URL('https://one.example/a'),
        'HTTPS://ONE.example:443/a',
        'https://one.example/b',
      ],
      body: { id: 7 },
    })
    expect(await collect(published.deliveries())).toHaveLength(3)
    await server.processDue()
    expect(urlsOf(bench)).toEqual([
      'https://app.example/hooks',
      'https://one.example/a',
      'https://one.example/b',
    ])
    expect((await server.publish('k', { to: ['https://two.example'] })).messageId).toBe(published.messageId)
  })

  it('asks a function for it, once for each publish', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    let asked = 0
    const to = async (): Promise<Targets> => [`https://${++asked}.example/`]
    await bench.server.publish({ to })
    await bench.server.publish({ to: () => ['https://sync.example'] })
    await bench.settle()
    expect(asked).toBe(1)
    expect(urlsOf(bench)).toEqual(['https://1.example/', 'https://sync.example/'])
    await expect(
      bench.server.publish({
        to: () => {
          throw new Error('no list today')
        },
      }),
    ).rejects.toThrow('no list today')
  })

  it('of nobody is published, and reaches nobody', async () => {
    await using bench = await openBench({ logger, world: ok }, () => undefined)
    const published = await bench.server.publish('k', { to: [] })
    await bench.settle()
    expect(await collect(published.deliveries())).toEqual([])
  })

  it.each<readonly [string, object, RegExp]>([
    ['a name that is not declared', { to: ['nobody'] }, /nobody/],
    ['neither a topic nor a list', { body: 1 }, /either a topic.* or a list/],
    ['both', { topic: 't', to: [] }, /either a topic.* or a list/],
    ['a single target', { to: 'https://a.example' }, /for a single target there is send/],
    ['a pattern', { topic: 'book.*' }, /without a star: patterns such as 'book.\*' are for subscriptions/],
    ['a star', { topic: '*' }, /are for subscriptions/],
    ['too many targets', { to: Array(10_001).fill('https://a.example') }, /10001 targets.* 10000/],
    ['a path', { to: [], path: 'x' }, /no option 'path'/],
  ])('refuses %s, in words', async (_, publication, words) => {
    await using bench = await openBench({ logger }, () => undefined)
    const refused = bench.server.publish(publication as never)
    await expect(refused).rejects.toThrow(InvalidOptionsError)
    await expect(refused).rejects.toThrow(words)
  })
})

describe('a publication of a scope', () => {
  let asked = 0
  const announce = async (
    scope: Pick<Run, 'publish' | 'step'> | Pick<Callback<unknown>, 'publish' | 'step'>,
  ) => {
    const first = await scope.publish('announce', { topic: 'book.created', body: { id: 7 } })
    const to = () => {
      asked++
      return ['https://list.example']
    }
    const listed = await scope.publish('tell', { to, body: { id: 8 } })
    await scope.step('between', () => 1)
    return [first.messageId, listed.messageId]
  }

  it('of a run is made once, however often it is entered', async () => {
    await using bench = await openBench({ logger, world: ok, interrupt: true }, server =>
      server.workflow('announce', async run => {
        const ids = await announce(run)
        await run.sleep('wait', '1h')
        return ids
      }),
    )
    asked = 0
    await bench.server.subscriptions.put({ topic: 'book.*', url: 'https://topic.example' })
    await bench.declared.start('1', undefined)
    await bench.settle()
    await bench.restart()
    await bench.advance('2h')
    const ids = await (await bench.declared.get('1'))?.result()
    expect(bench.sent.map(({ url, headers }) => [url, headers.get('webhook-id')]).toSorted()).toEqual([
      ['https://list.example/', ids?.[1]],
      ['https://topic.example/', ids?.[0]],
    ])
    expect(asked).toBe(1)
  })

  it('enters a run again after it, when the bench interrupts', async () => {
    let entries = 0
    await using bench = await openBench({ logger, world: ok, interrupt: true }, server =>
      server.workflow('announce', async run => {
        entries++
        await run.publish('announce', { topic: 'book.created' })
      }),
    )
    await bench.declared.start('1', undefined)
    await bench.settle()
    expect(entries).toBe(2)
  })

  it('of a handler is made once, when the handler fails behind it and when the process dies', async () => {
    let tries = 0
    await using bench = await openBench({ logger, world: ok }, async server => {
      const orders = await server.spawn('orders')
      orders.consume({}, async callback => {
        await announce(callback)
        tries++
        if (tries === 1) throw new Error('once')
        if (tries === 2) await callback.sleep('wait', '1h')
      })
      return orders
    })
    await bench.server.subscriptions.put({ topic: 'book.*', url: 'https://topic.example' })
    await bench.post(bench.declared.url, { id: 7 })
    await bench.advance('10s')
    expect(tries).toBe(2)
    await bench.restart()
    await bench.advance('2h')
    expect(tries).toBe(3)
    expect(urlsOf(bench)).toEqual(['https://list.example/', 'https://topic.example/'])
    expect(await collect(bench.declared.failed())).toEqual([])
  })

  it('keeps what was published, when the code says something else on the next entry', async () => {
    let body = 'first'
    await using bench = await openBench({ logger, world: ok }, server =>
      server.workflow('changed', async run => {
        const { messageId } = await run.publish('k', { to: ['https://a.example'], body })
        await run.sleep('wait', '1h')
        return messageId
      }),
    )
    await bench.declared.start('1', undefined)
    await bench.settle()
    body = 'second'
    await bench.restart()
    await bench.advance('2h')
    expect(await Promise.all(bench.sent.map(request => request.text()))).toEqual(['first'])
  })
})

describe.each<readonly [string, Payload | undefined, string | undefined, Uint8Array]>([
  ['JSON', { id: 7, ü: [null, 1.5] }, 'application/json', Buffer.from('{"id":7,"ü":[null,1.5]}')],
  ['text', 'Grüße\r\n', 'text/plain;charset=UTF-8', Buffer.from('Grüße\r\n')],
  [
    'bytes',
    Uint8Array.from({ length: 256 }, (_, n) => n),
    undefined,
    Buffer.from(Array.from({ length: 256 }, (_, n) => n)),
  ],
  [
    'a form',
    new URLSearchParams({ a: '1 2', b: 'ü' }),
    'application/x-www-form-urlencoded;charset=UTF-8',
    Buffer.from('a=1+2&b=%C3%BC'),
  ],
  ['nothing', undefined, undefined, new Uint8Array()],
])('a publication of %s', (_, body, type, bytes) => {
  it('arrives unchanged at subscribers and at a list', async () => {
    const partner = await openPartner()
    const server = await listen({ store: 'memory:' })
    const content = body === undefined ? {} : { body }
    await server.subscriptions.put({ topic: 't', url: `${partner.url}/topic` })
    await server.publish({ topic: 't', ...content })
    await server.publish({ to: [`${partner.url}/list`], ...content })
    await until(() => partner.seen.length === 2)
    for (const seen of partner.seen) {
      expect(Buffer.compare(seen.body, bytes)).toBe(0)
      expect(seen.headers['content-type']?.toLowerCase()).toBe(type?.toLowerCase())
    }
  })
})

describe.each(everyStore)('publishing over HTTP, in %s', (_, make) => {
  it('reaches subscribers and a list, and tells of each delivery', async () => {
    const partner = await openPartner(({ path }) => ({ status: path === '/gone' ? 410 : 200, body: path }))
    const server = await listen({ store: await make() })
    server.endpoint('app', {
      url: `${partner.url}/app`,
      secret: `whsec_${Buffer.alloc(24).toString('base64')}`,
    })
    await server.subscriptions.put({ topic: 'book.*', url: `${partner.url}/one`, filter: { id: [7, 8] } })
    await server.subscriptions.put({ topic: '*', url: `${partner.url}/gone` })
    await server.subscriptions.put({ topic: 'book.*', url: `${partner.url}/other`, filter: { id: 9 } })

    const published = await server.publish('book/7', { topic: 'book.created', body: { id: 7 } })
    await until(async () => (await collect(published.deliveries())).length === 2)
    const deliveries = await collect(published.deliveries())
    expect((await Promise.all(deliveries.map(each => each.done()))).toSorted()).toEqual(['dead', 'delivered'])
    const listed = await server.publish('list/7', { to: ['app', `${partner.url}/url`], body: { id: 7 } })
    const answers = (await collect(listed.deliveries())).map(async each => (await each.response()).text())
    expect((await Promise.all(answers)).toSorted()).toEqual(['/app', '/url'])

    expect(partner.seen.map(({ path }) => path).toSorted()).toEqual(['/app', '/gone', '/one', '/url'])
    const again = await server.publish('book/7', { topic: 'book.created', body: { id: 8 } })
    expect(again.messageId).toBe(published.messageId)
    await expect(server.publish('book/7', { topic: 'book.deleted' })).rejects.toThrow(KeyConflictError)
  })
})

describe('a publication within a transaction of the caller', () => {
  const schema = newSchema()
  const open = () => listen({ store: storeIn(schema, testPool(), { judgesBy: 'database' }) })
  beforeAll(() => makeSchema(schema))

  it('is not sent before the commit, and is sent then', async () => {
    const [partner, server] = [await openPartner(), await open()]
    await server.subscriptions.put({ topic: 'commit', url: `${partner.url}/topic` })
    const client = await begin()
    const published = [
      await server.publish('commit/1', { topic: 'commit', body: 'joined' }, { within: client }),
      await server.publish('commit/2', { to: [`${partner.url}/list`], body: 'joined' }, { within: client }),
    ]
    expect(await (await server.send({ to: `${partner.url}/outside` })).done()).toBe('delivered')
    expect(partner.seen.map(({ path }) => path)).toEqual(['/outside'])
    await client.query('commit')
    await until(() => partner.seen.length === 3)
    expect(
      partner.seen
        .slice(1)
        .map(({ path }) => path)
        .toSorted(),
    ).toEqual(['/list', '/topic'])
    for (const each of published) {
      for (const delivery of await collect(each.deliveries())) expect(await delivery.done()).toBe('delivered')
    }
  })

  it('never was when the transaction is rolled back, and its key is free', async () => {
    const [partner, server] = [await openPartner(), await open()]
    await server.subscriptions.put({ topic: 'rollback', url: `${partner.url}/topic` })
    const client = await begin()
    const undone = await server.publish('rollback', { topic: 'rollback', body: 'undone' }, { within: client })
    await client.query('rollback')
    const done = await server.publish('rollback', { topic: 'rollback', body: 'done' })
    expect(done.messageId).not.toBe(undone.messageId)
    await until(() => partner.seen.length === 1)
    expect(String(partner.seen[0]?.body)).toBe('done')
    expect(await collect(undone.deliveries())).toEqual([])
  })

  it('that has something else under its key is a conflict, and the transaction goes on', async () => {
    const server = await open()
    await server.publish('conflict', { topic: 'one' })
    const client = await begin()
    const wrong = server.publish('conflict', { topic: 'other' }, { within: client })
    await expect(wrong).rejects.toThrow(KeyConflictError)
    await server.publish('beside', { topic: 'one' }, { within: client })
    await client.query('commit')
  })

  async function begin(): Promise<pg.PoolClient> {
    const client = await testPool().connect()
    onTestFinished(async () => {
      await client.query('rollback')
      client.release()
    })
    await client.query('begin')
    return client
  }
})
