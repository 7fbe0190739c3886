import assert from 'node:assert/strict'
import { type Area, MINUTE, SECOND } from './trial.js'
import { claimAll, fillLane, subscribe } from './trial-lanes.js'

const APP = 'endpoint:app'
const OTHER = 'endpoint:other'

/** How fast lanes may be worked off, by all nodes together. */
export const rates: Area = {
  title: 'rates',
  cases: [
    {
      title: 'a rate is spread evenly: the next one is handed out when its time has come, and not before',
      async run(trial) {
        await fillLane(trial, APP, 3)
        // 3 in 10 s is one each 3,333⅓ ms.
        const limited = { rates: { [APP]: { count: 3, perMs: 10 * SECOND } } }
        const first = await claimAll(trial, APP, limited)
        assert.equal(first.claimed.length, 1)
        assert.equal(first.nextDueAt, trial.now + 3_334)
        trial.pass(3_333)
        assert.deepEqual(await claimAll(trial, APP, limited), { claimed: [], nextDueAt: trial.now + 1 })
        trial.pass(1)
        assert.equal((await claimAll(trial, APP, limited)).claimed.length, 1)
      },
    },
    {
      title:
        'a fast rate lets a tenth of a second go at once, and no more has gathered however long nothing came',
      async run(trial) {
        const limited = { rates: { [APP]: { count: 100, perMs: SECOND } } }
        await fillLane(trial, APP, 25)
        for (let round = 0; round < 2; round++) {
          const { claimed, nextDueAt } = await claimAll(trial, APP, limited)
          assert.equal(claimed.length, 10)
          assert.equal(nextDueAt, trial.now + 10)
          trial.pass(MINUTE)
        }
        assert.equal((await claimAll(trial, APP, limited)).claimed.length, 5)
      },
    },
    {
      title: 'a rate counts for all nodes together, and for nobody else',
      async run(trial) {
        const limited = { rates: { [APP]: { count: 1, perMs: MINUTE } } }
        await fillLane(trial, APP, 2)
        assert.equal((await claimAll(trial, APP, limited)).claimed.length, 1)
        const epoch = await trial.join()
        const nothing = { claimed: [], nextDueAt: trial.now + MINUTE }
        assert.deepEqual(await claimAll(trial, APP, { ...limited, epoch }), nothing)
        await fillLane(trial, OTHER, 5)
        assert.equal((await claimAll(trial, OTHER, limited)).claimed.length, 5)
      },
    },
    {
      title: 'without a rate any more, nothing is held back',
      async run(trial) {
        await fillLane(trial, APP, 5)
        await claimAll(trial, APP, { rates: { [APP]: { count: 1, perMs: MINUTE } } })
        assert.equal((await claimAll(trial, APP)).claimed.length, 4)
      },
    },
    {
      title: 'of a rate and what a lane was resumed with, the slower one counts',
      async run(trial) {
        const slow = { count: 1, perMs: MINUTE }
        const fast = { count: 1, perMs: SECOND }
        for (const [rate, catchUp] of [
          [slow, fast],
          [fast, slow],
        ] as const) {
          const lane = `endpoint:${rate.perMs}` as const
          await fillLane(trial, lane, 3)
          await trial.session.pauseLane({ lane, now: trial.now })
          await trial.session.resumeLane({ lane, catchUp, now: trial.now })
          const { claimed, nextDueAt } = await claimAll(trial, lane, { rates: { [lane]: rate } })
          assert.equal(claimed.length, 1)
          assert.equal(nextDueAt, trial.now + MINUTE)
        }
      },
    },
    {
      title:
        'a bucket is emptied by what was taken from it, also when its subscription is put with another rate',
      async run(trial) {
        const url = 'https://faster.example/hook'
        const lane = await subscribe(trial, { url, rate: { count: 1, perMs: MINUTE } })
        await fillLane(trial, lane, 3)
        assert.equal((await claimAll(trial, lane)).claimed.length, 1)
        await subscribe(trial, { url, rate: { count: 2, perMs: MINUTE } })
        assert.deepEqual(await claimAll(trial, lane), { claimed: [], nextDueAt: trial.now + MINUTE })
      },
    },
    {
      title: 'a subscription has a rate and a concurrency of its own, and a change of them counts at once',
      async run(trial) {
        const { now } = trial
        const url = 'https://a.example/hook'
        const lane = await subscribe(trial, { url, rate: { count: 1, perMs: MINUTE }, concurrency: 3 })
        await fillLane(trial, lane, 5)
        const first = await claimAll(trial, lane)
        assert.equal(first.claimed.length, 1)
        assert.equal(first.nextDueAt, now + MINUTE)
        assert.equal(first.claimed[0]?.subscription?.concurrency, 3)

        await subscribe(trial, { url, concurrency: 3 })
        const second = await claimAll(trial, lane, { lanes: { [lane]: 1 } })
        assert.equal(second.claimed.length, 2)
        assert.equal(second.nextDueAt, undefined)
      },
    },
    {
      title: 'nobody is told to look again at once when nothing was handed out',
      async run(trial) {
        const limited = { rates: { [APP]: { count: 7, perMs: SECOND } } }
        await fillLane(trial, APP, 8)
        const origin = 'origin:https://a.example'
        await fillLane(trial, origin, 8)
        await trial.session.pauseLane({ lane: origin, now: trial.now })
        const catchUp = { count: 3, perMs: SECOND }
        await trial.session.resumeLane({ lane: origin, catchUp, now: trial.now })
        let taken = 0
        for (let looks = 0; taken < 16; looks++) {
          assert.ok(looks < 100, 'it takes too long')
          const { claimed, nextDueAt } = await claimAll(trial, APP, limited)
          taken += claimed.length
          if (nextDueAt === undefined) continue
          assert.ok(claimed.length > 0 || nextDueAt > trial.now, 'there was nothing to look for')
          trial.now = Math.max(trial.now, nextDueAt)
        }
        assert.equal(taken, 16)
        // 8 at 3 a second: 7 intervals.
        assert.ok(trial.now - Date.UTC(2026, 0, 1) >= (7 * SECOND) / 3)
      },
    },
  ],
}
