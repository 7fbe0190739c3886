import assert from 'node:assert/strict'
import type { Lane } from '../../model/delivery.js'
import type { TroubledLane } from '../../store/nodes.js'
import { sweepAll } from './sweeps.js'
import { type Area, DAY, HOUR, MINUTE, SECOND, type Trial } from './trial.js'
import { ANSWERED, claimAll, failIn, hear, pauseOf, subscribe, takeFrom } from './trial-lanes.js'

const ORIGIN = 'origin:https://a.example'
const FAILING = { failingMs: 4 * DAY }

async function troubles(trial: Trial, limit = 1_000): Promise<readonly TroubledLane[]> {
  return (await sweepAll(trial, { ...FAILING, limit })).flatMap(({ lanes }) => lanes)
}

/** So many strikes, an hour apart. */
async function strike(trial: Trial, lane: Lane, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    if (index > 0) trial.pass(HOUR)
    await failIn(trial, lane)
  }
}

/** Lanes that keep failing, and those that do no more. */
export const troubled: Area = {
  title: 'failing lanes',
  cases: [
    {
      title:
        'a lane that keeps failing is told of at half of the time, and is paused at the end of it, each once',
      async run(trial) {
        for (const lane of ['endpoint:app', ORIGIN, await subscribe(trial)] as const) {
          await trial.queue(lane)
          const failingSince = trial.now
          await strike(trial, lane, 3)
          trial.now = failingSince + 2 * DAY - 1
          assert.deepEqual(await troubles(trial), [])
          trial.pass(1)
          assert.deepEqual(await troubles(trial), [{ lane, what: 'failing', failingSince }])
          assert.deepEqual(await troubles(trial), [])
          trial.pass(2 * DAY - 1)
          assert.deepEqual(await troubles(trial), [])
          trial.pass(1)
          assert.deepEqual(await troubles(trial), [{ lane, what: 'paused', failingSince }])
          assert.equal(await pauseOf(trial, lane), 'failing')
          assert.deepEqual(await claimAll(trial, lane), { claimed: [] })
          trial.pass(DAY)
          assert.deepEqual(await troubles(trial), [])
        }
      },
    },
    {
      title: 'one that was not looked at for so long is paused at once, and told of as that alone',
      async run(trial) {
        await trial.queue(ORIGIN)
        const failingSince = trial.now
        await strike(trial, ORIGIN, 3)
        trial.pass(5 * DAY)
        assert.deepEqual(await troubles(trial), [{ lane: ORIGIN, what: 'paused', failingSince }])
        assert.deepEqual(await troubles(trial), [])
      },
    },
    {
      title: 'one bad hour, however long ago it was, pauses nothing',
      async run(trial) {
        await trial.queue(ORIGIN)
        await strike(trial, ORIGIN, 2)
        for (let index = 0; index < 9; index++) {
          trial.pass(MINUTE)
          await failIn(trial, ORIGIN)
        }
        trial.pass(5 * DAY)
        assert.deepEqual(
          (await troubles(trial)).map(({ what }) => what),
          ['failing'],
        )
        assert.equal(await pauseOf(trial, ORIGIN), undefined)
        await failIn(trial, ORIGIN)
        assert.deepEqual(
          (await troubles(trial)).map(({ what }) => what),
          ['paused'],
        )
      },
    },
    {
      title: 'an answer ends it all, and what fails after it begins anew',
      async run(trial) {
        await trial.queue(ORIGIN)
        await strike(trial, ORIGIN, 3)
        trial.pass(2 * DAY)
        assert.equal((await troubles(trial)).length, 1)
        await hear(trial, await takeFrom(trial, ORIGIN), ANSWERED)
        trial.pass(3 * DAY)
        assert.deepEqual(await troubles(trial), [])

        await trial.queue(ORIGIN)
        const failingSince = trial.now
        await strike(trial, ORIGIN, 3)
        trial.now = failingSince + 2 * DAY
        assert.deepEqual(await troubles(trial), [{ lane: ORIGIN, what: 'failing', failingSince }])
      },
    },
    {
      title:
        'one that was paused for it begins anew when it is resumed, and one that somebody paused is not judged',
      async run(trial) {
        const asked = 'origin:https://asked.example'
        for (const lane of [ORIGIN, asked] as const) await trial.queue(lane)
        for (const lane of [ORIGIN, asked] as const) await strike(trial, lane, 3)
        await trial.session.pauseLane({ lane: asked, now: trial.now })
        trial.pass(5 * DAY)
        assert.deepEqual(
          (await troubles(trial)).map(({ lane, what }) => [lane, what]),
          [[ORIGIN, 'paused']],
        )
        assert.equal(await pauseOf(trial, asked), 'asked')
        const catchUp = { count: 1, perMs: SECOND }
        await trial.session.resumeLane({ lane: ORIGIN, catchUp, now: trial.now })
        assert.deepEqual(await troubles(trial), [])
      },
    },
    {
      title: 'a sweep tells of no more lanes than it may, and the next ones of the others',
      async run(trial) {
        const lanes = Array.from({ length: 7 }, (_, index): Lane => `origin:https://n${index}.example`)
        for (const lane of lanes) {
          await trial.queue(lane)
          await strike(trial, lane, 3)
        }
        trial.pass(5 * DAY)
        const first = await trial.sweep({ ...FAILING, limit: 3 })
        const pausedIn = (told: readonly TroubledLane[]) =>
          told.filter(({ what }) => what === 'paused').map(({ lane }) => lane)
        assert.equal(pausedIn(first.lanes).length, 3)
        assert.equal(first.more, true)
        const all = [...first.lanes, ...(await troubles(trial, 3))]
        assert.deepEqual(pausedIn(all).sort(), [...lanes].sort())
      },
    },
    {
      title: 'one bad hour is told to nobody, and forgiven after a week without an attempt',
      async run(trial) {
        await trial.queue(ORIGIN)
        await strike(trial, ORIGIN, 1)
        trial.pass(7 * DAY - 1)
        assert.deepEqual(await troubles(trial), [])
        assert.equal((await trial.session.findLane({ lane: ORIGIN }))?.failures, 1)
        trial.pass(1)
        assert.deepEqual(await troubles(trial), [])
        assert.equal(await trial.session.findLane({ lane: ORIGIN }), undefined)
      },
    },
    {
      title: 'what a healthy lane would not have is kept, and nothing else',
      async run(trial) {
        const resting = 'origin:https://resting.example'
        const limited = 'endpoint:limited'
        for (const lane of [resting, limited] as const) await trial.queue(lane)
        const restsUntil = trial.now + MINUTE
        await failIn(trial, resting, { restsUntil })
        trial.pass(MINUTE - 1)
        await claimAll(trial, limited, { rates: { [limited]: { count: 1, perMs: MINUTE } } })
        await trial.sweep(FAILING)
        assert.equal((await trial.session.findLane({ lane: resting }))?.failures, 1)
        assert.ok(await trial.session.findLane({ lane: limited }))

        trial.pass(1)
        await hear(trial, await takeFrom(trial, resting), ANSWERED)
        trial.pass(MINUTE + SECOND)
        await trial.sweep(FAILING)
        assert.equal(await trial.session.findLane({ lane: resting }), undefined)
        assert.equal(await trial.session.findLane({ lane: limited }), undefined)
      },
    },
  ],
}
