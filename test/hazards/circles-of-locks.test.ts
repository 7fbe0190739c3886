import pg from 'pg'
import { expect, it, onTestFinished } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import type { StoreSession } from '../../src/store/store.js'
import { newSchema, storeIn, testPool } from '../store/postgres/support/schema.js'
import { randomFrom } from '../torture/run.mjs'

// The bug: one batch locks a and then b, another b and then a. Postgres ends one of them after a second.

const LEASE = 3_600_000
const ROUNDS = 300

it('two transactions that touch the same receivers in opposite order do not deadlock', async () => {
  const database = await newDatabase()
  const schema = 'longline'
  const [here, there] = [
    await storeIn(schema, openPool(database), { migrate: true }).open(),
    await storeIn(schema, openPool(database), { migrate: true }).open(),
  ]
  const receivers = Array.from({ length: 8 }, (_, n) => `rcv_${n}`)
  for (const id of receivers) await spawn(here, id)

  const random = randomFrom(51)
  let refused = 0
  const work = async (session: StoreSession, name: string, order: readonly string[]) => {
    const { epoch } = await session.join({ node: name, now: Date.now(), leaseMs: LEASE })
    for (let round = 0; round < ROUNDS; round++) {
      // All of it leaves in one batch.
      const commands = order.flatMap((receiverId, n): Promise<unknown>[] =>
        random() < 0.2
          ? [handle(session, receiverId, epoch)]
          : [accept(session, receiverId, `${name}_${round}_${n}`)],
      )
      for (const outcome of await Promise.allSettled(commands)) if (outcome.status === 'rejected') refused++
    }
  }
  await Promise.all([work(here, 'here', receivers), work(there, 'there', receivers.toReversed())])
  await Promise.all([here.close(), there.close()])

  expect(refused).toBe(0)
  const { rows } = await testPool().query(
    'select deadlocks::integer as n, xact_rollback::integer as undone from pg_stat_database where datname = $1',
    [database],
  )
  expect(rows).toEqual([{ n: 0, undone: 0 }])
}, 120_000)

/** Its counts are of nobody else. */
async function newDatabase(): Promise<string> {
  const name = newSchema()
  await testPool().query(`create database ${name}`)
  onTestFinished(async () => void (await testPool().query(`drop database ${name} with (force)`)))
  return name
}

/** A circle is found before the wait for a lock is given up. */
function openPool(database: string): pg.Pool {
  const url = new URL(process.env.LONGLINE_TEST_POSTGRES ?? '')
  url.pathname = `/${database}`
  const pool = new pg.Pool({ connectionString: url.href, options: '-c deadlock_timeout=50ms' })
  pool.on('error', () => {})
  onTestFinished(() => pool.end())
  return pool
}

function spawn(session: StoreSession, id: string): Promise<unknown> {
  return session.spawn({ id, key: id, token: `token_${id}`, now: Date.now(), patch: {}, reopen: false })
}

function accept(session: StoreSession, receiverId: string, callbackId: string): Promise<unknown> {
  const now = Date.now()
  return session.accept({
    ...{ callbackId, receiverId, now, method: 'POST', path: '', query: '', headers: '[]' },
    ...{ body: utf8('{}'), dedupeUntil: now + LEASE, content: 'good', capacity: 1_000_000 },
  })
}

async function handle(session: StoreSession, receiverId: string, epoch: number): Promise<void> {
  const { callbacks } = await session.claim({ receiverId, epoch, now: Date.now(), limit: 5, ordered: false })
  const claims = callbacks.map(({ id, fence }) => ({ receiverId, callbackId: id, epoch, fence }))
  await session.acknowledge({ claims, now: Date.now() })
}
