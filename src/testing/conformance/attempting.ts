import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import type { ClaimedDelivery } from '../../model/delivery.js'
import { type Area, DAY, LEASE, MINUTE, SECOND, type Trial } from './trial.js'

const APP = 'endpoint:app'

async function start(trial: Trial): Promise<ClaimedDelivery> {
  await trial.queue(APP)
  return await trial.takeDelivery(APP)
}

async function statusOf(trial: Trial, { delivery }: ClaimedDelivery): Promise<string | undefined> {
  const found = await trial.session.findDelivery({ deliveryId: delivery.id })
  return found?.reason === undefined ? found?.status : `${found.status}: ${found.reason}`
}

/** The life of a delivery, attempt by attempt. */
export const attempting: Area = {
  title: 'attempts',
  cases: [
    {
      title: 'an attempt and what follows from it are one: delivered',
      async run(trial) {
        const claimed = await start(trial)
        trial.pass(SECOND)
        const outcome = await trial.record(
          claimed,
          { status: 'delivered' },
          { status: 200, at: trial.now - 7 },
        )
        assert.equal(outcome, 'recorded')
        assert.deepEqual(await trial.session.findDelivery({ deliveryId: claimed.delivery.id }), {
          ...claimed.delivery,
          status: 'delivered',
          attempts: 1,
          firstAttemptAt: trial.now - 7,
          endedAt: trial.now,
        })
        trial.pass(DAY)
        assert.deepEqual(await trial.claimDeliveries({ lanes: { [APP]: 9 } }), { claimed: [] })
      },
    },
    {
      title: 'an attempt and what follows from it are one: dead, with its reason',
      async run(trial) {
        for (const reason of ['exhausted', 'rejected', 'refused'] as const) {
          const claimed = await start(trial)
          assert.equal(await trial.record(claimed, { status: 'dead', reason }), 'recorded')
          assert.equal(await statusOf(trial, claimed), `dead: ${reason}`)
        }
        trial.pass(DAY)
        assert.deepEqual(await trial.claimDeliveries({ lanes: { [APP]: 9 } }), { claimed: [] })
      },
    },
    {
      title: 'an attempt and what follows from it are one: due again, at its instant and not before',
      async run(trial) {
        const claimed = await start(trial)
        const dueAt = trial.now + MINUTE
        assert.equal(await trial.record(claimed, { status: 'due', dueAt }), 'recorded')
        const waiting = await trial.claimDeliveries({ lanes: { [APP]: 9 } })
        assert.deepEqual(waiting, { claimed: [], nextDueAt: dueAt })
        trial.pass(MINUTE)
        const again = await trial.takeDelivery(APP)
        assert.deepEqual(again.delivery, {
          ...claimed.delivery,
          dueAt,
          attempts: 1,
          firstAttemptAt: dueAt - MINUTE,
        })
        assert.ok(again.fence > claimed.fence)
        assert.deepEqual(again.message.id, claimed.message.id)
      },
    },
    {
      title: 'lists attempts in the order in which they were made, with what was answered or why nothing was',
      async run(trial) {
        await trial.queue(APP)
        const attempts = [
          { at: trial.now, durationMs: 15_000, error: 'no answer in time' },
          {
            at: trial.now + 1,
            durationMs: 3,
            status: 500,
            answer: { headers: [['x-a', '1']] as const, body: utf8('oops'), truncated: false },
          },
          { at: trial.now - 5_000, durationMs: 0, status: 429 },
        ]
        let deliveryId = ''
        for (const attempt of attempts) {
          const claimed = await trial.takeDelivery(APP)
          deliveryId = claimed.delivery.id
          const { epoch, now } = trial
          const claim = { deliveryId, epoch, fence: claimed.fence }
          await trial.session.recordAttempt({ claim, now, attempt, next: { status: 'due', dueAt: now } })
        }
        const listed = await trial.session.listAttempts({ deliveryId })
        assert.deepEqual(
          listed.map(attempt => (attempt.answer === undefined ? attempt : { ...attempt, answer: undefined })),
          attempts.map(attempt => ('answer' in attempt ? { ...attempt, answer: undefined } : attempt)),
        )
        assert.equal(Buffer.from(listed[1]?.answer?.body ?? []).toString(), 'oops')
        const delivery = await trial.session.findDelivery({ deliveryId })
        assert.deepEqual([delivery?.attempts, delivery?.firstAttemptAt], [3, attempts[0]?.at])
      },
    },
    {
      title: 'an attempt that is recorded twice is recorded once',
      async run(trial) {
        for (const next of [{ status: 'delivered' }, { status: 'due', dueAt: trial.now + DAY }] as const) {
          const claimed = await start(trial)
          assert.equal(await trial.record(claimed, next), 'recorded')
          assert.equal(await trial.record(claimed, next), 'lost')
          const { id } = claimed.delivery
          assert.equal((await trial.session.listAttempts({ deliveryId: id })).length, 1)
          assert.equal((await trial.session.findDelivery({ deliveryId: id }))?.attempts, 1)
        }
      },
    },
    {
      title: 'an attempt under a claim that is not true any more is not recorded and changes nothing',
      async run(trial) {
        const claimed = await start(trial)
        const epoch = await trial.join()
        assert.equal(await trial.record(claimed, { status: 'delivered' }, { epoch }), 'lost')
        const stale = { ...claimed, fence: claimed.fence + 1 }
        assert.equal(await trial.record(stale, { status: 'delivered' }), 'lost')
        await trial.session.releaseDelivery({ claim: trial.toDeliveryClaim(claimed) })
        assert.equal(await trial.record(claimed, { status: 'delivered' }), 'lost')
        await trial.takeDelivery(APP)
        assert.equal(await trial.record(claimed, { status: 'delivered' }), 'lost')
        assert.equal(await statusOf(trial, claimed), 'sending')
        assert.deepEqual(await trial.session.listAttempts({ deliveryId: claimed.delivery.id }), [])
      },
    },
    {
      title: 'a sender that died gives its delivery to another, and its own record is lost',
      async run(trial) {
        await trial.queue(APP)
        const epoch = await trial.join()
        const before = await trial.takeDelivery(APP, { epoch })
        trial.pass(LEASE)
        assert.deepEqual(await trial.takeOver(), { callbacks: 0, deliveries: 1, runs: 0, receiverIds: [] })
        const after = await trial.takeDelivery(APP)
        assert.equal(after.delivery.id, before.delivery.id)
        assert.ok(after.fence > before.fence)
        assert.equal(await trial.record(before, { status: 'delivered' }, { epoch }), 'lost')
        assert.equal(await trial.record(after, { status: 'delivered' }), 'recorded')
      },
    },
    {
      title: 'a delivery that is given back is due as it was',
      async run(trial) {
        const claimed = await start(trial)
        trial.pass(SECOND)
        const claim = trial.toDeliveryClaim(claimed)
        assert.equal(await trial.session.releaseDelivery({ claim }), true)
        assert.equal(await trial.session.releaseDelivery({ claim }), false)
        const { delivery } = await trial.takeDelivery(APP)
        assert.deepEqual(delivery, claimed.delivery)
      },
    },
    {
      title:
        'deliveries whose claim had its reply lost are due as they were, and those under way stay in hand',
      async run(trial) {
        const [kept, lost] = [await start(trial), await start(trial)]
        const origin = 'origin:https://a.example'
        await trial.queue(origin)
        const lostToo = await trial.takeDelivery(origin)
        const cancelled = await start(trial)
        await trial.session.cancelDelivery({ deliveryId: cancelled.delivery.id, now: trial.now })
        await trial.queue(APP)
        const elsewhere = await trial.takeDelivery(APP, { epoch: await trial.join() })

        const log = trial.listen()
        const ask = { epoch: trial.epoch, held: [kept.delivery.id], now: trial.now }
        assert.equal(await trial.session.reclaimDeliveries(ask), 2)
        await log.expect({ kind: 'outbox' })
        assert.equal(await trial.session.reclaimDeliveries(ask), 0)
        assert.equal(await trial.record(lost, { status: 'delivered' }), 'lost')
        const { claimed } = await trial.claimDeliveries({ lanes: { [APP]: 9 }, originRoom: 9 })
        const [again, againToo] = [lost, lostToo].map(({ delivery }) => ({ ...delivery, status: 'sending' }))
        assert.deepEqual(
          claimed.map(({ delivery }) => delivery).sort((a, b) => (a.id < b.id ? -1 : 1)),
          [again, againToo],
        )
        assert.equal(await trial.record(kept, { status: 'delivered' }), 'recorded')
        assert.equal(await statusOf(trial, elsewhere), 'sending')
        assert.equal(await trial.record(cancelled, { status: 'delivered' }), 'ended')
      },
    },
    {
      title: 'no delivery is given back that way under an epoch that is over, or that never was',
      async run(trial) {
        const epoch = await trial.join()
        await trial.queue(APP)
        const claimed = await trial.takeDelivery(APP, { epoch })
        const reclaim = (under: number) =>
          trial.session.reclaimDeliveries({ epoch: under, held: [], now: trial.now })
        assert.equal(await reclaim(epoch + 1_000), 0)
        trial.pass(LEASE)
        assert.equal(await reclaim(epoch), 0)
        assert.equal(await statusOf(trial, claimed), 'sending')
      },
    },
    {
      title: 'a cancelled delivery is dead, is never handed out again, and cannot be cancelled twice',
      async run(trial) {
        const deliveryId = await trial.queue(APP)
        trial.pass(SECOND)
        const cancel = () => trial.session.cancelDelivery({ deliveryId, now: trial.now })
        assert.equal(await cancel(), true)
        const { status, reason, endedAt } = (await trial.session.findDelivery({ deliveryId })) ?? {}
        assert.deepEqual(
          { status, reason, endedAt },
          { status: 'dead', reason: 'cancelled', endedAt: trial.now },
        )
        trial.pass(DAY)
        assert.equal(await cancel(), false)
        assert.deepEqual(await trial.claimDeliveries({ lanes: { [APP]: 9 } }), { claimed: [] })
        assert.equal(await trial.session.cancelDelivery({ deliveryId: 'dlv_nobody', now: trial.now }), false)
      },
    },
    {
      title:
        'an attempt that was under way when its delivery was cancelled is recorded, and the first end stands',
      async run(trial) {
        for (const next of [{ status: 'delivered' }, { status: 'due', dueAt: trial.now }] as const) {
          const claimed = await start(trial)
          const { id } = claimed.delivery
          assert.equal(await trial.session.cancelDelivery({ deliveryId: id, now: trial.now }), true)
          assert.equal(await trial.record(claimed, next, { status: 200 }), 'ended')
          assert.equal(await trial.record(claimed, next, { status: 200 }), 'lost')
          assert.equal(await statusOf(trial, claimed), 'dead: cancelled')
          const attempts = await trial.session.listAttempts({ deliveryId: id })
          assert.deepEqual(
            attempts.map(({ status }) => status),
            [200],
          )
          assert.equal((await trial.session.findDelivery({ deliveryId: id }))?.attempts, 1)
          assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed, [])
        }
      },
    },
    {
      title: 'a delivery that ended cannot be cancelled: its first end stands',
      async run(trial) {
        const claimed = await start(trial)
        await trial.record(claimed, { status: 'delivered' })
        const { id } = claimed.delivery
        assert.equal(await trial.session.cancelDelivery({ deliveryId: id, now: trial.now }), false)
        assert.equal(await statusOf(trial, claimed), 'delivered')
      },
    },
    {
      title: 'a cancelled delivery does not come back when it is given back, taken over or left',
      async run(trial) {
        const cancel = ({ delivery }: ClaimedDelivery) =>
          trial.session.cancelDelivery({ deliveryId: delivery.id, now: trial.now })
        const givenBack = await start(trial)
        await cancel(givenBack)
        const claim = trial.toDeliveryClaim(givenBack)
        assert.equal(await trial.session.releaseDelivery({ claim }), false)
        assert.equal(await trial.record(givenBack, { status: 'delivered' }), 'ended')

        const left = await trial.join()
        await trial.queue(APP)
        await cancel(await trial.takeDelivery(APP, { epoch: left }))
        await trial.leave(left)

        const lost = await trial.join()
        await trial.queue(APP)
        await cancel(await trial.takeDelivery(APP, { epoch: lost }))
        trial.pass(LEASE)
        assert.equal((await trial.takeOver()).deliveries, 0)

        trial.pass(DAY)
        assert.deepEqual(await trial.claimDeliveries({ lanes: { [APP]: 9 } }), { claimed: [] })
      },
    },
    {
      title: 'a delivery past its deadline dies of it, whatever it was waiting for',
      async run(trial) {
        const deadlineAt = trial.now + MINUTE
        const waiting = await trial.queue(APP, { deadlineAt, dueAt: trial.now + DAY })
        const undeclared = await trial.queue('endpoint:gone', { deadlineAt })
        await trial.queue(APP, { deadlineAt })
        const underWay = await trial.takeDelivery(APP)
        const patient = await trial.queue(APP, { deadlineAt: deadlineAt + 1 })
        trial.pass(MINUTE - 1)
        assert.deepEqual((await trial.sweep()).expiredDeliveryIds, [])
        trial.pass(1)
        const { expiredDeliveryIds } = await trial.sweep()
        assert.deepEqual([...expiredDeliveryIds].sort(), [waiting, undeclared, underWay.delivery.id].sort())
        assert.deepEqual((await trial.sweep()).expiredDeliveryIds, [])
        assert.equal(await statusOf(trial, underWay), 'dead: expired')
        assert.equal(await trial.record(underWay, { status: 'delivered' }), 'ended')
        assert.equal(await statusOf(trial, underWay), 'dead: expired')
        assert.equal((await trial.takeDelivery(APP)).delivery.id, patient)
      },
    },
    {
      title: 'attempts and ends survive a restart',
      async run(trial) {
        const claimed = await start(trial)
        await trial.record(claimed, { status: 'dead', reason: 'rejected' }, { status: 404 })
        const deliveryId = claimed.delivery.id
        const before = await trial.session.findDelivery({ deliveryId })
        await trial.restart()
        assert.deepEqual(await trial.session.findDelivery({ deliveryId }), before)
        assert.equal((await trial.session.listAttempts({ deliveryId })).length, 1)
      },
    },
  ],
}
