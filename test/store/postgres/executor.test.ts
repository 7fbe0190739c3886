import { expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.js'
import { createSession } from '../../../src/store/group-commit.js'
import { Connections } from '../../../src/store/postgres/connections.js'
import { PostgresExecutor } from '../../../src/store/postgres/executor.js'
import type { Client } from '../../../src/store/postgres/pool.js'
import type { StoreSession } from '../../../src/store/store.js'

it('an outcome that cannot be read is told as what it is, and to its own command alone', async () => {
  const session = sessionOf([true, null, null])
  const cancelled = session.cancelDelivery({ deliveryId: 'dlv_1', now: 0 })
  const unreadable = session.listAttempts({ deliveryId: 'dlv_1' })
  const nothing = session.findDelivery({ deliveryId: 'dlv_2' })
  await expect(unreadable).rejects.toBeInstanceOf(TypeError)
  expect([await cancelled, await nothing]).toEqual([true, undefined])
})

it('a batch that met a lock of somebody else is repeated whole, and one by one only when it meets one again', async () => {
  const sizes: number[] = []
  const locked = Object.assign(new Error('canceling statement due to lock timeout'), { code: '55P03' })
  const query = async (_: string, [batch]: unknown[] = []) => {
    const size = (JSON.parse(String(batch)) as unknown[]).length
    sizes.push(size)
    if (sizes.length <= 2) throw locked
    return { rows: [{ outcomes: JSON.stringify(Array.from({ length: size }, () => true)) }] }
  }
  const session = sessionOver(query)
  const ends = ['dlv_1', 'dlv_2', 'dlv_3'].map(deliveryId => session.cancelDelivery({ deliveryId, now: 0 }))
  expect(await Promise.all(ends)).toEqual([true, true, true])
  expect(sizes).toEqual([3, 3, 1, 1, 1])
})

/** A session to a database that says this of whatever batch it is sent. */
function sessionOf(outcomes: readonly unknown[]): StoreSession {
  return sessionOver(async () => ({ rows: [{ outcomes: JSON.stringify(outcomes) }] }))
}

function sessionOver(query: Client['query']): StoreSession {
  const client = { query, release: () => {}, on: () => {} }
  return createSession(
    new PostgresExecutor({
      connections: new Connections({ connect: async () => client }, systemClock),
      schema: 'longline',
      judgesBy: 'database',
      onDone: () => {},
      close: async () => {},
    }),
  )
}
