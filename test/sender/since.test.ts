import { expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { beforeIdsOf, createId } from '../../src/core/ids.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import type { Input, StoreSession } from '../../src/store/store.js'
import { ManualClock } from '../../src/testing/testing.js'
import { collect, openTestServer } from '../support/server.js'
import { withCommands } from '../support/store.js'

// The bugs: whoever asks for what was sent today has all that is kept read through; or is not shown what another node, whose
// clock is behind, made of a message of today.

const MINUTE = 60_000
const HOUR = 60 * MINUTE

it.each([false, true])('a list since an instant is read from there (newest: %s)', async newest => {
  const asked: Input<'listDeliveries'>[] = []
  let session: StoreSession | undefined
  const store = withCommands(memoryStore(), opened => {
    session = opened
    return {
      listDeliveries: input => {
        asked.push(input)
        return opened.listDeliveries(input)
      },
    }
  })
  const clock = new ManualClock()
  await using bench = await openTestServer({ store, clock, work: false })
  const since = clock.now() + 24 * HOUR
  const send = async (idMadeAt: number, createdAt: number) => {
    const message = { method: 'POST', path: '', query: '', headers: [], body: utf8('') } as const
    const deliveryId = idAt(idMadeAt)
    await session?.send({
      message: { ...message, id: createId('msg', createdAt), lane: 'endpoint:app', createdAt },
      ...{ deliveryId, dueAt: createdAt, deadlineAt: createdAt + HOUR },
    })
    return deliveryId
  }
  const early = await send(since - 2 * HOUR, since - 2 * HOUR)
  const justBefore = await send(since - MINUTE, since - 1)
  const behind = await send(since - 59 * MINUTE, since)
  const late = await send(since + HOUR, since + HOUR)

  const { deliveries } = bench.server
  const found = (await collect(deliveries.list({ since: new Date(since), newest }))).map(({ id }) => id)
  expect(found).toEqual(newest ? [late, behind] : [behind, late])
  expect(asked).toHaveLength(1)
  expect(early < (asked[0]?.behind ?? '')).toBe(true)
  expect(justBefore > (asked[0]?.behind ?? '')).toBe(true)

  await collect(deliveries.list({ newest }))
  expect(asked[1]).not.toHaveProperty('behind')
})

/** As a process would make it that has not made any before. */
function idAt(instant: number): string {
  return `${beforeIdsOf('dlv', instant)}0000000000000001`
}
