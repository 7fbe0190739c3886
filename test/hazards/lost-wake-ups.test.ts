import { expect, it } from 'vitest'
import type { Store } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { openTestServer } from '../support/server.js'
import { withCommands } from '../support/store.js'

// The bug: a notification between store and waiter is lost, and the waiter sleeps beside a callback for ever. Or the
// cure for it: every waiter polls for itself.

it('a wake-up that gets lost costs a poll interval, never a callback', async () => {
  await using bench = await openTestServer({ store: deaf(memoryStore()) })
  const receiver = await bench.server.spawn<{ n: number }>('deaf')
  let found: number | undefined
  const wait = receiver.next().then(callback => {
    found = callback.data.n
  })
  await bench.clock.settle()
  await bench.post(receiver.url, { n: 1 })
  await bench.clock.advance(999)
  expect(found).toBeUndefined()

  await bench.clock.advance(1)
  await wait

  expect(found).toBe(1)
})

it('a thousand waiters on a thousand receivers do not poll a thousand times', async () => {
  const asked: number[] = []
  const counting = counted(memoryStore(), receivers => asked.push(receivers))
  await using bench = await openTestServer({ store: counting })
  const receivers = await Promise.all(
    Array.from({ length: 1_000 }, (_, n) => bench.server.spawn(`many/${n}`)),
  )
  const waits = receivers.map(receiver => receiver.next())
  await bench.clock.settle()
  const timersBefore = bench.clock.timers

  await bench.clock.advance('3s')

  expect(asked).toEqual([1_000, 1_000, 1_000])
  expect(timersBefore).toBeLessThan(10)
  for (const wait of waits) wait.cancel()
})

/** A store whose wake-ups never arrive. */
function deaf(store: Store): Store {
  return withCommands(store, () => ({ subscribe: () => () => undefined }))
}

/** Tells how many receivers each poll asked about. */
function counted(store: Store, tell: (receivers: number) => void): Store {
  return withCommands(store, session => ({
    news: input => {
      tell(input.receiverIds.length)
      return session.news(input)
    },
  }))
}
