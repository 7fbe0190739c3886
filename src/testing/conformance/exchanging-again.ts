import assert from 'node:assert/strict'
import type { DeliveryRecord } from '../../model/delivery.js'
import { cancelRun, enterRun, reenter, retryRun } from './entered-run.js'
import { APP, type Begun, type EnteredScope, endOf, newDelivery, placeAt, textOf } from './entered-scope.js'
import { RETRIABLE, type Retriable } from './retriable.js'
import { type Area, type Case, DAY, HOUR, MINUTE, type Trial } from './trial.js'

/** An exchange that its scope failed with is made whole again: the same receiver, the same message. */
export const exchangingAgain: Area = {
  title: 'exchanges of a scope that was retried by hand',
  cases: [
    ...RETRIABLE.flatMap(againCases),
    {
      title: 'an exchange that no retry has forgotten is not sent again, whatever has become of it',
      async run(trial) {
        const scope = await enterRun(trial)
        const begun = await scope.exchange('ask', { deadlineAt: trial.now + HOUR })
        const before = await scope.memories()
        assert.deepEqual(await scope.resend('ask', { deadlineAt: trial.now + DAY }), begun)
        assert.deepEqual(await scope.memories(), before)
        await refuse(trial)
        await scope.hear('ask', begun)
        const { receiver: _, ...found } = await scope.resend('ask')
        const { receiver: __, ...kept } = begun
        assert.deepEqual(found, kept)
        assert.deepEqual(await scope.endAt('ask'), { type: 'dead' })
        assert.equal(await claimedCount(trial), 0)
      },
    },
    {
      title: 'where nothing is remembered nothing is sent again, nor where another verb is',
      async run(trial) {
        const scope = await enterRun(trial)
        await assert.rejects(scope.tryResend('ask'), { name: 'InvalidOptionsError' })
        await scope.remember('book', 'booked')
        assert.equal((await scope.tryResend('book')).type, 'known')
        await cancelRun(trial, scope.id)
        await scope.throwCancel('ask', 'exchange')
        assert.equal((await scope.tryResend('ask')).type, 'known')
        assert.equal(await claimedCount(trial), 0)
      },
    },
    {
      title: 'an exchange at which the cancellation is thrown before it is sent again is not sent again',
      async run(trial) {
        const scope = await enterRun(trial)
        await failAt(scope, 'dead')
        await scope.fail(placeAt('ask'))
        await retryRun(trial, scope.id)
        await cancelRun(trial, scope.id, 'enough')
        const again = await reenter(trial, scope.id)
        assert.equal(await again.throwCancel('ask', 'exchange'), true)
        await again.resend('ask')
        assert.deepEqual(await again.endAt('ask'), { type: 'cancel', reason: 'enough' })
        assert.equal(await claimedCount(trial), 0)
      },
    },
    {
      title: 'a run that waits for a message that was sent again is due when that is dead, or answered',
      async run(trial) {
        for (const isAnswered of [true, false]) {
          const scope = await enterRun(trial)
          await failAt(scope, 'dead')
          await scope.fail(placeAt('ask'))
          await retryRun(trial, scope.id)
          const again = await reenter(trial, scope.id)
          const begun = await again.resend('ask')
          const target = {
            type: 'exchange',
            receiverId: begun.receiver.id,
            deliveryId: begun.deliveryId,
          } as const
          assert.equal((await again.hear('ask', begun)).type, 'waiting')
          assert.equal(await again.park([{ at: placeAt('ask'), target }]), 'parked')
          if (isAnswered) await trial.fill(begun.receiver, 'yes')
          else await refuse(trial)
          const last = await reenter(trial, scope.id)
          assert.equal(endOf(await last.hear('ask', begun)).type, isAnswered ? 'callback' : 'dead')
          await last.end()
        }
      },
    },
    {
      title: 'a message is kept as long as one of its deliveries, and found by the oldest of them',
      async run(trial) {
        const scope = await enterRun(trial)
        const first = await failAt(scope, 'dead')
        await scope.fail(placeAt('ask'))
        trial.pass(29 * DAY)
        await retryRun(trial, scope.id)
        const again = await reenter(trial, scope.id)
        const second = await again.resend('ask')
        await again.end()
        const message = trial.message(APP, { id: first.messageId })
        const found = async () => {
          const outcome = await trial.send(message)
          assert.equal(outcome.type, 'sent')
          return outcome.deliveryId
        }
        assert.equal(await found(), first.deliveryId)
        trial.pass(2 * DAY)
        await trial.sweep()
        assert.equal(await trial.session.findDelivery({ deliveryId: first.deliveryId }), undefined)
        assert.deepEqual(await trial.session.listAttempts({ deliveryId: first.deliveryId }), [])
        assert.equal(await found(), second.deliveryId)
        const sent = await trial.takeDelivery(APP)
        assert.deepEqual([sent.delivery.id, sent.message.id], [second.deliveryId, first.messageId])
        await trial.record(sent, { status: 'delivered' })
        trial.pass(30 * DAY)
        await trial.sweep()
        assert.equal(await trial.session.findDelivery({ deliveryId: second.deliveryId }), undefined)
      },
    },
  ],
}

function againCases({ name, enter, retry }: Retriable): readonly Case[] {
  return [
    {
      title: `${name} that failed for a dead delivery, or a time-out, sends the same message again, and is answered`,
      async run(trial) {
        for (const end of ['dead', 'timed_out'] as const) {
          const scope = await enter(trial)
          const before = await failAt(scope, end)
          const old = await deliveryOf(trial, before.deliveryId)
          trial.pass(HOUR)
          const again = await retry(scope, placeAt('ask'))
          assert.equal(await claimedCount(trial), 0, 'nothing is sent before the code asks for it')
          const deadlineAt = trial.now + MINUTE
          const delivery = newDelivery(trial)
          const begun = await again.resend('ask', { delivery, deadlineAt })
          const { id: receiverId, token, state } = begun.receiver
          assert.deepEqual([receiverId, token, state], [before.receiver.id, before.receiver.token, 'open'])
          assert.deepEqual(
            [begun.messageId, begun.deliveryId, begun.deadlineAt],
            [before.messageId, delivery.deliveryId, deadlineAt],
          )
          const { type: _, ...exchange } = begun
          assert.deepEqual(await again.memoryAt('ask'), { verb: 'exchange', ...exchange })
          assert.deepEqual(await deliveryOf(trial, before.deliveryId), old)

          const sent = await trial.takeDelivery(APP)
          assert.deepEqual(
            [sent.delivery.id, sent.delivery.attempts, sent.delivery.deadlineAt, sent.message.id],
            [delivery.deliveryId, 0, delivery.deadlineAt, before.messageId],
          )
          await trial.record(sent, { status: 'delivered' })
          const waiting = { type: 'waiting', deadlineAt, lookAgainAt: deadlineAt }
          assert.deepEqual(await again.hear('ask', begun), waiting)
          assert.equal((await trial.post(begun.receiver, 'yes')).type, 'accepted')
          assert.equal(textOf(await again.hear('ask', begun)), 'yes')
          assert.equal((await trial.find(token)).state, 'closed')
        }
      },
    },
    {
      title: `${name} that is retried sends no other bytes than before, to the same place`,
      async run(trial) {
        const scope = await enter(trial)
        const message = trial.message(APP, { path: '/offers', query: 'x=1', type: 'offer', body: every })
        const begun = await scope.exchange('ask', { send: { message } })
        const first = await trial.takeDelivery(APP)
        await trial.record(first, { status: 'dead', reason: 'rejected' })
        await scope.hear('ask', begun)
        const again = await retry(scope, placeAt('ask'))
        await again.resend('ask')
        assert.deepEqual((await trial.takeDelivery(APP)).message, first.message)
      },
    },
    {
      title: `${name} that is retried after its answer has come sends nothing, and is answered by that`,
      async run(trial) {
        const scope = await enter(trial)
        const before = await failAt(scope, 'timed_out')
        await trial.fill(before.receiver, 'late')
        const again = await retry(scope)
        const deadlineAt = trial.now + MINUTE
        const begun = await again.resend('ask', { deadlineAt })
        assert.deepEqual([begun.deliveryId, begun.deadlineAt], [before.deliveryId, deadlineAt])
        assert.equal(await claimedCount(trial), 0)
        assert.equal(textOf(await again.hear('ask', begun)), 'late')
      },
    },
    {
      title: `${name} that is retried sends nothing where its message was delivered, and waits anew`,
      async run(trial) {
        const scope = await enter(trial)
        const before = await scope.exchange('ask', { deadlineAt: trial.now + MINUTE })
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        trial.pass(MINUTE)
        assert.deepEqual(endOf(await scope.hear('ask', before)), { type: 'timed_out' })
        const again = await retry(scope)
        const deadlineAt = trial.now + MINUTE
        const begun = await again.resend('ask', { deadlineAt })
        assert.deepEqual(begun, { ...before, deadlineAt })
        assert.equal(await claimedCount(trial), 0)
        const waiting = { type: 'waiting', deadlineAt, lookAgainAt: deadlineAt }
        assert.deepEqual(await again.hear('ask', begun), waiting)
      },
    },
    {
      title: `${name} that is retried opens the receiver of its exchange again when that has expired, for as long again`,
      async run(trial) {
        const scope = await enter(trial)
        const before = await scope.exchange('ask', {
          receiver: { id: `rcv_${scope.id}`, token: `token-of-${scope.id}`, patch: { ttlMs: HOUR } },
        })
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        trial.pass(HOUR)
        assert.deepEqual(endOf(await scope.hear('ask', before)), { type: 'expired' })
        await trial.sweep()
        const again = await retry(scope)
        const begun = await again.resend('ask')
        const { state, openedAt, expiresAt } = begun.receiver
        assert.deepEqual([state, openedAt, expiresAt], ['open', trial.now, trial.now + HOUR])
        trial.pass(HOUR - 1)
        assert.equal((await trial.post(begun.receiver, 'yes')).type, 'accepted')
        trial.pass(1)
        assert.equal((await trial.find(begun.receiver.token)).state, 'expired')
      },
    },
    {
      title: `${name} may be retried as often as its message is refused`,
      async run(trial) {
        let scope = await enter(trial)
        const { messageId, deliveryId } = await failAt(scope, 'dead')
        const seen = new Set([deliveryId])
        for (let time = 0; time < 3; time += 1) {
          scope = await retry(scope, placeAt('ask'))
          const begun = await scope.resend('ask', { deadlineAt: trial.now + DAY })
          assert.equal(begun.messageId, messageId)
          seen.add(begun.deliveryId)
          await refuse(trial)
          assert.deepEqual(endOf(await scope.hear('ask', begun)), { type: 'dead' })
        }
        assert.equal(seen.size, 4)
        for (const id of seen) assert.equal((await deliveryOf(trial, id)).status, 'dead')
      },
    },
    {
      title: `${name} that was retried waits for its exchange only when that was made whole again`,
      async run(trial) {
        const scope = await enter(trial)
        const before = await failAt(scope, 'dead')
        const again = await retry(scope, placeAt('ask'))
        await assert.rejects(again.hear('ask', before), { name: 'InvalidOptionsError' })
        assert.equal((await again.hear('ask', await again.resend('ask'))).type, 'waiting')
      },
    },
  ]
}

const every = Uint8Array.from({ length: 256 }, (_, index) => index)

/** An exchange that has ended without an answer. */
async function failAt(scope: EnteredScope, end: 'dead' | 'timed_out'): Promise<Begun> {
  const { trial } = scope
  const begun = await scope.exchange('ask', { deadlineAt: trial.now + MINUTE })
  if (end === 'dead') await refuse(trial)
  else {
    await trial.record(await trial.takeDelivery(APP), { status: 'due', dueAt: trial.now })
    trial.pass(MINUTE)
  }
  assert.deepEqual(endOf(await scope.hear('ask', begun)), { type: end })
  return begun
}

/** The message that is due is refused for good. */
async function refuse(trial: Trial): Promise<void> {
  await trial.record(await trial.takeDelivery(APP), { status: 'dead', reason: 'rejected' })
}

async function claimedCount(trial: Trial): Promise<number> {
  return (await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed.length
}

async function deliveryOf(trial: Trial, deliveryId: string): Promise<DeliveryRecord> {
  const delivery = await trial.session.findDelivery({ deliveryId })
  assert.ok(delivery !== undefined, 'the delivery is not there')
  return delivery
}
