import pg from 'pg'
import { afterEach, expect, it } from 'vitest'
import { after, systemClock } from '../../../src/core/clock.js'
import { Connections } from '../../../src/store/postgres/connections.js'
import { Notices } from '../../../src/store/postgres/notices.js'
import type { Wake } from '../../../src/store/store.js'
import { newSchema, testPool } from './support/schema.js'

const opened: Notices[] = []

afterEach(async () => {
  await Promise.all(opened.splice(0).map(notices => notices.close()))
})

async function open(schema: string): Promise<Notices> {
  const connections = new Connections(testPool(), systemClock)
  const notices = new Notices({ connections, schema, clock: systemClock })
  opened.push(notices)
  expect(await notices.open()).toBe(true)
  return notices
}

/** Resolves with what was heard once there are so many. */
function hear(notices: Notices, count: number): Promise<readonly Wake[]> {
  return new Promise(resolve => {
    const heard: Wake[] = []
    const stop = notices.subscribe(wake => {
      heard.push(wake)
      if (heard.length < count) return
      stop()
      resolve(heard)
    })
  })
}

it('wakes the other nodes, with every kind there is, and not the one that announced', async () => {
  const schema = newSchema()
  const [here, there] = [await open(schema), await open(schema)]
  const own: Wake[] = []
  here.subscribe(wake => own.push(wake))
  const wakes: readonly Wake[] = [
    { kind: 'receiver', receiverId: 'rcv_1' },
    { kind: 'answer', callbackId: 'cb_1' },
    { kind: 'delivery', deliveryId: 'dlv_1' },
    { kind: 'run', runId: 'run_1' },
    { kind: 'outbox' },
    { kind: 'runs' },
  ]
  const heard = hear(there, wakes.length)
  here.announce(wakes)
  expect(await heard).toEqual(wakes)
  expect(own).toEqual([])
})

it('wakes nobody in another schema', async () => {
  const schema = newSchema()
  const [here, there, elsewhere] = [await open(schema), await open(schema), await open(newSchema())]
  const wrong: Wake[] = []
  elsewhere.subscribe(wake => wrong.push(wake))
  const heard = hear(there, 1)
  here.announce([{ kind: 'runs' }])
  await heard
  expect(wrong).toEqual([])
})

it('announces thousands in a few statements, each once', async () => {
  const schema = newSchema()
  const [here, there] = [await open(schema), await open(schema)]
  const wakes = Array.from(
    { length: 1_500 },
    (_, n): Wake => ({
      kind: 'receiver',
      receiverId: `rcv_${'0'.repeat(20)}${n}`,
    }),
  )
  const heard = hear(there, wakes.length)
  here.announce([...wakes, ...wakes])
  expect(await heard).toEqual(wakes)
})

it('listens again when its connection was cut', async () => {
  const schema = newSchema()
  const [here, there] = [await open(schema), await open(schema)]
  const cut = await testPool().query(
    `select pg_terminate_backend(pid) from pg_stat_activity where query = 'listen "longline ${schema}"'`,
  )
  expect(cut.rowCount).toBe(2)
  const heard = hear(there, 1)
  // Until it listens again nothing of it is heard, and whoever waits is helped by polling.
  let stop = () => {}
  const announce = () => {
    here.announce([{ kind: 'outbox' }])
    stop = after(systemClock, 50, announce)
  }
  announce()
  expect(await heard).toEqual([{ kind: 'outbox' }])
  stop()
})

it('says when nothing is heard, as behind a pooler that gives every transaction another connection', async () => {
  const pool = new pg.Pool({ connectionString: process.env.LONGLINE_TEST_POSTGRES, max: 2 })
  const deaf = {
    connect: async () => {
      const client = await pool.connect()
      return Object.assign(Object.create(client) as typeof client, {
        query: (text: string, values?: unknown[]) =>
          text.startsWith('listen') ? client.query('select 1') : client.query(text, values),
      })
    },
  }
  const connections = new Connections(deaf, systemClock)
  const notices = new Notices({ connections, schema: newSchema(), clock: systemClock })
  expect(await notices.open()).toBe(false)
  await notices.close()
  await pool.end() // hangs if a connection was not given back
})
