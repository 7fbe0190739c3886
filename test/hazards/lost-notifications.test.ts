import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.js'
import { openNode } from '../store/postgres/support/nodes.js'
import { newSchema, testPool } from '../store/postgres/support/schema.js'

// The bug: what is announced while nobody listens is never heard of, and a connection that broke is not made again.

it('a wake-up that gets lost between two nodes costs a poll interval, never a callback', async () => {
  const schema = newSchema()
  const here = await openNode(schema, { pool: { application_name: `${schema}_here` } })
  const there = await openNode(schema)
  const receiver = await here.server.spawn<{ n: number }>('deaf')

  for (let n = 0; n < 5; n++) {
    const next = receiver.next({ timeout: '10s' })
    await cutListening(`${schema}_here`)
    const posted = systemClock.monotonic()
    await there.post(receiver.url, { n })
    const callback = await next

    expect(callback.data).toEqual({ n })
    expect(systemClock.monotonic() - posted).toBeLessThan(1_000)
    await callback.ack()
  }
}, 60_000)

it('a listening connection that was cut is made anew', async () => {
  const schema = newSchema()
  const here = await openNode(schema, {
    pool: { application_name: `${schema}_here` },
    pace: { pollMs: 600_000 },
  })
  const there = await openNode(schema)
  const receiver = await here.server.spawn<{ n: number }>('deaf')
  const next = receiver.next({ timeout: '15s' })
  await cutListening(`${schema}_here`)
  await expect.poll(() => listening(`${schema}_here`), { timeout: 10_000 }).toBe(1)

  await there.post(receiver.url, { n: 1 })

  expect((await next).data).toEqual({ n: 1 })
}, 60_000)

const LISTENS = "application_name = $1 and query like 'listen %'"

/** Resolves when nothing can arrive any more. */
async function cutListening(application: string): Promise<void> {
  await expect.poll(() => listening(application), { timeout: 10_000 }).toBe(1)
  await testPool().query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity where ${LISTENS}`, [
    application,
  ])
}

async function listening(application: string): Promise<number> {
  const { rows } = await testPool().query(`select from pg_stat_activity where ${LISTENS}`, [application])
  return rows.length
}
