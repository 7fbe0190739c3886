import assert from 'node:assert/strict'
import type { DeliveryRecord } from '../../model/delivery.js'
import { enterRun, reenter } from './entered-run.js'
import { APP, type Begun, endOf, textOf } from './entered-scope.js'
import { NOTHING_SWEPT } from './sweeps.js'
import { type Area, DAY, HOUR, MINUTE, type Trial } from './trial.js'

const EVENTS = ['answer', 'dead', 'deadline'] as const
type Event = (typeof EVENTS)[number]

/** What an exchange ends with, for each of the events that are there when somebody looks: the first of these. */
const ENDS = [
  ['answer', 'callback'],
  ['dead', 'dead'],
  ['deadline', 'timed_out'],
] as const

/** A message, and the wait for its answer. */
export const exchanging: Area = {
  title: 'exchanges',
  cases: [
    {
      title: 'waits for an answer also when its message was delivered long ago',
      async run(trial) {
        const scope = await enterRun(trial)
        const deadlineAt = trial.now + 3 * DAY
        const begun = await scope.exchange('ask', { deadlineAt })
        const waiting = { type: 'waiting', deadlineAt, lookAgainAt: deadlineAt }
        assert.deepEqual(await scope.hear('ask', begun), waiting)
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        trial.pass(DAY)
        assert.deepEqual(await scope.hear('ask', begun), waiting)
        await trial.fill(begun.receiver, 'yes')
        assert.equal(textOf(await scope.hear('ask', begun)), 'yes')
        assert.equal((await deliveryOf(trial, begun)).status, 'delivered')
      },
    },
    {
      title: 'an answer closes its receiver, and no further attempt is made',
      async run(trial) {
        const scope = await enterRun(trial)
        const begun = await scope.exchange('ask')
        await trial.post(begun.receiver, 'yes', { deliveryId: 'evt-1' })
        assert.equal(textOf(await scope.hear('ask', begun)), 'yes')
        assert.deepEqual(await trial.post(begun.receiver, 'late'), { type: 'ended', state: 'closed' })
        assert.equal((await trial.post(begun.receiver, 'yes', { deliveryId: 'evt-1' })).type, 'duplicate')
        const { status, reason, endedAt } = await deliveryOf(trial, begun)
        assert.deepEqual([status, reason, endedAt], ['dead', 'cancelled', trial.now])
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed, [])
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    },
    {
      title: 'an attempt that is under way when the answer comes is recorded, and is the last',
      async run(trial) {
        const scope = await enterRun(trial)
        const begun = await scope.exchange('ask')
        const claimed = await trial.takeDelivery(APP)
        await trial.fill(begun.receiver, 'yes')
        await scope.hear('ask', begun)
        assert.equal((await deliveryOf(trial, begun)).status, 'dead')
        assert.equal(await trial.record(claimed, { status: 'due', dueAt: trial.now }), 'ended')
        const { deliveryId } = begun
        assert.equal((await trial.session.listAttempts({ deliveryId })).length, 1)
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed, [])
      },
    },
    {
      title: 'a delivery that is dead ends the exchange at once, whose receiver closes',
      async run(trial) {
        const scope = await enterRun(trial)
        const begun = await scope.exchange('ask', { deadlineAt: trial.now + DAY })
        await trial.record(await trial.takeDelivery(APP), { status: 'dead', reason: 'rejected' })
        assert.deepEqual(endOf(await scope.hear('ask', begun)), { type: 'dead' })
        assert.deepEqual(await trial.post(begun.receiver, 'late'), { type: 'ended', state: 'closed' })
        assert.equal((await deliveryOf(trial, begun)).reason, 'rejected')
      },
    },
    {
      title: 'at its deadline no further attempt is made, and its receiver stays open for a late answer',
      async run(trial) {
        const scope = await enterRun(trial)
        const begun = await scope.exchange('ask', { deadlineAt: trial.now + MINUTE })
        trial.pass(MINUTE - 1)
        assert.equal((await scope.hear('ask', begun)).type, 'waiting')
        trial.pass(1)
        assert.deepEqual(endOf(await scope.hear('ask', begun)), { type: 'timed_out' })
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed, [])
        assert.equal((await deliveryOf(trial, begun)).reason, 'cancelled')
        assert.equal((await trial.post(begun.receiver, 'late')).type, 'accepted')
        assert.deepEqual(endOf(await scope.hear('ask', begun)), { type: 'timed_out' })
        assert.equal(await trial.unreadOf(begun.receiver), 1)
      },
    },
    {
      title:
        'a look finds the answer before the dead delivery, and that before the deadline, however they came',
      async run(trial) {
        const scope = await enterRun(trial)
        for (const order of orders()) {
          const key = order.join()
          const begun = await scope.exchange(key, { deadlineAt: trial.now + MINUTE })
          for (const event of order) await happen(trial, begun, event)
          const [, end] = ENDS.find(([event]) => order.includes(event)) ?? assert.fail()
          assert.equal(endOf(await scope.hear(key, begun)).type, end, key)
          assert.equal((await scope.endAt(key))?.type, end, key)
        }
      },
    },
    {
      title: 'the end that somebody has looked at stands, whatever comes after it',
      async run(trial) {
        const scope = await enterRun(trial)
        for (const order of orders()) {
          const key = order.join()
          const begun = await scope.exchange(key, { deadlineAt: trial.now + MINUTE })
          const [, first] = ENDS.find(([event]) => event === order[0]) ?? assert.fail()
          for (const event of order) {
            await happen(trial, begun, event)
            assert.equal(endOf(await scope.hear(key, begun)).type, first, key)
          }
          const state = (await trial.find(begun.receiver.token)).state
          assert.equal(state, first === 'timed_out' ? 'open' : 'closed', key)
        }
      },
    },
    {
      title: 'its deadline is fixed when it is begun, and survives the entries that follow',
      async run(trial) {
        const scope = await enterRun(trial)
        const begun = await scope.exchange('ask', { deadlineAt: trial.now + HOUR })
        trial.pass(HOUR - 1)
        assert.equal((await scope.hear('ask', begun, { deadlineAt: trial.now })).type, 'waiting')
        await scope.release()
        const again = await reenter(trial, scope.id)
        assert.deepEqual(await again.tryExchange('ask', { deadlineAt: trial.now + HOUR }), begun)
        trial.pass(1)
        assert.deepEqual(endOf(await again.hear('ask', begun, { deadlineAt: trial.now + HOUR })), {
          type: 'timed_out',
        })
      },
    },
    {
      title: 'an exchange that has ended is remembered with its end, its receiver and its message',
      async run(trial) {
        const scope = await enterRun(trial)
        const begun = await scope.exchange('ask')
        await trial.fill(begun.receiver, 'yes')
        const end = endOf(await scope.hear('ask', begun))
        const memory = await scope.memoryAt('ask')
        const receiver = await trial.find(begun.receiver.token)
        const { messageId, deliveryId } = begun
        assert.deepEqual(memory, { verb: 'exchange', receiver, messageId, deliveryId, end })
        assert.deepEqual(await scope.tryExchange('ask'), { ...begun, receiver })
      },
    },
  ],
}

async function happen(trial: Trial, { receiver, deliveryId }: Begun, event: Event): Promise<void> {
  if (event === 'answer') await trial.post(receiver, 'yes')
  else if (event === 'dead') await trial.session.cancelDelivery({ deliveryId, now: trial.now })
  else trial.pass(MINUTE)
}

async function deliveryOf(trial: Trial, { deliveryId }: Begun): Promise<DeliveryRecord> {
  const delivery = await trial.session.findDelivery({ deliveryId })
  assert.ok(delivery !== undefined, 'the delivery is not there')
  return delivery
}

/** Every order of every selection of the events. */
function orders(left: readonly Event[] = EVENTS): readonly (readonly [Event, ...Event[]])[] {
  return left.flatMap(first => [
    [first] as const,
    ...orders(left.filter(event => event !== first)).map(rest => [first, ...rest] as const),
  ])
}
