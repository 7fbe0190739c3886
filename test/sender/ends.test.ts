import { expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import type { Store } from '../../src/store/store.js'
import { around } from '../../src/testing/session-around.js'
import { ManualClock, openBench } from '../../src/testing/testing.js'

const LETTERS = 'https://letters.example/'

it('an end is told by whoever declares its endpoint: who does not settles nothing', async () => {
  const store = memoryStore()
  await leaveUntold(store)
  await using bench = await openBench({ store }, () => undefined)
  await bench.advance('1m')
  expect(bench.sent).toEqual([])

  bench.server.endpoint('app', { url: 'https://app.example', deadLetter: LETTERS })
  await bench.advance('1m')
  expect(bench.sent.map(({ url }) => url)).toEqual([LETTERS])
})

it('an end of an endpoint that tells nobody is settled, and not told when it does later', async () => {
  const store = memoryStore()
  await leaveUntold(store)
  await using bench = await openBench({ store }, server =>
    server.endpoint('app', { url: 'https://app.example' }),
  )
  await bench.advance('1m')
  bench.server.endpoint('app', { url: 'https://app.example', deadLetter: LETTERS })
  await bench.advance('1m')
  expect(bench.sent).toEqual([])
})

it('an end that cannot be told is looked at less and less often', async () => {
  const store = memoryStore()
  await leaveUntold(store)
  let looks = 0
  const counting: Store = {
    ...store,
    open: async () => {
      const session = await store.open()
      return around(session, {
        claimEnds: async input => {
          const outcome = await session.claimEnds(input)
          looks += outcome.ends.length
          return outcome
        },
      })
    },
  }
  await using bench = await openBench({ store: counting }, server =>
    server.endpoint('app', { url: 'https://app.example', deadLetter: 'letters' }),
  )
  await bench.advance('1m')
  expect(looks).toBeGreaterThanOrEqual(4)
  await bench.advance('1h')
  expect(looks).toBeLessThan(25)
  bench.server.endpoint('letters', { url: LETTERS })
  await bench.advance('5m')
  expect(bench.sent.map(({ url }) => url)).toEqual([LETTERS])
})

/** A process that died before it could tell of a delivery that did. */
async function leaveUntold(store: Store): Promise<void> {
  const session = await store.open()
  const now = new ManualClock().now()
  const { epoch } = await session.join({ node: 'before', now, leaseMs: 1e12 })
  const message = {
    id: 'msg_1',
    lane: 'endpoint:app',
    method: 'POST',
    path: '',
    query: '',
    headers: [],
  } as const
  await session.send({
    message: { ...message, body: utf8('hello'), createdAt: now },
    ...{ deliveryId: 'dlv_1', dueAt: now, deadlineAt: now + 1e12 },
  })
  const room = { lanes: { 'endpoint:app': 1 }, originRoom: 1, limit: 1 }
  const { claimed } = await session.claimDeliveries({ epoch, now, ...room })
  const claim = { deliveryId: 'dlv_1', epoch, fence: claimed[0]?.fence ?? 0 }
  const attempt = { at: now, durationMs: 1, status: 400 }
  const next = { status: 'dead', reason: 'rejected' } as const
  expect(await session.recordAttempt({ claim, now, attempt, next, tells: true })).toBe('recorded')
  await session.close()
}
