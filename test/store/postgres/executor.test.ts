import { expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.js'
import { createSession } from '../../../src/store/group-commit.js'
import { Connections } from '../../../src/store/postgres/connections.js'
import { PostgresExecutor } from '../../../src/store/postgres/executor.js'
import type { StoreSession } from '../../../src/store/store.js'

it('an outcome that cannot be read is told as what it is, and to its own command alone', async () => {
  const session = sessionOf([true, null, null])
  const cancelled = session.cancelDelivery({ deliveryId: 'dlv_1', now: 0 })
  const unreadable = session.listAttempts({ deliveryId: 'dlv_1' })
  const nothing = session.findDelivery({ deliveryId: 'dlv_2' })
  await expect(unreadable).rejects.toBeInstanceOf(TypeError)
  expect([await cancelled, await nothing]).toEqual([true, undefined])
})

/** A session to a database that says this of whatever batch it is sent. */
function sessionOf(outcomes: readonly unknown[]): StoreSession {
  const rows = [{ outcomes: JSON.stringify(outcomes) }]
  const client = { query: async () => ({ rows }), release: () => {}, on: () => {} }
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
