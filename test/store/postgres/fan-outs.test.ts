import { expect, it } from 'vitest'
import {
  batchOf,
  claimFanOut,
  fanOutAll,
  given,
  laneOf,
  nextPage,
  publish,
  put,
  subscribe,
  takeAll,
} from '../../../src/testing/conformance/trial-topics.js'
import { OwnSchema } from './support/own-schema.js'

// What the bug would look like: of two nodes that fan the same message out both write a page, and its subscribers get it twice;
// or whoever subscribed while a message was published gets it, or does not, depending on whose commit was first.

const own = new OwnSchema()
const { onStore } = own

it(
  'two nodes that fan out one message at the same moment give every subscriber one delivery',
  onStore(async trial => {
    const lanes = []
    for (let n = 0; n < 60; n++)
      lanes.push(laneOf(await subscribe(trial, n % 2 === 0 ? 'book.*' : 'book.new')))
    const messageId = await publish(trial, 'book.new')
    const other = await trial.store.open()
    let written = 0
    for (let isDone = false; !isDone; ) {
      const page = await nextPage(trial, { holdMs: 0, limit: 7 })
      const same = (await other.claimFanOut({ now: trial.now, holdMs: 0, limit: 7 })).fanOut
      if (same === undefined) return expect.unreachable()
      expect(same.from).toBe(page.from)
      const both = await Promise.all([
        trial.session.fanOut(batchOf(trial, page)),
        other.fanOut(batchOf(trial, same)),
      ])
      expect(both.sort()).toEqual([false, true])
      written += page.page.length
      isDone = page.last
    }
    expect(written).toBe(60)
    const listed = await trial.session.listDeliveries({ messageId, limit: 100 })
    expect(listed.map(({ lane }) => lane).sort()).toEqual(lanes.sort())
    await other.close()
  }),
)

it(
  'while one node has a batch in hand, another waits for it, and then writes nothing',
  onStore(async trial => {
    await subscribe(trial, 'book.new')
    await publish(trial, 'book.new')
    const batch = batchOf(trial, await nextPage(trial))
    await own.held.session(own.schema).fanOut(batch)
    const late = trial.session.fanOut(batch)
    await own.held.isWaitedFor(late)
    await own.held.commit()
    expect(await late).toBe(false)
    expect(await takeAll(trial)).toHaveLength(1)
  }),
)

it(
  'who subscribes while a message is published gets it or not, whichever was committed first, and nobody waits',
  onStore(async trial => {
    const early = await subscribe(trial, 'book.new')
    const late = given(trial, 'book.new')
    await own.held.session(own.schema).putSubscription({ subscription: late, now: trial.now })
    await publish(trial, 'book.new')
    // Numbers are committed in their order.
    const next = put(trial, given(trial, 'book.new'))
    await own.held.isWaitedFor(next)
    await own.held.commit()
    await next
    expect((await nextPage(trial)).page.map(({ subscription }) => subscription.id)).toEqual([early.id])
    trial.pass(60_000)
    await fanOutAll(trial)
    await publish(trial, 'book.new')
    expect((await nextPage(trial)).page.map(({ no }) => no)).toEqual([1, 2, 3])
  }),
)

it(
  'a fan-out that another node is claiming at this moment is passed over, and nobody waits',
  onStore(async trial => {
    await subscribe(trial, 'book.new')
    const [first, second] = [await publish(trial, 'book.new'), await publish(trial, 'book.new')]
    const { fanOut } = await own.held
      .session(own.schema)
      .claimFanOut({ now: trial.now, holdMs: 1_000, limit: 1 })
    expect(fanOut?.message.id).toBe(first)
    expect((await nextPage(trial)).message.id).toBe(second)
    expect(await claimFanOut(trial, { now: trial.now })).not.toHaveProperty('fanOut')
  }),
)

it(
  'a delivery that is written while its subscription is being deleted dies like those that wait for it',
  onStore(async trial => {
    const { id } = await subscribe(trial, 'book.new')
    await publish(trial, 'book.new')
    const batch = batchOf(trial, await nextPage(trial))
    await own.held.session(own.schema).deleteSubscription({ id, now: trial.now })
    await trial.session.fanOut(batch)
    await own.held.commit()
    // Nothing had been there when it was deleted.
    const swept = await trial.sweep()
    expect(await takeAll(trial)).toEqual([])
    const late = await trial.sweep()
    const dead = [...swept.unsubscribedDeliveryIds, ...late.unsubscribedDeliveryIds]
    expect(dead).toEqual(batch.deliveries.map(({ deliveryId }) => deliveryId))
  }),
)
