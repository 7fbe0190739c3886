import assert from 'node:assert/strict'
import type { AfterAttempt, AttemptRecord, Lane, MessageRecord } from '../../model/delivery.js'
import type { Input, Outcome } from '../../store/store.js'
import { type Area, DAY, MINUTE, SECOND, type Trial } from './trial.js'
import { newDelivery, subscribe, takeAll } from './trial-topics.js'

const APP = 'endpoint:app'
const PARTNER = 'endpoint:partner'
const ORIGIN = 'origin:https://a.example'
const DEAD: AfterAttempt = { status: 'dead', reason: 'exhausted' }

/** Ends that somebody has to be told of. */
export const ends: Area = {
  title: 'ends',
  cases: [
    {
      title:
        'an end that is to be told comes with its delivery, its message and its last answer, through a restart',
      async run(trial) {
        const message = trial.message(APP)
        await trial.send(message)
        const answer = { headers: [['a', 'b']], body: new Uint8Array([1, 0, 255]), truncated: false } as const
        const answered = { at: trial.now, durationMs: 5, status: 503, answer }
        await attempt(trial, { status: 'due', dueAt: trial.now }, answered)
        const silent = { at: trial.now, durationMs: 9, error: 'nobody answered' }
        const deliveryId = await attempt(trial, DEAD, silent, { tells: true })
        await trial.restart()
        const { ends: told, nextAt } = await claimEnds(trial)
        assert.equal(nextAt, undefined)
        const [end, ...others] = told
        assert.ok(end !== undefined)
        assert.deepEqual(others, [])
        assert.deepEqual(end.delivery, await trial.session.findDelivery({ deliveryId }))
        assert.equal(end.delivery.status, 'dead')
        assert.deepEqual(
          { ...end.message, body: [...end.message.body] },
          { ...message, body: [...message.body] },
        )
        assert.deepEqual(end.attempt, answered)
        assert.equal(end.subscription, undefined)
      },
    },
    {
      title:
        'where there was no answer, the last attempt comes with an end, and where there was none, none does',
      async run(trial) {
        await trial.queue(APP)
        await attempt(
          trial,
          { status: 'due', dueAt: trial.now },
          { at: trial.now, durationMs: 1, error: 'first' },
        )
        await attempt(trial, DEAD, { at: trial.now, durationMs: 1, error: 'second' }, { tells: true })
        await trial.queue(APP, { deadlineAt: trial.now + 1 })
        trial.pass(1)
        await trial.sweep()
        const { ends: told } = await claimEnds(trial, { lanes: [APP] })
        assert.deepEqual(told.map(end => end.attempt?.error).sort(), ['second', undefined])
      },
    },
    {
      title:
        'only what was recorded so is told: delivered or dead, but not what is tried again, was called off, or told nothing',
      async run(trial) {
        const told: string[] = []
        for (const next of [DEAD, { status: 'delivered' }] as const) {
          await trial.queue(APP)
          told.push(await attempt(trial, next, {}, { tells: true }))
          await trial.queue(APP)
          await attempt(trial, next)
        }
        await trial.queue(APP)
        await attempt(trial, { status: 'due', dueAt: trial.now + DAY }, {}, { tells: true })
        const cancelled = await trial.queue(APP)
        const claimed = await trial.takeDelivery(APP)
        await trial.session.cancelDelivery({ deliveryId: cancelled, now: trial.now })
        await trial.session.recordAttempt({
          claim: trial.toDeliveryClaim(claimed),
          now: trial.now,
          attempt: { at: trial.now, durationMs: 1 },
          next: DEAD,
          tells: true,
        })
        assert.deepEqual(await claimedIds(trial), told.sort())
      },
    },
    {
      title:
        'an end in the lane of an endpoint is for whoever asks for that lane: nobody else takes it, nor its turn',
      async run(trial) {
        const told: string[] = []
        for (const next of [DEAD, { status: 'delivered' }] as const) {
          await trial.queue(APP)
          told.push(await attempt(trial, next, {}, { tells: true }))
        }
        told.push(await trial.queue(APP, { deadlineAt: trial.now + 1 }))
        trial.pass(1)
        await trial.sweep()
        for (const lanes of [[], [PARTNER], [PARTNER, ORIGIN]] as const) {
          assert.deepEqual(await claimEnds(trial, { lanes }), { ends: [] })
        }
        await trial.restart()
        assert.deepEqual(await claimedIds(trial, { lanes: [PARTNER, APP] }), told.sort())
      },
    },
    {
      title: 'an end in the lane of a subscription is for everybody',
      async run(trial) {
        const { id } = await subscribe(trial, 'book.created')
        await trial.queue(`subscription:${id}`)
        const [claimed] = await takeAll(trial)
        assert.ok(claimed !== undefined)
        const recorded = await trial.session.recordAttempt({
          claim: trial.toDeliveryClaim(claimed),
          ...{ now: trial.now, attempt: { at: trial.now, durationMs: 1 }, next: DEAD, tells: true },
        })
        assert.equal(recorded, 'recorded')
        assert.deepEqual(await claimedIds(trial, { lanes: [] }), [claimed.delivery.id])
      },
    },
    {
      title:
        'what died of its deadline is told for endpoints that are asked for, for subscriptions always, and for nobody else',
      async run(trial) {
        const subscription = await subscribe(trial, 'book.created')
        const dying = new Map<Lane, string>()
        for (const lane of [
          APP,
          PARTNER,
          ORIGIN,
          `subscription:${subscription.id}`,
          `proof:${subscription.id}`,
        ] as const) {
          dying.set(lane, await trial.queue(lane, { deadlineAt: trial.now + 1 }))
        }
        trial.pass(MINUTE)
        const log = trial.listen()
        await trial.sweep()
        await log.expect({ kind: 'ends' })
        const { ends: always } = await claimEnds(trial, { lanes: [] })
        assert.deepEqual(
          always.map(({ delivery, subscription: whose }) => [delivery.id, whose]),
          [[dying.get(`subscription:${subscription.id}`), subscription]],
        )
        assert.deepEqual(await claimedIds(trial, { lanes: [APP] }), [dying.get(APP)])
        assert.deepEqual(await claimedIds(trial, { lanes: [PARTNER, ORIGIN] }), [dying.get(PARTNER)])
      },
    },
    {
      title:
        'the end of a message that tells of another end is not told, nor that of one that died with its subscription',
      async run(trial) {
        const follows = { follows: 'dlv_other' }
        await trial.send(trial.message(APP, follows))
        await attempt(trial, DEAD, {}, { tells: true })
        await trial.send(trial.message(APP, follows), { deadlineAt: trial.now + 1 })
        const { id } = await subscribe(trial, 'book.created')
        await trial.queue(`subscription:${id}`)
        await trial.session.deleteSubscription({ id, now: trial.now })
        trial.pass(1)
        const swept = await trial.sweep()
        assert.equal(swept.expiredDeliveryIds.length + swept.unsubscribedDeliveryIds.length, 2)
        assert.deepEqual(await claimEnds(trial, { lanes: [APP] }), { ends: [] })
      },
    },
    {
      title:
        'an end that somebody tells is left to him for a while, and has another turn when it was not settled',
      async run(trial) {
        const { now } = trial
        await trial.queue(APP)
        const first = await attempt(trial, DEAD, {}, { tells: true })
        assert.deepEqual(await claimedIds(trial, { holdMs: MINUTE }), [first])
        assert.deepEqual(await claimEnds(trial), { ends: [], nextAt: now + MINUTE })
        trial.pass(SECOND)
        await trial.queue(APP)
        const second = await attempt(trial, DEAD, {}, { tells: true })
        const { ends: told, nextAt } = await claimEnds(trial, { holdMs: DAY })
        assert.deepEqual(
          told.map(({ delivery }) => delivery.id),
          [second],
        )
        assert.equal(nextAt, now + MINUTE)
        trial.pass(MINUTE)
        assert.deepEqual(await claimedIds(trial), [first])
      },
    },
    {
      title:
        'the turns of an end that is not settled grow apart, each end its own, up to the most that is asked for',
      async run(trial) {
        const growing = { holdMs: 5 * SECOND, holdMostMs: MINUTE, lanes: [APP, PARTNER] } as const
        await trial.queue(APP)
        const first = await attempt(trial, DEAD, {}, { tells: true })
        const diedAt = trial.now
        const turns: number[] = []
        for (let turn = 0; turn < 7; turn += 1) {
          assert.deepEqual(await claimedIds(trial, growing), [first])
          const { ends: early, nextAt } = await claimEnds(trial, growing)
          assert.deepEqual(early, [])
          assert.ok(nextAt !== undefined)
          turns.push((nextAt - diedAt) / SECOND)
          trial.pass(nextAt - trial.now)
        }
        assert.deepEqual(turns, [5, 10, 20, 40, 80, 140, 200])

        await trial.restart()
        const young = await trial.queue(PARTNER, { deadlineAt: trial.now })
        await trial.sweep()
        assert.deepEqual(await claimedIds(trial, growing), [first, young].sort())
        trial.pass(5 * SECOND)
        assert.deepEqual(await claimedIds(trial, growing), [young])
        trial.pass(55 * SECOND)
        assert.deepEqual(await claimedIds(trial, growing), [first, young].sort())
      },
    },
    {
      title: 'an end that had to wait for its first turn has its second one as soon as any other',
      async run(trial) {
        await trial.queue(APP)
        const late = await attempt(trial, DEAD, {}, { tells: true })
        trial.pass(DAY)
        const growing = { holdMs: 5 * SECOND, holdMostMs: DAY }
        assert.deepEqual(await claimedIds(trial, growing), [late])
        trial.pass(5 * SECOND)
        assert.deepEqual(await claimedIds(trial, growing), [late])
        assert.equal((await claimEnds(trial, growing)).nextAt, trial.now + DAY)
      },
    },
    {
      title: 'ends are told oldest first, as many as are asked for; what is left has its turn at once',
      async run(trial) {
        const ids: string[] = []
        for (let index = 0; index < 5; index += 1) {
          await trial.queue(APP)
          ids.push(await attempt(trial, DEAD, {}, { tells: true }))
          if (index === 0) ids.push(await trial.queue(PARTNER, { deadlineAt: trial.now + 1 }))
          trial.pass(1)
          await trial.sweep()
          trial.pass(1)
        }
        const { ends: told, nextAt } = await claimEnds(trial, { limit: 3, lanes: [APP, PARTNER] })
        assert.deepEqual(
          told.map(({ delivery }) => delivery.id),
          ids.slice(0, 3),
        )
        assert.ok(nextAt !== undefined && nextAt <= trial.now)
        assert.deepEqual(await claimedIds(trial, { limit: 3 }), ids.slice(3).sort())
      },
    },
    {
      title:
        'an end is settled once, with the message that tells of it in the same commit, also at the same moment',
      async run(trial) {
        await trial.queue(APP)
        const deliveryId = await attempt(trial, DEAD, {}, { tells: true })
        const telling = () => ({
          message: trial.message(PARTNER, { follows: deliveryId }),
          ...newDelivery(trial),
        })
        const log = trial.listen()
        const settled = await Promise.all(
          [1, 2, 3].map(() => trial.session.settleEnd({ deliveryId, send: telling(), now: trial.now })),
        )
        assert.deepEqual([...settled].sort(), [false, false, true])
        await log.expect({ kind: 'outbox' })
        const claimed = await takeAll(trial, { lanes: { [PARTNER]: 10 } })
        assert.deepEqual(
          claimed.map(({ message }) => message.follows),
          [deliveryId],
        )
        trial.pass(DAY)
        assert.deepEqual(await claimEnds(trial), { ends: [] })
      },
    },
    {
      title: 'where there is nobody to tell, an end is settled without a message',
      async run(trial) {
        const { session, now } = trial
        await trial.queue(APP)
        const deliveryId = await attempt(trial, DEAD, {}, { tells: true })
        assert.equal(await session.settleEnd({ deliveryId, now }), true)
        assert.equal(await session.settleEnd({ deliveryId, now }), false)
        assert.equal(await session.settleEnd({ deliveryId: 'dlv_nobody', now }), false)
        const pending = await trial.queue(APP)
        assert.equal(await session.settleEnd({ deliveryId: pending, now }), false)
        trial.pass(DAY)
        assert.deepEqual(await claimEnds(trial), { ends: [] })
      },
    },
    {
      title: 'an end that nobody was told of goes with its delivery',
      async run(trial) {
        await trial.queue(APP)
        const deliveryId = await attempt(trial, DEAD, {}, { tells: true })
        trial.pass(30 * DAY)
        await trial.sweep()
        assert.deepEqual(await claimEnds(trial), { ends: [] })
        assert.equal(await trial.session.settleEnd({ deliveryId, now: trial.now }), false)
      },
    },
    {
      title: 'an end that is to be told wakes whoever tells, and any other does not say so',
      async run(trial) {
        await trial.queue(APP)
        await trial.queue(APP)
        const log = trial.listen()
        const quiet = await attempt(trial, DEAD)
        await log.expect({ kind: 'dead', deliveryId: quiet })
        assert.equal(log.has({ kind: 'ends' }), false)
        await attempt(trial, DEAD, {}, { tells: true })
        await log.expect({ kind: 'ends' })
      },
    },
  ],
}

type Record = Input<'recordAttempt'>

/** An attempt at the oldest delivery of the app that is due. Its id. */
async function attempt(
  trial: Trial,
  next: AfterAttempt,
  changes: Partial<AttemptRecord> = {},
  more: Partial<Record> = {},
): Promise<MessageRecord['id']> {
  const claimed = await trial.takeDelivery(APP)
  const outcome = await trial.session.recordAttempt({
    claim: trial.toDeliveryClaim(claimed),
    now: trial.now,
    attempt: { at: trial.now, durationMs: 1, ...changes },
    next,
    ...more,
  })
  assert.equal(outcome, 'recorded')
  return claimed.delivery.id
}

function claimEnds(trial: Trial, changes: Partial<Input<'claimEnds'>> = {}): Promise<Outcome<'claimEnds'>> {
  return trial.session.claimEnds({
    now: trial.now,
    holdMs: 30 * SECOND,
    holdMostMs: 30 * SECOND,
    limit: 100,
    lanes: [APP],
    ...changes,
  })
}

async function claimedIds(
  trial: Trial,
  changes: Partial<Input<'claimEnds'>> = {},
): Promise<readonly string[]> {
  const { ends: told } = await claimEnds(trial, changes)
  return told.map(({ delivery }) => delivery.id).sort()
}
