import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { CompiledQuery, Kysely, PostgresDialect } from 'kysely'
import type pg from 'pg'
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  CallbackServer,
  InvalidOptionsError,
  type JoinOptions,
  KeyConflictError,
  type Observation,
} from '../../src/index.js'
import { makeSchema, newSchema, storeIn, testPool } from '../store/postgres/support/schema.js'
import { openTestServer, recordingLogger } from '../support/server.js'
import { temporaryFile } from '../support/stores.js'

// A message, or a run, that is part of a transaction of the caller's: on real nodes, on one Postgres, with somebody at the
// other end.

const schema = newSchema()
const noTransaction = /^within must be the client that your transaction is on/

beforeAll(async () => {
  await makeSchema(schema)
  await testPool().query(`create table ${schema}.orders (id integer primary key)`)
})

describe('a message within a transaction of the caller', () => {
  it('is not sent before the commit, and is sent then', async () => {
    const [app, server] = [await openApp(), await openNode()]
    const client = await begin()
    await client.query(`insert into ${schema}.orders values (1)`)
    const delivery = await server.send('order/1', { to: app.url, body: 'joined' }, { within: client })
    expect(await (await server.send({ to: app.url, body: 'outside' })).done()).toBe('delivered')
    expect(app.bodies).toEqual(['outside'])
    await client.query('commit')
    expect(await delivery.done()).toBe('delivered')
    expect(app.bodies).toEqual(['outside', 'joined'])
  })

  it('is never sent when the transaction is rolled back, and its delivery says so', async () => {
    const [app, server] = [await openApp(), await openNode()]
    const client = await begin()
    const delivery = await server.send('order/2', { to: app.url, body: 'joined' }, { within: client })
    await client.query('rollback')
    for (const wait of [delivery.done(), delivery.response()]) {
      await expect(wait).rejects.toThrow(InvalidOptionsError)
      await expect(wait).rejects.toThrow(/^There is no delivery dlv_\w+: the transaction .* was rolled back/)
    }
    expect(await (await server.send('order/2', { to: app.url, body: 'again' })).done()).toBe('delivered')
    expect(app.bodies).toEqual(['again'])
  })

  it('is sent once for its key, whoever sent it first', async () => {
    const [app, server] = [await openApp(), await openNode()]
    const to = server.endpoint('app', { url: app.url })
    const client = await begin()
    const first = await to.send('order/3', { body: 'first' }, { within: client })
    const again = await to.send('order/3', { body: 'again' }, { within: client })
    await client.query('commit')
    const later = await to.send('order/3', { body: 'later' })
    expect([again.id, later.id]).toEqual([first.id, first.id])
    expect(await later.done()).toBe('delivered')
    expect(app.bodies).toEqual(['first'])
  })

  it('that has another target under its key is a conflict, and the transaction goes on', async () => {
    const [app, server] = [await openApp(), await openNode()]
    await server.send('order/4', { to: app.url })
    const client = await begin()
    await client.query(`insert into ${schema}.orders values (4)`)
    const wrong = server.send('order/4', { to: `${app.url}/elsewhere` }, { within: client })
    await expect(wrong).rejects.toThrow(KeyConflictError)
    await client.query('commit')
    const { rows } = await testPool().query(`select id from ${schema}.orders where id = 4`)
    expect(rows).toHaveLength(1)
  })
})

describe('a run within a transaction of the caller', () => {
  it('is not entered before the commit, and is entered then', async () => {
    const observed: Observation[] = []
    const server = await openNode({ observe: event => observed.push(event) })
    const order = server.workflow('order', async (_, id: number) => `order ${id}`)
    const client = await begin()
    const handle = await order.start('5', 5, { within: client })
    expect(await (await order.start('outside', 0)).result()).toBe('order 0')
    await expect(handle.status()).rejects.toThrow(
      /^There is no run order\/5: the transaction .* has not committed/,
    )
    expect(await order.get('5')).toBeUndefined()
    await client.query('commit')
    expect(await handle.result()).toBe('order 5')
    expect(await handle.status()).toMatchObject({ key: '5', status: 'done' })
    expect(observed.filter(({ type }) => type === 'run.started').map(({ key }) => key)).toEqual(['outside'])
  })

  it('never was when the transaction is rolled back, and its handle says so', async () => {
    const server = await openNode()
    const order = server.workflow('order', async (_, id: number) => `order ${id}`)
    const client = await begin()
    const handle = await order.start('6', 6, { within: client })
    await client.query('rollback')
    for (const asked of [handle.status(), handle.result()]) {
      await expect(asked).rejects.toThrow(InvalidOptionsError)
      await expect(asked).rejects.toThrow(/^There is no run order\/6: the transaction .* was rolled back/)
    }
    expect(await order.get('6')).toBeUndefined()
  })

  it('is held back by after, and is the run that its key has', async () => {
    const server = await openNode()
    const order = server.workflow('order', async (_, id: number) => `order ${id}`)
    await order.start('7', 1)
    const client = await begin()
    const known = await order.start('7', 2, { within: client })
    const held = await order.start('held', 3, { within: client, after: '1h' })
    await client.query('commit')
    expect(await known.result()).toBe('order 1')
    const { status, startedAt } = await held.status()
    expect(status).toBe('running')
    expect(startedAt.getTime()).toBeGreaterThan(Date.now())
    await held.cancel()
  })

  it('is carried out by another node, when the one that started it is gone before the commit', async () => {
    const [one, two] = [await openNode(), await openNode()]
    const declare = (server: CallbackServer) =>
      server.workflow('moved', async (_, id: number) => `order ${id}`)
    const client = await begin()
    await declare(one).start('8', 8, { within: client })
    const moved = declare(two)
    await one.close()
    await client.query('commit')
    expect(await (await moved.get('8'))?.result()).toBe('order 8')
  })
})

describe('the transaction may be that of', () => {
  it('kysely', async () => {
    const order = (await openNode()).workflow('order', async (_, id: number) => `order ${id}`)
    const db = new Kysely<object>({ dialect: new PostgresDialect({ pool: testPool() }) })
    const start = (key: string) =>
      db.transaction().execute(async transaction => {
        const query = (text: string, values: unknown[]) =>
          transaction.executeQuery(CompiledQuery.raw(text, values))
        const handle = await order.start(key, 9, { within: { query } })
        if (key === 'kysely undone') throw new Error('undone')
        return handle
      })
    expect(await (await start('kysely')).result()).toBe('order 9')
    await expect(start('kysely undone')).rejects.toThrow('undone')
    expect(await order.get('kysely undone')).toBeUndefined()
  })

  it('drizzle', async () => {
    const order = (await openNode()).workflow('order', async (_, id: number) => `order ${id}`)
    const db = drizzle(testPool())
    const start = (key: string) =>
      db.transaction(async transaction => {
        const query = (text: string, [value]: unknown[]) => {
          const [before = '', after = ''] = text.split('$1')
          return transaction.execute(sql`${sql.raw(before)}${value}${sql.raw(after)}`)
        }
        const handle = await order.start(key, 10, { within: { query } })
        if (key === 'drizzle undone') throw new Error('undone')
        return handle
      })
    expect(await (await start('drizzle')).result()).toBe('order 10')
    await expect(start('drizzle undone')).rejects.toThrow('undone')
    expect(await order.get('drizzle undone')).toBeUndefined()
  })
})

describe('what is refused', () => {
  it.each([
    ['memory', () => 'memory:'],
    ['an SQLite file', temporaryFile],
  ])('a transaction, by a store that is in %s', async (_, store) => {
    await using bench = await openTestServer({ store: store() })
    const order = bench.server.workflow('order', async () => {})
    const within = { query: async () => ({ rows: [] }) }
    const words = /^within needs a store in the database of your transaction/
    await expect(bench.server.send('k', { to: 'https://a.example' }, { within })).rejects.toThrow(words)
    await expect(order.start('k', undefined, { within })).rejects.toThrow(words)
    expect(await order.get('k')).toBeUndefined()
  })

  it.each<readonly [string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['something without query', {}],
    ['a function', () => {}],
    ['a pool', testPool()],
  ])('%s in place of a transaction', async (_, given) => {
    const server = await openNode()
    const order = server.workflow('refused', async () => {})
    const options = { within: given } as JoinOptions
    await expect(server.send('refused', { to: 'https://a.example' }, options)).rejects.toThrow(noTransaction)
    await expect(order.start('refused', undefined, options)).rejects.toThrow(noTransaction)
    expect(await order.get('refused')).toBeUndefined()
  })

  it('a message without a key', async () => {
    const server = await openNode()
    const app = server.endpoint('app', { url: 'https://a.example' })
    const client = await begin()
    const joined = { within: client } as never
    await expect(server.send({ to: app } as never, joined)).rejects.toThrow(/^The key of a message/)
    await expect(app.send({} as never, joined)).rejects.toThrow(/^The key of a message/)
  })

  it('another option beside it', async () => {
    const server = await openNode()
    const options = { within: await begin(), inside: true }
    await expect(server.send('k', { to: 'https://a.example' }, options)).rejects.toThrow(
      "send has no option 'inside'",
    )
  })

  it('a transaction in the start of a scope', async () => {
    const server = await openNode()
    const child = server.workflow('child', async () => {})
    const within = await begin()
    const parent = server.workflow('parent', async run => {
      await run.start('child', child, undefined, { within })
    })
    const failed = (await parent.start('1')).result().catch((error: Error) => error.cause)
    expect(await failed).toMatchObject({
      code: 'invalid_options',
      message: /^within is not for start of a scope/,
    })
  })
})

/** A node; several of them share the schema. */
async function openNode(options: { observe?: (event: Observation) => void } = {}): Promise<CallbackServer> {
  const server = await CallbackServer.listen({
    port: 0,
    store: storeIn(schema, testPool(), { judgesBy: 'database' }),
    logger: recordingLogger([]),
    ...options,
  })
  onTestFinished(() => server.close({ grace: 0 }))
  return server
}

async function begin(): Promise<pg.PoolClient> {
  const client = await testPool().connect()
  onTestFinished(async () => {
    await client.query('rollback')
    client.release()
  })
  await client.query('begin')
  return client
}

/** Somebody to send to, and what they have read. */
async function openApp() {
  const bodies: string[] = []
  const http = createServer(async (request, response) => {
    bodies.push(await text(request))
    response.end()
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>(resolve => void http.close(() => resolve())))
  return { bodies, url: `http://127.0.0.1:${(http.address() as AddressInfo).port}/orders` }
}
