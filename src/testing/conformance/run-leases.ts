import assert from 'node:assert/strict'
import {
  claimedIds,
  claimRuns,
  type EnteredRun,
  enterRun,
  findRun,
  reenter,
  SHIP,
  startRun,
} from './entered-run.js'
import { endOf, failure, onRun, TIME } from './entered-scope.js'
import { type Area, DAY, HOUR, LEASE, MINUTE } from './trial.js'

const NOTHING_TAKEN = { callbacks: 0, deliveries: 0, runs: 0, receiverIds: [] }

/** What becomes of the runs of a node that is gone. */
export const runLeases: Area = {
  title: 'runs of nodes that are gone',
  cases: [
    {
      title: 'runs of a dead node are due again at once, with what they remember, and none of those alive',
      async run(trial) {
        const alive = await enterRun(trial)
        const scope = await enterRun(trial, { epoch: await trial.join() })
        await scope.remember('book', 'booked')
        trial.pass(LEASE - 1)
        assert.deepEqual(await trial.takeOver(), NOTHING_TAKEN)
        trial.pass(1)
        assert.deepEqual(await trial.takeOver(), { ...NOTHING_TAKEN, runs: 1 })
        assert.deepEqual(await trial.takeOver(), NOTHING_TAKEN)
        const { status, dueAt, attempt, failures } = await scope.find()
        assert.deepEqual([status, dueAt, attempt, failures], ['due', trial.now, 1, 0])
        const again = await reenter(trial, scope.id)
        assert.equal(again.run.attempt, 2)
        assert.deepEqual(again.memory, await scope.recall())
        assert.equal(again.memory.memories.length, 1)
        assert.equal(await alive.end(), true)
      },
    },
    {
      title: 'takes runs over in parts no larger than the limit, until nothing is left',
      async run(trial) {
        const epoch = await trial.join()
        for (let index = 0; index < 5; index += 1) await enterRun(trial, { epoch })
        trial.pass(LEASE)
        const taken: number[] = []
        for (;;) {
          const { runs } = await trial.takeOver({ limit: 2 })
          assert.ok(runs <= 2)
          if (runs === 0) break
          taken.push(runs)
        }
        assert.equal(
          taken.reduce((sum, runs) => sum + runs, 0),
          5,
        )
        assert.equal((await claimedIds(trial)).length, 5)
      },
    },
    {
      title: 'a node that leaves gives its runs back at once, uncounted',
      async run(trial) {
        const scope = await enterRun(trial, { epoch: await trial.join() })
        await scope.end({ status: 'due', result: failure('not yet'), dueAt: trial.now })
        const held = await reenter(trial, scope.id, { epoch: await trial.join() })
        const other = await enterRun(trial, { epoch: held.claim.epoch })
        assert.deepEqual(await trial.leave(held.claim.epoch), [])
        const { status, attempt, failures } = await scope.find()
        assert.deepEqual([status, attempt, failures], ['due', 1, 1])
        const { claimed } = await claimRuns(trial)
        assert.deepEqual(
          new Map(claimed.map(({ run }) => [run.id, run.attempt])),
          new Map([
            [scope.id, 2],
            [other.id, 1],
          ]),
        )
        assert.deepEqual(await trial.takeOver(), NOTHING_TAKEN)
      },
    },
    {
      title: 'a run that waits through a hundred orderly restarts does not fail',
      async run(trial) {
        const { id } = await startRun(trial)
        const deadlineAt = trial.now + 100 * DAY
        for (let day = 0; day < 100; day += 1) {
          const scope = await reenter(trial, id)
          assert.equal(scope.run.attempt, 1)
          assert.equal((await scope.sleep('sleep', deadlineAt)).type, 'waiting')
          await trial.leave()
          trial.pass(DAY)
          if (day % 20 === 0) await trial.restart()
          else trial.epoch = await trial.join({ leaseMs: 1_000 * DAY })
          await trial.takeOver({ maxCrashes: 3 })
        }
        const scope = await reenter(trial, id)
        assert.deepEqual(endOf(await scope.sleep('sleep', deadlineAt)), { type: 'timed_out' })
      },
    },
    {
      title: 'a run that kills its process again and again fails, and says how often',
      async run(trial) {
        const { id } = await startRun(trial)
        const parent = await enterRun(trial, { workflow: 'bill' })
        await parent.parkOn(onRun(id))
        for (let round = 1; round <= 3; round += 1) {
          const scope = await reenter(trial, id, { epoch: await trial.join() })
          assert.equal(scope.run.attempt, round)
          trial.pass(LEASE)
          assert.deepEqual(await trial.takeOver({ maxCrashes: 3 }), { ...NOTHING_TAKEN, runs: 1 })
        }
        const { status, endedAt, result } = await findRun(trial, id)
        assert.deepEqual([status, endedAt, result?.type], ['failed', trial.now, 'error'])
        assert.match(Buffer.from(result?.bytes ?? []).toString(), /3/)
        assert.deepEqual(await claimRuns(trial), { claimed: [] })
        const again = await reenter(trial, parent.id, { workflow: 'bill' })
        assert.deepEqual(endOf(await again.wait('child', onRun(id))), { type: 'run_failed', result })
      },
    },
    {
      title: 'crashes count in a row: whatever is written for an entry in between starts the row again',
      async run(trial) {
        const writes: readonly ((scope: EnteredRun) => Promise<unknown>)[] = [
          scope => scope.remember('book', 'booked'),
          scope => scope.spawn('reply'),
          scope => scope.send('notify'),
          scope => scope.exchange('ask'),
          scope => scope.sleep('sleep', trial.now + HOUR),
        ]
        const { id } = await startRun(trial)
        const crash = async (write: (scope: EnteredRun) => Promise<unknown> = async () => {}) => {
          const scope = await reenter(trial, id, { epoch: await trial.join() })
          await write(scope)
          trial.pass(LEASE)
          await trial.takeOver({ maxCrashes: 3 })
          return (await findRun(trial, id)).status
        }
        for (const write of writes) assert.deepEqual([await crash(), await crash(write)], ['due', 'due'])
        const looks = [await crash(), await crash(scope => scope.sleep('sleep', trial.now))]
        assert.deepEqual(looks, ['due', 'failed'])
      },
    },
    {
      title: 'a park and a failure end a row of crashes, being given back does not',
      async run(trial) {
        const between: Readonly<Record<string, (scope: EnteredRun) => Promise<unknown>>> = {
          parked: scope => scope.parkOn(TIME, { deadlineAt: trial.now + 1 }),
          failed: scope => scope.end({ status: 'due', result: failure('not yet'), dueAt: trial.now }),
          released: scope => scope.release(),
          left: scope => trial.leave(scope.claim.epoch),
        }
        const statuses: Record<string, string> = {}
        for (const [how, end] of Object.entries(between)) {
          const { id } = await startRun(trial, { workflow: how })
          const enter = async () => reenter(trial, id, { workflow: how, epoch: await trial.join() })
          const crash = async () => {
            await enter()
            trial.pass(LEASE)
            await trial.takeOver({ maxCrashes: 2 })
          }
          await crash()
          const scope = await enter()
          await end(scope)
          trial.pass(1)
          await crash()
          statuses[how] = (await findRun(trial, id)).status
        }
        assert.deepEqual(statuses, { parked: 'due', failed: 'due', released: 'failed', left: 'failed' })
      },
    },
    {
      title: 'a claim whose reply was lost is undone: what it took is due as before, what is held stays',
      async run(trial) {
        const held = await enterRun(trial)
        const elsewhere = await enterRun(trial, { epoch: await trial.join({ leaseMs: DAY }) })
        const parked = await enterRun(trial)
        await parked.parkOn(TIME, { deadlineAt: trial.now + DAY })
        const before = await Promise.all([1, 2].map(async () => findRun(trial, (await startRun(trial)).id)))
        assert.equal((await claimRuns(trial)).claimed.length, 2)
        const { epoch, now } = trial
        const ask = { epoch, held: [held.id], now }
        const log = trial.listen()
        assert.equal(await trial.session.reclaimRuns(ask), 2)
        await log.expect({ kind: 'runs' })
        assert.equal(await trial.session.reclaimRuns(ask), 0)
        for (const run of before) assert.deepEqual(await findRun(trial, run.id), run)
        assert.equal((await parked.find()).status, 'parked')
        assert.equal(await held.end(), true)
        assert.equal(await elsewhere.end(), true)
        const { claimed } = await claimRuns(trial)
        assert.deepEqual(
          claimed.map(({ run }) => run.attempt),
          [1, 1],
        )
      },
    },
    {
      title: 'nothing is given back that way under an epoch that is over',
      async run(trial) {
        const epoch = await trial.join()
        await enterRun(trial, { epoch })
        trial.pass(LEASE)
        const ask = { epoch, held: [], now: trial.now }
        assert.equal(await trial.session.reclaimRuns(ask), 0)
        assert.equal(await trial.session.reclaimRuns({ ...ask, epoch: trial.epoch + 1_000 }), 0)
        assert.deepEqual(await claimRuns(trial), { claimed: [] })
        await trial.takeOver()
        assert.equal((await reenter(trial)).run.attempt, 2)
      },
    },
    {
      title:
        'opening an exclusive store ends every earlier epoch: its runs are taken over, and count a crash',
      async run(trial) {
        if (!trial.store.exclusive) return
        const scope = await enterRun(trial)
        await trial.restart()
        assert.equal(await scope.end(), false)
        assert.deepEqual(await trial.takeOver({ maxCrashes: 2 }), { ...NOTHING_TAKEN, runs: 1 })
        await reenter(trial, scope.id)
        trial.pass(MINUTE)
        await trial.restart()
        await trial.takeOver({ maxCrashes: 2 })
        assert.equal((await findRun(trial, scope.id)).status, 'failed')
      },
    },
    {
      title: 'runs wait while nobody is there, and are entered by whoever comes',
      async run(trial) {
        const { id } = await startRun(trial, { dueAt: trial.now + HOUR })
        await trial.leave()
        trial.pass(DAY)
        await trial.restart()
        const { claimed } = await claimRuns(trial, { workflows: { [SHIP]: 1 } })
        assert.deepEqual(
          claimed.map(({ run }) => run.id),
          [id],
        )
      },
    },
  ],
}
