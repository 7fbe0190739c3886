import assert from 'node:assert/strict'
import { type Area, DAY, MINUTE, SECOND, type Trial } from './trial.js'
import {
  batchOf,
  claimFanOut,
  fanOutAll,
  given,
  laneOf,
  newDelivery,
  nextPage,
  publish,
  put,
  subscribe,
  takeAll,
  takenLanes,
} from './trial-topics.js'

/** How a message to a topic gets to those who want it. */
export const fanningOut: Area = {
  title: 'fanning out',
  cases: [
    {
      title:
        'a message goes to those who subscribe to its topic or to a pattern that matches it, and to nobody else',
      async run(trial) {
        const wanted = []
        for (const topic of ['book.copy.lent', 'book.copy.*', 'book.*', '*']) {
          wanted.push(laneOf(await subscribe(trial, topic)))
        }
        for (const topic of [
          'book.copy',
          'book',
          'book.copy.lent.late',
          'book.copy.lent.*',
          'books.*',
          'copy.*',
        ]) {
          await subscribe(trial, topic)
        }
        const messageId = await publish(trial, 'book.copy.lent')
        await fanOutAll(trial)
        const claimed = await takeAll(trial)
        assert.deepEqual(claimed.map(({ delivery }) => delivery.lane).sort(), wanted.sort())
        for (const { delivery, message } of claimed) {
          assert.equal(delivery.messageId, messageId)
          assert.equal(message.lane, 'topic:book.copy.lent')
        }
        assert.deepEqual(await claimFanOut(trial), {})
      },
    },
    {
      title:
        'pages go through the subscribers in the order in which they came, whatever their patterns, and say which is the last',
      async run(trial) {
        const ids: string[] = []
        for (let index = 0; index < 7; index += 1) {
          const topic = ['*', 'book.created', 'book.*'][index % 3] ?? ''
          ids.push((await subscribe(trial, topic)).id)
          await subscribe(trial, 'other')
        }
        await publish(trial, 'book.created')
        const seen: string[] = []
        const sizes: number[] = []
        for (let last = false; !last && sizes.length < 10; ) {
          const page = await nextPage(trial, { limit: 3 })
          last = page.last
          sizes.push(page.page.length)
          seen.push(...page.page.map(({ subscription }) => subscription.id))
          assert.equal(await trial.session.fanOut(batchOf(trial, page)), true)
        }
        assert.deepEqual(seen, ids)
        assert.deepEqual(sizes, [3, 3, 1])
        assert.equal((await takenLanes(trial)).length, 7)
      },
    },
    {
      title: 'a page that ends with the last subscriber says so',
      async run(trial) {
        for (let index = 0; index < 4; index += 1) await subscribe(trial, 'book.created')
        await publish(trial, 'book.created')
        const first = await nextPage(trial, { limit: 2 })
        assert.deepEqual([first.from, first.page.length, first.last], [0, 2, false])
        await trial.session.fanOut(batchOf(trial, first))
        const second = await nextPage(trial, { limit: 2 })
        assert.deepEqual([second.from, second.page.length, second.last], [first.page[1]?.no, 2, true])
      },
    },
    {
      title:
        'deliveries are due, and die, when it was said at publishing; their lanes are those of the subscriptions',
      async run(trial) {
        const subscription = await subscribe(trial, 'book.created')
        const messageId = await publish(trial, 'book.created')
        const page = await nextPage(trial)
        assert.deepEqual([page.dueAt, page.deadlineAt], [trial.now, trial.now + 30 * DAY])
        assert.deepEqual(page.page, [{ no: page.page[0]?.no, subscription }])
        assert.equal(page.message.id, messageId)
        const delivery = { ...newDelivery(trial), dueAt: trial.now + SECOND, deadlineAt: trial.now + MINUTE }
        const batch = {
          ...batchOf(trial, page),
          deliveries: [{ ...delivery, subscriptionId: subscription.id }],
        }
        await trial.session.fanOut(batch)
        const { deliveryId: id, ...instants } = delivery
        assert.deepEqual(await trial.session.findDelivery({ deliveryId: id }), {
          id,
          messageId,
          lane: laneOf(subscription),
          topic: 'book.created',
          createdAt: trial.now,
          status: 'due',
          ...instants,
          attempts: 0,
        })
        assert.deepEqual(await trial.claimDeliveries({ originRoom: 1 }), {
          claimed: [],
          nextDueAt: delivery.dueAt,
        })
      },
    },
    {
      title:
        'who subscribes after a message was published does not get it, also while it is being fanned out',
      async run(trial) {
        const early = [
          laneOf(await subscribe(trial, 'book.created')),
          laneOf(await subscribe(trial, 'book.*')),
        ]
        await publish(trial, 'book.created')
        await subscribe(trial, 'book.created')
        const first = await nextPage(trial, { limit: 1 })
        await trial.session.fanOut(batchOf(trial, first))
        await subscribe(trial, '*')
        await fanOutAll(trial, 1)
        assert.deepEqual(await takenLanes(trial), early.sort())
      },
    },
    {
      title: 'who is deleted or has retired meanwhile gets nothing: neither a place in a page nor a delivery',
      async run(trial) {
        const [deleted, retired, kept] = [
          await subscribe(trial, 'book.created'),
          await subscribe(trial, 'book.created'),
          await subscribe(trial, 'book.created'),
        ]
        const [early, late] = [await publish(trial, 'book.created'), await publish(trial, 'book.created')]
        const page = await nextPage(trial)
        assert.equal(page.page.length, 3)
        await trial.session.deleteSubscription({ id: deleted.id, now: trial.now })
        await retire(trial, retired.id)
        assert.equal(await trial.session.fanOut(batchOf(trial, page)), true)
        const next = await nextPage(trial)
        assert.deepEqual([page.message.id, next.message.id].sort(), [early, late].sort())
        assert.deepEqual(
          next.page.map(({ subscription }) => subscription.id),
          [kept.id],
        )
        assert.equal(next.last, true)
        await trial.session.fanOut(batchOf(trial, next))
        assert.deepEqual(await takenLanes(trial), [laneOf(kept), laneOf(kept)])
        assert.deepEqual((await trial.sweep()).unsubscribedDeliveryIds, [])
      },
    },
    {
      title: 'who has retired and is resumed gets what is published from then on',
      async run(trial) {
        const subscription = await subscribe(trial, 'book.created')
        await retire(trial, subscription.id)
        await publish(trial, 'book.created')
        await fanOutAll(trial)
        assert.deepEqual(await takenLanes(trial), [])
        const catchUp = { count: 10, perMs: SECOND }
        const lane = laneOf(subscription)
        assert.equal(await trial.session.resumeLane({ lane, catchUp, now: trial.now }), true)
        assert.equal((await trial.session.findSubscription({ id: subscription.id }))?.pause, undefined)
        await publish(trial, 'book.created')
        await fanOutAll(trial)
        assert.deepEqual(await takenLanes(trial), [lane])
      },
    },
    {
      title: 'who is paused or unproven gets a delivery, which waits',
      async run(trial) {
        const subscription = await subscribe(trial, 'book.created')
        await trial.session.pauseLane({ lane: laneOf(subscription), now: trial.now })
        await publish(trial, 'book.created')
        await fanOutAll(trial)
        assert.deepEqual(await takenLanes(trial), [])
        const catchUp = { count: 10, perMs: SECOND }
        await trial.session.resumeLane({ lane: laneOf(subscription), catchUp, now: trial.now })
        assert.deepEqual(await takenLanes(trial), [laneOf(subscription)])
      },
    },
    {
      title: 'one that was put again keeps its place',
      async run(trial) {
        const first = given(trial, 'book.created')
        await put(trial, first)
        const second = await subscribe(trial, 'book.created')
        await publish(trial, 'book.created')
        await put(trial, { ...first, options: '{"v":2}' })
        const { page } = await nextPage(trial)
        assert.deepEqual(
          page.map(({ subscription }) => subscription.id),
          [first.id, second.id],
        )
      },
    },
    {
      title: 'of two who write the same batch at the same moment, one does, and the other writes nothing',
      async run(trial) {
        for (let index = 0; index < 3; index += 1) await subscribe(trial, 'book.created')
        await publish(trial, 'book.created')
        const page = await nextPage(trial, { holdMs: 0, limit: 2 })
        assert.deepEqual(await nextPage(trial, { holdMs: 0, limit: 2 }), page)
        const written = await Promise.all([
          trial.session.fanOut(batchOf(trial, page)),
          trial.session.fanOut(batchOf(trial, page)),
        ])
        assert.deepEqual([...written].sort(), [false, true])
        assert.equal((await takeAll(trial)).length, 2)
        const last = await nextPage(trial)
        assert.equal(await trial.session.fanOut(batchOf(trial, last)), true)
        assert.equal(await trial.session.fanOut(batchOf(trial, last)), false)
        assert.equal(await trial.session.fanOut({ ...batchOf(trial, last), messageId: 'msg_nobody' }), false)
        assert.equal((await takeAll(trial)).length, 1)
      },
    },
    {
      title: 'a fan-out goes on behind its last batch after a restart',
      async run(trial) {
        for (let index = 0; index < 4; index += 1) await subscribe(trial, 'book.created')
        await publish(trial, 'book.created')
        await trial.session.fanOut(batchOf(trial, await nextPage(trial, { limit: 3 })))
        await trial.restart()
        const { page, last } = await nextPage(trial, { limit: 3 })
        assert.equal(page.length, 1)
        assert.equal(last, true)
        assert.equal((await takeAll(trial)).length, 3)
      },
    },
    {
      title: 'fan-outs take turns: a large one delays a small one by a batch',
      async run(trial) {
        for (let index = 0; index < 20; index += 1) await subscribe(trial, 'large')
        await subscribe(trial, 'small')
        const large = await publish(trial, 'large')
        trial.pass(1)
        const small = await publish(trial, 'small')
        const order: string[] = []
        for (let round = 0; round < 4; round += 1) {
          trial.pass(1)
          const page = await nextPage(trial, { limit: 2 })
          order.push(page.message.id)
          trial.pass(1)
          await trial.session.fanOut(batchOf(trial, page))
        }
        assert.deepEqual(order, [large, small, large, large])
      },
    },
    {
      title: 'what somebody fans out is left to him for a while, and says when it has its next turn',
      async run(trial) {
        await subscribe(trial, 'book.created')
        const { now } = trial
        assert.deepEqual(await claimFanOut(trial), {})
        const first = await publish(trial, 'book.created')
        const held = await claimFanOut(trial, { holdMs: MINUTE })
        assert.equal(held.fanOut?.message.id, first)
        assert.equal(held.nextAt, undefined)
        assert.deepEqual(await claimFanOut(trial), { nextAt: now + MINUTE })
        trial.pass(SECOND)
        const second = await publish(trial, 'book.created')
        const next = await claimFanOut(trial, { holdMs: 2 * MINUTE })
        assert.deepEqual([next.fanOut?.message.id, next.nextAt], [second, now + MINUTE])
        trial.pass(MINUTE)
        const again = await claimFanOut(trial)
        assert.deepEqual([again.fanOut?.message.id, again.nextAt], [first, now + SECOND + 2 * MINUTE])
      },
    },
    {
      title: 'a message that nobody wants has one empty page, and is kept as long as any other',
      async run(trial) {
        const messageId = await publish(trial, 'book.created')
        const kept = async () => (await trial.session.findMessage({ messageId })) !== undefined
        trial.pass(31 * DAY)
        await trial.sweep()
        assert.equal(await kept(), true)
        const page = await nextPage(trial)
        assert.deepEqual([page.page, page.from, page.last], [[], 0, true])
        await trial.session.fanOut(batchOf(trial, page))
        assert.deepEqual(await claimFanOut(trial), {})
        await trial.sweep()
        assert.equal(await kept(), false)
      },
    },
    {
      title: 'a message stays while it is fanned out, however long ago its first deliveries ended',
      async run(trial) {
        for (let index = 0; index < 2; index += 1) await subscribe(trial, 'book.created')
        const messageId = await publish(trial, 'book.created')
        await trial.session.fanOut(batchOf(trial, await nextPage(trial, { limit: 1 })))
        const [first] = await takeAll(trial)
        assert.ok(first !== undefined)
        await trial.record(first, { status: 'delivered' })
        trial.pass(31 * DAY)
        await trial.sweep({ bodiesMs: DAY })
        assert.equal(await trial.session.findDelivery({ deliveryId: first.delivery.id }), undefined)
        const page = await nextPage(trial)
        assert.equal(page.message.stripped, undefined)
        assert.ok(page.message.body.length > 0)
        await trial.session.fanOut(batchOf(trial, page))
        assert.equal((await takeAll(trial))[0]?.message.id, messageId)
      },
    },
    {
      title: 'a batch wakes whoever sends, and one that is not the last whoever fans out',
      async run(trial) {
        for (let index = 0; index < 2; index += 1) await subscribe(trial, 'book.created')
        await publish(trial, 'book.created')
        const page = await nextPage(trial, { limit: 1 })
        const log = trial.listen()
        await trial.session.fanOut(batchOf(trial, page))
        await log.expect({ kind: 'outbox' })
        await log.expect({ kind: 'fanOuts' })
      },
    },
  ],
}

/** Its endpoint has said that it is gone for good. */
async function retire(trial: Trial, id: string): Promise<void> {
  await trial.queue(`subscription:${id}`)
  const claimed = (await takeAll(trial)).find(({ delivery }) => delivery.lane === `subscription:${id}`)
  assert.ok(claimed !== undefined)
  const outcome = await trial.session.recordAttempt({
    claim: trial.toDeliveryClaim(claimed),
    now: trial.now,
    attempt: { at: trial.now, durationMs: 1, status: 410 },
    next: { status: 'dead', reason: 'rejected' },
    news: { type: 'gone' },
  })
  assert.equal(outcome, 'recorded')
}
