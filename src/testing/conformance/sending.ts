import assert from 'node:assert/strict'
import { createId } from '../../core/ids.js'
import type { Lane } from '../../model/delivery.js'
import { type Area, DAY, MINUTE, SECOND } from './trial.js'

const APP = 'endpoint:app'
const PARTNER = 'endpoint:partner'
const ORIGIN = 'origin:https://a.example'
const OTHER_ORIGIN = 'origin:https://b.example'

/** Messages, and which deliveries are handed out. */
export const sending: Area = {
  title: 'sending',
  cases: [
    {
      title:
        'a message and its delivery are stored together: the delivery is found, and due when it was said to be',
      async run(trial) {
        const message = trial.message(APP)
        const dueAt = trial.now + SECOND
        const deliveryId = createId('dlv', trial.now)
        const outcome = await trial.send(message, { deliveryId, dueAt })
        assert.deepEqual(outcome, { type: 'sent', messageId: message.id, deliveryId, created: true })
        const delivery = {
          id: deliveryId,
          messageId: message.id,
          lane: APP,
          createdAt: message.createdAt,
          status: 'due',
          dueAt,
          deadlineAt: trial.now + 30 * DAY,
          attempts: 0,
        }
        assert.deepEqual(await trial.session.findDelivery({ deliveryId }), delivery)
        assert.deepEqual(await trial.session.listAttempts({ deliveryId }), [])
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 1 } })).claimed, [])
        trial.pass(SECOND)
        const { fence, ...claimed } = await trial.takeDelivery(APP)
        assert.ok(fence > 0)
        assert.deepEqual(claimed.delivery, { ...delivery, status: 'sending' })
        assert.deepEqual({ ...claimed.message, body: undefined }, { ...message, body: undefined })
      },
    },
    {
      title: 'a delivery that nobody knows is not found',
      async run(trial) {
        assert.equal(await trial.session.findDelivery({ deliveryId: 'dlv_nobody' }), undefined)
        assert.deepEqual(await trial.session.listAttempts({ deliveryId: 'dlv_nobody' }), [])
      },
    },
    {
      title: 'a key has one message, whoever sends it again and at the same moment',
      async run(trial) {
        const outcomes = await Promise.all(
          Array.from({ length: 12 }, () => trial.send(trial.message(APP, { key: 'order/7' }))),
        )
        const sent = outcomes.filter(outcome => outcome.type === 'sent')
        assert.equal(sent.length, 12)
        assert.equal(new Set(sent.map(({ deliveryId }) => deliveryId)).size, 1)
        assert.equal(new Set(sent.map(({ messageId }) => messageId)).size, 1)
        assert.equal(sent.filter(({ created }) => created).length, 1)
        assert.equal((await trial.claimDeliveries({ lanes: { [APP]: 100 } })).claimed.length, 1)
      },
    },
    {
      title: 'the first message with a key stands, also when it was delivered long ago',
      async run(trial) {
        const first = await trial.send(trial.message(APP, { key: 'order/7', path: '/first' }))
        const claimed = await trial.takeDelivery(APP)
        await trial.record(claimed, { status: 'delivered' })
        await trial.restart()
        trial.pass(DAY)
        const again = await trial.send(trial.message(APP, { key: 'order/7', path: '/second' }))
        assert.deepEqual(again, { ...first, created: false })
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 100 } })).claimed, [])
      },
    },
    {
      title: 'a key that has a message to another target is a conflict that names it, and sends nothing',
      async run(trial) {
        await trial.send(trial.message(APP, { key: 'order/7' }))
        const outcome = await trial.send(trial.message(PARTNER, { key: 'order/7' }))
        assert.deepEqual(outcome, { type: 'conflict', lane: APP })
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [PARTNER]: 100 } })).claimed, [])
      },
    },
    {
      title: 'two URLs of one origin are two targets',
      async run(trial) {
        const to = (path: string) => ({ key: 'order/7', url: `https://third.example${path}` })
        const first = await trial.send(trial.message('origin:https://third.example', to('/a')))
        const same = await trial.send(trial.message('origin:https://third.example', to('/a')))
        const other = await trial.send(trial.message('origin:https://third.example', to('/b')))
        assert.deepEqual(same, { ...first, created: false })
        assert.deepEqual(other, { type: 'conflict', lane: 'origin:https://third.example' })
      },
    },
    {
      title: 'messages without a key are all new, a send that is repeated with the same ids is not',
      async run(trial) {
        for (const key of [{}, { key: 'order/7' }]) {
          const message = trial.message(APP, key)
          const ids = { deliveryId: createId('dlv', trial.now) }
          const first = await trial.send(message, ids)
          assert.deepEqual(await trial.send(message, ids), first)
          assert.equal(first.type, 'sent')
          assert.equal(first.created, true)
        }
        await trial.queue(APP)
        await trial.queue(APP)
        assert.equal((await trial.claimDeliveries({ lanes: { [APP]: 100 } })).claimed.length, 4)
      },
    },
    {
      title:
        'hands out what is due, oldest first within its lane, and in the order of ids where instants are equal',
      async run(trial) {
        const later = await trial.queue(APP, { dueAt: trial.now + 3 })
        const first = await trial.queue(APP, { dueAt: trial.now + 1 })
        const same = [
          await trial.queue(APP, { dueAt: trial.now + 2 }),
          await trial.queue(APP, { dueAt: trial.now + 2 }),
        ]
        await trial.queue(APP, { dueAt: trial.now + MINUTE })
        trial.pass(SECOND)
        const { claimed } = await trial.claimDeliveries({ lanes: { [APP]: 100 } })
        assert.deepEqual(
          claimed.map(({ delivery }) => delivery.id),
          [first, ...same.sort(), later],
        )
      },
    },
    {
      title: 'hands each delivery to one sender at a time',
      async run(trial) {
        for (let index = 0; index < 10; index += 1) await trial.queue(APP)
        const ask = { lanes: { [APP]: 4 } }
        const epoch = await trial.join()
        const claims = await Promise.all([
          trial.claimDeliveries(ask),
          trial.claimDeliveries({ ...ask, epoch }),
          trial.claimDeliveries(ask),
        ])
        const ids = claims.flatMap(({ claimed }) => claimed.map(({ delivery }) => delivery.id))
        assert.equal(ids.length, 10)
        assert.equal(new Set(ids).size, 10)
      },
    },
    {
      title: 'hands out no more than a lane has room for, and nothing of lanes without room',
      async run(trial) {
        for (const lane of [APP, APP, APP, PARTNER, PARTNER] as const) await trial.queue(lane)
        const { claimed, nextDueAt } = await trial.claimDeliveries({ lanes: { [APP]: 2, [PARTNER]: 0 } })
        assert.deepEqual(
          claimed.map(({ delivery }) => delivery.lane),
          [APP, APP],
        )
        assert.equal(nextDueAt, undefined)
      },
    },
    {
      title: 'deliveries of endpoints that are not declared wait',
      async run(trial) {
        await trial.queue('endpoint:gone')
        const outcome = await trial.claimDeliveries({ lanes: { [APP]: 100 }, originRoom: 100 })
        assert.deepEqual(outcome, { claimed: [] })
        assert.equal((await trial.takeDelivery('endpoint:gone')).delivery.lane, 'endpoint:gone')
      },
    },
    {
      title: 'each origin has the same room of its own, less what is under way in it',
      async run(trial) {
        for (const lane of [ORIGIN, ORIGIN, ORIGIN, OTHER_ORIGIN, OTHER_ORIGIN, OTHER_ORIGIN] as const) {
          await trial.queue(lane)
        }
        const { claimed } = await trial.claimDeliveries({ originRoom: 2, lanes: { [ORIGIN]: 1 } })
        const countIn = (lane: Lane) => claimed.filter(({ delivery }) => delivery.lane === lane).length
        assert.deepEqual([countIn(ORIGIN), countIn(OTHER_ORIGIN)], [1, 2])
        const full = await trial.claimDeliveries({ originRoom: 2, lanes: { [ORIGIN]: 2, [OTHER_ORIGIN]: 3 } })
        assert.deepEqual(full, { claimed: [] })
      },
    },
    {
      title: 'a lane with thousands due does not crowd out another within one claim',
      async run(trial) {
        const flood = Array.from({ length: 2_000 }, () => trial.queue(APP))
        await Promise.all(flood)
        trial.pass(SECOND)
        const others: Lane[] = [PARTNER, ORIGIN, OTHER_ORIGIN]
        for (const lane of others) await trial.queue(lane)
        const room = { lanes: { [APP]: 1_000, [PARTNER]: 1_000 }, originRoom: 1_000 }
        const { claimed } = await trial.claimDeliveries({ limit: 20, ...room })
        assert.equal(claimed.length, 20)
        const lanes = new Set(claimed.map(({ delivery }) => delivery.lane))
        for (const lane of others) assert.ok(lanes.has(lane), `${lane} was crowded out`)
      },
    },
    {
      title: 'lanes that have waited longer go first where the limit does not reach for all',
      async run(trial) {
        const lanes = Array.from({ length: 6 }, (_, index): Lane => `origin:https://${index}.example`)
        const { now } = trial
        for (const index of [3, 0, 5, 1, 4, 2]) {
          await trial.queue(lanes[index] ?? ORIGIN, { dueAt: now + index * SECOND })
        }
        trial.pass(MINUTE)
        const claimed: Lane[] = []
        for (let round = 0; round < 3; round += 1) {
          const outcome = await trial.claimDeliveries({ limit: 2, originRoom: 1 })
          claimed.push(...outcome.claimed.map(({ delivery }) => delivery.lane))
        }
        assert.deepEqual([...claimed.slice(0, 2)].sort(), lanes.slice(0, 2))
        assert.deepEqual([...claimed].sort(), lanes)
      },
    },
    {
      title: 'says when the next delivery falls due in a lane that has room',
      async run(trial) {
        assert.deepEqual(await trial.claimDeliveries({ lanes: { [APP]: 5 } }), { claimed: [] })
        await trial.queue('endpoint:gone', { dueAt: trial.now + 1 })
        await trial.queue(PARTNER, { dueAt: trial.now + SECOND })
        await trial.queue(APP, { dueAt: trial.now + MINUTE })
        await trial.queue(APP, { dueAt: trial.now + 2 * MINUTE })
        const dueIn = async (lanes: Record<Lane, number>) => {
          const { nextDueAt } = await trial.claimDeliveries({ lanes })
          return nextDueAt === undefined ? undefined : nextDueAt - trial.now
        }
        assert.equal(await dueIn({ [APP]: 5, [PARTNER]: 5 }), SECOND)
        assert.equal(await dueIn({ [APP]: 5, [PARTNER]: 0 }), MINUTE)
        trial.pass(MINUTE)
        assert.equal(await dueIn({ [APP]: 1 }), undefined)
        assert.equal(await dueIn({ [APP]: 1 }), MINUTE)
      },
    },
    {
      title: 'asks to be called again at once when the limit left something due behind',
      async run(trial) {
        for (let index = 0; index < 5; index += 1) await trial.queue(APP)
        const { claimed, nextDueAt } = await trial.claimDeliveries({ limit: 3, lanes: { [APP]: 100 } })
        assert.equal(claimed.length, 3)
        assert.ok(nextDueAt !== undefined && nextDueAt <= trial.now)
        const rest = await trial.claimDeliveries({ limit: 3, lanes: { [APP]: 100 } })
        assert.equal(rest.claimed.length, 2)
        assert.equal(rest.nextDueAt, undefined)
      },
    },
    {
      title: 'a delivery that is past its deadline is not handed out any more',
      async run(trial) {
        await trial.queue(APP, { deadlineAt: trial.now + MINUTE })
        const good = await trial.queue(APP)
        trial.pass(MINUTE)
        const { claimed, nextDueAt } = await trial.claimDeliveries({ lanes: { [APP]: 100 } })
        assert.deepEqual(
          claimed.map(({ delivery }) => delivery.id),
          [good],
        )
        assert.equal(nextDueAt, undefined)
      },
    },
    {
      title: 'a delivery past its deadline hides no other, in its lane or elsewhere',
      async run(trial) {
        for (const lane of [ORIGIN, ORIGIN, OTHER_ORIGIN] as const) {
          await trial.queue(lane, { deadlineAt: trial.now + 1 })
        }
        const soon = trial.now + MINUTE
        const later = await trial.queue(ORIGIN, { dueAt: soon + 1 })
        await trial.queue('origin:https://c.example', { dueAt: soon })
        trial.pass(SECOND)
        const nothingYet = await trial.claimDeliveries({ limit: 1, originRoom: 1 })
        assert.deepEqual(nothingYet, { claimed: [], nextDueAt: soon })
        trial.pass(MINUTE)
        const { claimed } = await trial.claimDeliveries({ limit: 2, originRoom: 1 })
        assert.equal(claimed.length, 2)
        assert.equal(claimed[1]?.delivery.id, later)
      },
    },
    {
      title: 'a delivery that seemed to be past its deadline is handed out when the clock goes back',
      async run(trial) {
        const deliveryId = await trial.queue(APP, { deadlineAt: trial.now + MINUTE })
        trial.pass(MINUTE)
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 1 } })).claimed, [])
        trial.pass(-SECOND)
        assert.equal((await trial.takeDelivery(APP)).delivery.id, deliveryId)
      },
    },
    {
      title: 'messages wait through a restart',
      async run(trial) {
        const deliveryId = await trial.queue(APP)
        await trial.restart()
        await trial.takeOver()
        assert.equal((await trial.takeDelivery(APP)).delivery.id, deliveryId)
      },
    },
  ],
}
