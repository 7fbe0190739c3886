import assert from 'node:assert/strict'
import type { Lane } from '../../model/delivery.js'
import { type Area, DAY, HOUR, MINUTE, SECOND, type Trial } from './trial.js'
import {
  ANSWERED,
  claimAll,
  failed,
  failIn,
  fillLane,
  hear,
  idsOf,
  pauseOf,
  subscribe,
  takeFrom,
} from './trial-lanes.js'

const APP = 'endpoint:app'
const ORIGIN = 'origin:https://a.example'

/** One lane of each kind. */
async function lanesOf(trial: Trial): Promise<readonly Lane[]> {
  return [APP, ORIGIN, await subscribe(trial)]
}

/** What is known of lanes: how their endpoints do, and when nothing is sent to them. */
export const lanes: Area = {
  title: 'lanes',
  cases: [
    {
      title: 'nothing is known of a lane whose endpoint answers',
      async run(trial) {
        for (const lane of await lanesOf(trial)) {
          await trial.queue(lane)
          await hear(trial, await takeFrom(trial, lane), ANSWERED)
          assert.equal(await trial.session.findLane({ lane }), undefined)
        }
      },
    },
    {
      title: 'failures are counted until one is answered, and those close to one another are one strike',
      async run(trial) {
        for (const lane of await lanesOf(trial)) {
          await trial.queue(lane)
          const failingSince = trial.now
          const known = { failures: 1, failingSince, strikes: 1, lastStrikeAt: failingSince }
          await failIn(trial, lane)
          const flags = { probing: false, warned: false }
          assert.deepEqual(await trial.session.findLane({ lane }), { ...known, ...flags })
          trial.pass(HOUR - 1)
          await failIn(trial, lane)
          assert.deepEqual(await trial.session.findLane({ lane }), { ...known, ...flags, failures: 2 })
          trial.pass(1)
          await failIn(trial, lane)
          const struck = { failures: 3, strikes: 2, lastStrikeAt: trial.now }
          assert.deepEqual(await trial.session.findLane({ lane }), { ...known, ...flags, ...struck })
          await hear(trial, await takeFrom(trial, lane), ANSWERED)
          assert.equal(await trial.session.findLane({ lane }), undefined)
        }
      },
    },
    {
      title:
        'what an attempt has shown counts also when its delivery had ended, and not when its claim was lost',
      async run(trial) {
        const deliveryId = await trial.queue(APP)
        const claimed = await takeFrom(trial, APP)
        await trial.session.cancelDelivery({ deliveryId, now: trial.now })
        assert.equal(await hear(trial, claimed, failed()), 'ended')
        assert.equal((await trial.session.findLane({ lane: APP }))?.failures, 1)
        assert.equal(await hear(trial, claimed, failed()), 'lost')
        assert.equal((await trial.session.findLane({ lane: APP }))?.failures, 1)
      },
    },
    {
      title: 'a lane that was asked to rest gives nothing until then, and holds nobody else back',
      async run(trial) {
        for (const lane of await lanesOf(trial)) {
          const [first] = await fillLane(trial, lane, 3)
          const restsUntil = trial.now + MINUTE
          await failIn(trial, lane, { restsUntil })
          const other = await trial.queue('origin:https://other.example')
          const meanwhile = await claimAll(trial, lane)
          assert.deepEqual(idsOf(meanwhile), [other])
          assert.equal(meanwhile.nextDueAt, restsUntil)
          trial.pass(MINUTE - 1)
          assert.deepEqual(await claimAll(trial, lane), { claimed: [], nextDueAt: restsUntil })
          trial.pass(1)
          const after = idsOf(await claimAll(trial, lane))
          assert.equal(after.length, 3)
          assert.equal(after[0], first)
        }
      },
    },
    {
      title: 'a rest is not cut short, neither by a shorter one nor by an answer',
      async run(trial) {
        await fillLane(trial, ORIGIN, 3)
        const { claimed } = await claimAll(trial, ORIGIN)
        const [first, second, third] = claimed
        assert.ok(first !== undefined && second !== undefined && third !== undefined)
        const restsUntil = trial.now + HOUR
        await hear(trial, first, failed({ restsUntil }))
        await hear(trial, second, failed({ restsUntil: trial.now + MINUTE }))
        await hear(trial, third, ANSWERED)
        assert.deepEqual(await claimAll(trial, ORIGIN), { claimed: [], nextDueAt: restsUntil })
      },
    },
    {
      title:
        'after so many failures in a row a breaker opens, and then one is tried at a time, whoever tries it',
      async run(trial) {
        const breaker = { failures: 2, pauseMs: MINUTE }
        for (const lane of await lanesOf(trial)) {
          await fillLane(trial, lane, 4)
          await failIn(trial, lane, { breaker })
          assert.equal((await trial.session.findLane({ lane }))?.probing, false)
          await failIn(trial, lane, { breaker })
          const opened = { claimed: [], nextDueAt: trial.now + MINUTE }
          assert.deepEqual(await claimAll(trial, lane), opened)
          trial.pass(MINUTE)

          const elsewhere = { epoch: await trial.join() }
          const probing = await claimAll(trial, lane)
          assert.equal(probing.claimed.length, 1)
          assert.equal(probing.nextDueAt, undefined)
          assert.deepEqual(await claimAll(trial, lane, elsewhere), { claimed: [] })

          const [probe] = probing.claimed
          assert.ok(probe !== undefined)
          await trial.session.releaseDelivery({ claim: trial.toDeliveryClaim(probe) })
          const again = await takeFrom(trial, lane)
          await hear(trial, again, failed({ breaker }))
          assert.deepEqual(await claimAll(trial, lane), { claimed: [], nextDueAt: trial.now + MINUTE })

          trial.pass(MINUTE)
          await hear(trial, await takeFrom(trial, lane), ANSWERED)
          assert.equal((await claimAll(trial, lane)).claimed.length, 3)
        }
      },
    },
    {
      title: 'a lane that somebody paused gives nothing until it is resumed, and what waited is sent then',
      async run(trial) {
        for (const lane of await lanesOf(trial)) {
          const { now } = trial
          const resume = () =>
            trial.session.resumeLane({ lane, catchUp: { count: 100, perMs: SECOND }, now: trial.now })
          assert.equal(await resume(), false)
          const ids = await fillLane(trial, lane, 2)
          assert.equal(await trial.session.pauseLane({ lane, now }), true)
          assert.equal(await trial.session.pauseLane({ lane, now }), false)
          const known = await trial.session.findLane({ lane })
          assert.deepEqual([known?.pause, known?.pausedAt], ['asked', now])
          assert.deepEqual(await claimAll(trial, lane), { claimed: [] })
          await trial.queue(lane)
          trial.pass(DAY)
          assert.deepEqual(await claimAll(trial, lane), { claimed: [] })
          assert.equal(await resume(), true)
          assert.equal(await resume(), false)
          assert.deepEqual(idsOf(await claimAll(trial, lane)).slice(0, 2), ids)
          assert.equal(await pauseOf(trial, lane), undefined)
        }
      },
    },
    {
      title: 'an attempt that is under way when its lane is paused is recorded, and the next one waits',
      async run(trial) {
        const lane = await subscribe(trial)
        await trial.queue(lane)
        const claimed = await takeFrom(trial, lane)
        await trial.session.pauseLane({ lane, now: trial.now })
        assert.equal(await hear(trial, claimed, failed()), 'recorded')
        assert.equal(await pauseOf(trial, lane), 'asked')
        assert.deepEqual(await claimAll(trial, lane), { claimed: [] })
      },
    },
    {
      title: 'what waits in a paused lane dies of its deadline all the same',
      async run(trial) {
        const dying = await trial.queue(ORIGIN, { deadlineAt: trial.now + MINUTE })
        await trial.session.pauseLane({ lane: ORIGIN, now: trial.now })
        trial.pass(MINUTE)
        assert.deepEqual((await trial.sweep()).expiredDeliveryIds, [dying])
      },
    },
    {
      title: 'an endpoint that is gone is left alone until somebody resumes it',
      async run(trial) {
        for (const lane of [APP, ORIGIN] as const) {
          await fillLane(trial, lane, 2)
          const claimed = await takeFrom(trial, lane)
          await hear(trial, claimed, { type: 'gone' }, { status: 'dead', reason: 'rejected' })
          assert.equal(await pauseOf(trial, lane), 'retired')
          assert.deepEqual(await claimAll(trial, lane), { claimed: [] })
          const catchUp = { count: 1, perMs: SECOND }
          assert.equal(await trial.session.resumeLane({ lane, catchUp, now: trial.now }), true)
          await takeFrom(trial, lane)
        }
      },
    },
    {
      title: 'resuming makes a lane healthy: it rests no more, and its failures are forgotten',
      async run(trial) {
        await fillLane(trial, ORIGIN, 3)
        const breaker = { failures: 1, pauseMs: DAY }
        await failIn(trial, ORIGIN, { breaker })
        await trial.session.pauseLane({ lane: ORIGIN, now: trial.now })
        const catchUp = { count: 100, perMs: SECOND }
        await trial.session.resumeLane({ lane: ORIGIN, catchUp, now: trial.now })
        const known = await trial.session.findLane({ lane: ORIGIN })
        assert.deepEqual(
          [known?.failures, known?.strikes, known?.probing, known?.restsUntil, known?.failingSince],
          [0, 0, false, undefined, undefined],
        )
        assert.equal((await claimAll(trial, ORIGIN)).claimed.length, 3)
      },
    },
    {
      title:
        'what had gathered in a lane leaves it no faster than it was resumed with, until nothing is due in it',
      async run(trial) {
        for (const lane of await lanesOf(trial)) {
          await fillLane(trial, lane, 3)
          await trial.session.pauseLane({ lane, now: trial.now })
          trial.pass(MINUTE)
          const catchUp = { count: 2, perMs: SECOND }
          await trial.session.resumeLane({ lane, catchUp, now: trial.now })
          for (const left of [2, 1]) {
            const { claimed, nextDueAt } = await claimAll(trial, lane)
            assert.equal(claimed.length, 1)
            assert.equal(nextDueAt, trial.now + SECOND / 2)
            assert.deepEqual((await trial.session.findLane({ lane }))?.catchUp, catchUp)
            trial.pass(SECOND / 2 - 1)
            assert.deepEqual(
              await claimAll(trial, lane),
              { claimed: [], nextDueAt: trial.now + 1 },
              `${left}`,
            )
            trial.pass(1)
          }
          assert.equal((await claimAll(trial, lane)).claimed.length, 1)
          assert.equal((await trial.session.findLane({ lane }))?.catchUp, undefined)
          const ids = await fillLane(trial, lane, 20)
          assert.deepEqual(idsOf(await claimAll(trial, lane)), ids)
        }
      },
    },
    {
      title: 'a lane of which something is known is the same after a restart',
      async run(trial) {
        for (const lane of await lanesOf(trial)) {
          await trial.queue(lane)
          await failIn(trial, lane, { restsUntil: trial.now + HOUR })
          await trial.session.pauseLane({ lane, now: trial.now })
          const known = await trial.session.findLane({ lane })
          await trial.restart()
          assert.deepEqual(await trial.session.findLane({ lane }), known)
          assert.deepEqual(await claimAll(trial, lane), { claimed: [] })
        }
      },
    },
    {
      title: 'a thousand lanes that give nothing hide none that does',
      async run(trial) {
        const names = Array.from({ length: 1_000 }, (_, index): Lane => `origin:https://n${index}.example`)
        await Promise.all(names.map(lane => trial.queue(lane)))
        await Promise.all(names.map(lane => trial.session.pauseLane({ lane, now: trial.now })))
        trial.pass(SECOND)
        const good = await trial.queue(ORIGIN)
        assert.deepEqual(await claimAll(trial, ORIGIN, { limit: 2 }).then(idsOf), [good])
        assert.deepEqual(await claimAll(trial, ORIGIN), { claimed: [] })
      },
    },
  ],
}
