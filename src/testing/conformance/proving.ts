import assert from 'node:assert/strict'
import type { AfterAttempt, Lane } from '../../model/delivery.js'
import type { SubscriptionRecord } from '../../model/subscription.js'
import type { PutSubscriptionInput } from '../../store/subscribing.js'
import { type Area, MINUTE, SECOND, type Trial } from './trial.js'
import {
  given,
  laneOf,
  pauseOf,
  proofFor,
  put,
  subscribe,
  subscribeUnproven,
  takeAll,
  takenLanes,
  URL_A,
  URL_B,
} from './trial-topics.js'

const DELIVERED = { status: 'delivered' } as const

/** The endpoint of a subscription shows that it wants what it is sent. */
export const proving: Area = {
  title: 'proving',
  cases: [
    {
      title: 'an unproven subscription is sent its proof alone: what else comes for it waits',
      async run(trial) {
        const { subscription, proofDeliveryId } = await subscribeUnproven(trial)
        assert.equal(subscription.pause, 'unproven')
        await trial.queue(laneOf(subscription))
        const claimed = await takeAll(trial)
        assert.deepEqual(
          claimed.map(({ delivery }) => [delivery.lane, delivery.id]),
          [[`proof:${subscription.id}`, proofDeliveryId]],
        )
        assert.deepEqual(claimed[0]?.subscription, subscription)
        const rest = await trial.claimDeliveries({ originRoom: 10 })
        assert.deepEqual(rest, { claimed: [] })
      },
    },
    {
      title:
        'a proof that is delivered opens its subscription, through a restart; one that fails or ends otherwise does not',
      async run(trial) {
        const ends: AfterAttempt[] = [
          { status: 'dead', reason: 'exhausted' },
          { status: 'due', dueAt: trial.now + MINUTE },
        ]
        for (const next of ends) {
          const { subscription } = await subscribeUnproven(trial)
          await recordProof(trial, next)
          assert.equal(await pauseOf(trial, subscription), 'unproven')
        }
        const { subscription } = await subscribeUnproven(trial)
        await trial.queue(laneOf(subscription))
        const log = trial.listen()
        await recordProof(trial, DELIVERED, { proves: true })
        await log.expect({ kind: 'outbox' })
        await trial.restart()
        const { pause: _, ...proven } = subscription
        assert.deepEqual(await trial.session.findSubscription({ id: proven.id }), proven)
        assert.deepEqual(await takenLanes(trial), [laneOf(subscription)])
      },
    },
    {
      title: 'where a visit proves it, a delivered proof does not, and the visit does, once',
      async run(trial) {
        const { subscription } = await subscribeUnproven(trial)
        await trial.queue(laneOf(subscription))
        await recordProof(trial, DELIVERED, { proves: false })
        assert.deepEqual(await takeAll(trial), [])
        const { now } = trial
        const { id } = subscription
        assert.equal(await trial.session.proveSubscription({ id, now }), true)
        assert.equal(await trial.session.proveSubscription({ id, now }), false)
        assert.equal(await trial.session.proveSubscription({ id: 'sub_nobody', now }), false)
        assert.deepEqual(await takenLanes(trial), [laneOf(subscription)])
      },
    },
    {
      title: 'another URL has to prove itself again, and the proof of the first one proves nothing for it',
      async run(trial) {
        const { subscription } = await subscribeUnproven(trial, { url: URL_A })
        const [early] = await takeAll(trial)
        assert.ok(early !== undefined)
        const moved = { ...given(trial, 'book.created', { url: URL_B }), id: subscription.id }
        const outcome = await put(trial, moved, { proof: proofFor(trial, moved.id) })
        assert.equal(outcome.type, 'put')
        assert.notEqual(outcome.proofDeliveryId, undefined)
        await trial.record(early, DELIVERED)
        assert.equal(await pauseOf(trial, moved), 'unproven')
        await recordProof(trial, DELIVERED)
        assert.equal(await pauseOf(trial, moved), undefined)
        await put(trial, { ...moved, url: URL_A }, { proof: proofFor(trial, moved.id) })
        assert.equal(await pauseOf(trial, moved), 'unproven')
      },
    },
    {
      title:
        'one that somebody had paused stays so when another URL has proven itself, in either way, until it is resumed',
      async run(trial) {
        for (const way of ['delivered', 'visited'] as const) {
          const { subscription, pausedAt, moved } = await movePaused(trial)
          const lane = laneOf(subscription)
          assert.deepEqual(await takenLanes(trial), [`proof:${subscription.id}`])
          await put(trial, moved, { proof: proofFor(trial, moved.id) })
          await trial.restart()
          if (way === 'delivered') await recordProof(trial, DELIVERED)
          else await visit(trial, subscription)
          const known = await trial.session.findLane({ lane })
          assert.deepEqual([known?.pause, known?.pausedAt], ['asked', pausedAt])
          assert.equal(await trial.session.proveSubscription({ id: moved.id, now: trial.now }), false)
          assert.deepEqual(
            (await takenLanes(trial)).filter(taken => taken === lane),
            [],
          )
          assert.equal(await resume(trial, lane), true)
          assert.deepEqual(await takenLanes(trial), [lane])
        }
      },
    },
    {
      title: 'one that is resumed before it has proven itself waits for its proof alone',
      async run(trial) {
        const { subscription } = await movePaused(trial)
        const lane = laneOf(subscription)
        assert.equal(await resume(trial, lane), true)
        assert.equal(await resume(trial, lane), false)
        assert.equal(await pauseOf(trial, subscription), 'unproven')
        await recordProof(trial, DELIVERED)
        assert.equal(await pauseOf(trial, subscription), undefined)
        assert.deepEqual(await takenLanes(trial), [lane])
      },
    },
    {
      title: 'what the URL before has said of itself later does not retire one that is paused and unproven',
      async run(trial) {
        const { subscription } = await movePaused(trial, { early: true })
        assert.equal(await pauseOf(trial, subscription), 'unproven_asked')
      },
    },
    {
      title: 'an early proof proves nothing for another URL that is put without one',
      async run(trial) {
        const { subscription } = await subscribeUnproven(trial, { url: URL_A })
        const [early] = await takeAll(trial)
        assert.ok(early !== undefined)
        const moved = { ...given(trial, 'book.created', { url: URL_B }), id: subscription.id }
        await put(trial, moved)
        await trial.record(early, DELIVERED)
        assert.equal(await pauseOf(trial, moved), 'unproven')
      },
    },
    {
      title:
        'one that has proven itself is not asked again while its URL stays, and one that has not is, in its own lane',
      async run(trial) {
        const proven = given(trial, 'book.lent')
        await put(trial, proven)
        const again = await put(
          trial,
          { ...proven, options: '{"v":2}' },
          { proof: proofFor(trial, proven.id) },
        )
        assert.deepEqual(again, {
          type: 'put',
          subscription: { ...proven, options: '{"v":2}', version: 2 },
          created: false,
        })
        assert.deepEqual(await takeAll(trial), [])

        const { subscription } = await subscribeUnproven(trial, { url: URL_A })
        await recordProof(trial, { status: 'dead', reason: 'rejected' })
        const other = given(trial, 'book.created', { url: URL_A })
        const asked = await put(trial, other, { proof: proofFor(trial, other.id) })
        assert.equal(asked.type, 'put')
        assert.equal(asked.subscription.id, subscription.id)
        assert.equal(asked.subscription.pause, 'unproven')
        const [proof] = await takeAll(trial)
        assert.equal(proof?.delivery.lane, `proof:${subscription.id}`)
        await trial.record(proof, DELIVERED)
        assert.equal(await pauseOf(trial, subscription), undefined)
      },
    },
    {
      title: 'the lane in which a proof failed does not hold back the next one',
      async run(trial) {
        const { subscription } = await subscribeUnproven(trial)
        const [proof] = await takeAll(trial)
        assert.ok(proof !== undefined)
        await trial.session.recordAttempt({
          claim: trial.toDeliveryClaim(proof),
          now: trial.now,
          attempt: { at: trial.now, durationMs: 1, status: 410 },
          next: { status: 'dead', reason: 'rejected' },
          news: { type: 'gone' },
        })
        await put(trial, given(trial, 'book.created', { id: subscription.id, url: URL_B }), {
          proof: proofFor(trial, subscription.id),
        })
        assert.deepEqual(await takenLanes(trial), [`proof:${subscription.id}`])
      },
    },
    {
      title: 'one that is put twice with the same proof is sent it once',
      async run(trial) {
        const subscription = given(trial, 'book.created')
        const proof = proofFor(trial, subscription.id)
        const first = await put(trial, subscription, { proof })
        const second = await put(trial, subscription, { proof })
        assert.equal(first.type, 'put')
        assert.equal(second.type, 'put')
        assert.equal(second.proofDeliveryId, first.proofDeliveryId)
        assert.equal((await takeAll(trial)).length, 1)
      },
    },
    {
      title: 'a proof is no part of what a proven subscription may be sent at the same moment',
      async run(trial) {
        const { id } = await subscribe(trial, 'book.created', { concurrency: 1 })
        await trial.queue(`subscription:${id}`)
        await trial.queue(`proof:${id}`)
        assert.deepEqual(await takenLanes(trial), [`proof:${id}`, `subscription:${id}`])
      },
    },
  ],
}

/** Attempts the proof that is due, and records what came of it. */
async function recordProof(
  trial: Trial,
  next: AfterAttempt,
  proves: { readonly proves?: boolean } = {},
): Promise<void> {
  const [proof] = await takeAll(trial)
  assert.ok(proof !== undefined, 'no proof is due')
  const outcome = await trial.session.recordAttempt({
    claim: trial.toDeliveryClaim(proof),
    now: trial.now,
    attempt: { at: trial.now, durationMs: 1 },
    next,
    ...proves,
  })
  assert.equal(outcome, 'recorded')
}

/** A subscription in which something waits, that was paused, and that has another URL by now, which is to be proven. */
async function movePaused(
  trial: Trial,
  { early = false } = {},
): Promise<{
  readonly subscription: SubscriptionRecord
  readonly pausedAt: number
  readonly moved: PutSubscriptionInput['subscription']
}> {
  const subscription = await subscribe(trial, 'book.created')
  const lane = laneOf(subscription)
  const pausedAt = trial.now
  await trial.queue(lane)
  const [underWay] = early ? await takeAll(trial) : []
  assert.equal(await trial.session.pauseLane({ lane, now: pausedAt }), true)
  trial.pass(MINUTE)
  const { version: _, ...known } = subscription
  const moved = { ...known, url: `${known.url}/moved` }
  const outcome = await put(trial, moved, { proof: proofFor(trial, moved.id) })
  assert.equal(outcome.type, 'put')
  assert.equal(outcome.subscription.pause, 'unproven_asked')
  if (underWay !== undefined) {
    await trial.session.recordAttempt({
      claim: trial.toDeliveryClaim(underWay),
      now: trial.now,
      attempt: { at: trial.now, durationMs: 1, status: 410 },
      next: { status: 'dead', reason: 'rejected' },
      news: { type: 'gone' },
    })
  }
  return { subscription, pausedAt, moved }
}

function resume(trial: Trial, lane: Lane): Promise<boolean> {
  return trial.session.resumeLane({ lane, catchUp: { count: 10, perMs: SECOND }, now: trial.now })
}

async function visit(trial: Trial, { id }: SubscriptionRecord): Promise<void> {
  assert.equal(await trial.session.proveSubscription({ id, now: trial.now }), true)
}
