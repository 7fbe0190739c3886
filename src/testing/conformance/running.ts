import assert from 'node:assert/strict'
import {
  cancelRun,
  claimedIds,
  claimRuns,
  enterRun,
  findRun,
  reenter,
  retryRun,
  SHIP,
  startRun,
} from './entered-run.js'
import { failure, onReceiver, value } from './entered-scope.js'
import { type Area, DAY, LEASE, MINUTE, SECOND, type Trial } from './trial.js'

/** Which runs are entered, and how their entries end. */
export const running: Area = {
  title: 'running',
  cases: [
    {
      title:
        'enters what is due, oldest first within its workflow, and in the order of ids where instants are equal',
      async run(trial) {
        const due = async (ms: number) => (await startRun(trial, { dueAt: trial.now + ms })).id
        const later = await due(3)
        const first = await due(1)
        const same = [await due(2), await due(2)]
        await due(MINUTE)
        trial.pass(SECOND)
        assert.deepEqual(await claimedIds(trial), [first, ...same.sort(), later])
      },
    },
    {
      title: 'each run is in one entry at a time',
      async run(trial) {
        for (let index = 0; index < 10; index += 1) await startRun(trial)
        const epoch = await trial.join()
        const ask = { workflows: { [SHIP]: 4 } }
        const ids = await Promise.all([
          claimedIds(trial, ask),
          claimedIds(trial, { ...ask, epoch }),
          claimedIds(trial, ask),
        ])
        assert.equal(ids.flat().length, 10)
        assert.equal(new Set(ids.flat()).size, 10)
      },
    },
    {
      title: 'runs of workflows that nobody named, or has no room for, wait',
      async run(trial) {
        for (const workflow of ['ship', 'ship', 'ship', 'bill', 'gone']) await startRun(trial, { workflow })
        const { claimed, nextDueAt } = await claimRuns(trial, { workflows: { ship: 2, bill: 0 } })
        assert.deepEqual(
          claimed.map(({ run }) => run.workflow),
          ['ship', 'ship'],
        )
        assert.equal(nextDueAt, undefined)
        assert.equal((await claimedIds(trial, { workflows: { bill: 1, gone: 1 } })).length, 2)
      },
    },
    {
      title: 'a workflow with thousands of runs due does not crowd out another within one claim',
      async run(trial) {
        await Promise.all(Array.from({ length: 2_000 }, () => startRun(trial)))
        trial.pass(SECOND)
        for (const workflow of ['bill', 'tell']) await startRun(trial, { workflow })
        const workflows = { ship: 1_000, bill: 1_000, tell: 1_000 }
        const { claimed } = await claimRuns(trial, { limit: 20, workflows })
        assert.equal(claimed.length, 20)
        const names = new Set(claimed.map(({ run }) => run.workflow))
        assert.deepEqual([...names].sort(), ['bill', 'ship', 'tell'])
      },
    },
    {
      title: 'says when the next run falls due of a workflow that has room, waking from its park included',
      async run(trial) {
        assert.deepEqual(await claimRuns(trial), { claimed: [] })
        const scope = await enterRun(trial)
        const receiver = await scope.spawn('reply')
        const deadlineAt = trial.now + 3 * MINUTE
        assert.equal(await scope.parkOn(onReceiver(receiver), { deadlineAt }), 'parked')
        await startRun(trial, { workflow: 'gone', dueAt: trial.now + 1 })
        await startRun(trial, { workflow: 'bill', dueAt: trial.now + SECOND })
        await startRun(trial, { dueAt: trial.now + MINUTE })
        const dueIn = async (workflows: Record<string, number>) => {
          const { nextDueAt } = await claimRuns(trial, { workflows })
          return nextDueAt === undefined ? undefined : nextDueAt - trial.now
        }
        assert.equal(await dueIn({ ship: 5, bill: 5 }), SECOND)
        assert.equal(await dueIn({ ship: 5, bill: 0 }), MINUTE)
        trial.pass(MINUTE)
        assert.equal(await dueIn({ ship: 1 }), undefined)
        assert.equal(await dueIn({ ship: 1 }), 2 * MINUTE)
        trial.pass(2 * MINUTE)
        assert.deepEqual(await claimedIds(trial), [scope.id])
      },
    },
    {
      title: 'asks to be called again at once when the limit left a due run behind',
      async run(trial) {
        for (let index = 0; index < 5; index += 1) await startRun(trial)
        const { claimed, nextDueAt } = await claimRuns(trial, { limit: 3 })
        assert.equal(claimed.length, 3)
        assert.ok(nextDueAt !== undefined && nextDueAt <= trial.now)
        const rest = await claimRuns(trial, { limit: 3 })
        assert.deepEqual([rest.claimed.length, rest.nextDueAt], [2, undefined])
      },
    },
    {
      title: 'nothing is entered under an epoch that is over, or that never was',
      async run(trial) {
        const { id } = await startRun(trial)
        await startRun(trial, { dueAt: trial.now + DAY })
        const [lost, left] = [await trial.join(), await trial.join()]
        await trial.leave(left)
        trial.pass(LEASE)
        for (const epoch of [lost, left, trial.epoch + 1_000]) {
          assert.deepEqual(await claimRuns(trial, { epoch }), { claimed: [] })
        }
        assert.deepEqual(await claimedIds(trial), [id])
      },
    },
    {
      title: 'an entry counts its attempt, has a fence of its own, and comes with what is remembered',
      async run(trial) {
        const first = await enterRun(trial)
        const { run } = first
        assert.deepEqual([run.status, run.attempt, first.memory], ['running', 1, { memories: [] }])
        await first.remember('book', 'booked')
        await first.end({ status: 'due', result: failure('try again'), dueAt: trial.now })
        const second = await reenter(trial, first.id)
        assert.deepEqual([second.run.attempt, second.run.failures], [2, 1])
        assert.ok(second.claim.fence > first.claim.fence)
        assert.deepEqual(second.memory, await second.recall())
        assert.equal(second.memory.memories.length, 1)
        assert.equal((await second.find()).status, 'running')
      },
    },
    {
      title: 'of a long memory an entry comes with the first page, and where the next one begins',
      async run(trial) {
        const scope = await enterRun(trial)
        const count = 3_000
        await Promise.all(Array.from({ length: count }, (_, index) => scope.remember(`${index}`, `${index}`)))
        await scope.release()
        const { memory } = await reenter(trial, scope.id)
        const keys = memory.memories.map(({ at }) => at.key)
        for (let after = memory.next; after !== undefined; ) {
          const { memories, next } = await scope.recall({ after, limit: 1_000 })
          keys.push(...memories.map(({ at }) => at.key))
          after = next
        }
        assert.deepEqual(
          keys,
          Array.from({ length: count }, (_, index) => `${index}`),
        )
      },
    },
    {
      title: 'a run that is to be tried again waits for its time, with its failure',
      async run(trial) {
        const scope = await enterRun(trial)
        const dueAt = trial.now + MINUTE
        assert.equal(await scope.end({ status: 'due', result: failure('not yet'), dueAt }), true)
        const { status, failures, attempt, result, ...run } = await scope.find()
        assert.deepEqual([status, failures, attempt, result], ['due', 1, 1, failure('not yet')])
        assert.equal(run.dueAt, dueAt)
        assert.equal(run.endedAt, undefined)
        trial.pass(MINUTE - 1)
        assert.deepEqual(await claimRuns(trial), { claimed: [], nextDueAt: dueAt })
        trial.pass(1)
        assert.deepEqual(await claimedIds(trial), [scope.id])
      },
    },
    ...(['done', 'cancelled'] as const).map(status => ({
      title: `a run that ended ${status} stays so, with its result, and is entered no more`,
      async run(trial: Trial) {
        const scope = await enterRun(trial)
        await scope.remember('book', 'booked')
        trial.pass(MINUTE)
        assert.equal(await scope.end({ status, result: value('over') }), true)
        const ended = await scope.find()
        assert.deepEqual([ended.status, ended.endedAt, ended.result], [status, trial.now, value('over')])
        assert.equal('dueAt' in ended, false)
        trial.pass(DAY)
        assert.equal(await scope.end(), false)
        assert.equal(await scope.fail(), false)
        assert.equal(await retryRun(trial, scope.id), false)
        assert.equal(await cancelRun(trial, scope.id), false)
        assert.equal(await scope.release(), false)
        await trial.restart()
        await trial.takeOver()
        assert.deepEqual(await claimRuns(trial), { claimed: [] })
        assert.deepEqual(await findRun(trial, scope.id), ended)
        assert.deepEqual(await scope.memories(), [])
      },
    })),
    {
      title: 'a run that failed keeps what it remembers and what it owns, and is entered no more by itself',
      async run(trial) {
        const scope = await enterRun(trial)
        const reply = await scope.spawn('reply')
        assert.equal(await scope.fail(), true)
        const { status, endedAt, result } = await scope.find()
        assert.deepEqual([status, endedAt, result], ['failed', trial.now, failure('failed')])
        trial.pass(DAY)
        await trial.takeOver()
        assert.deepEqual(await claimRuns(trial), { claimed: [] })
        assert.equal((await scope.memories()).length, 1)
        assert.equal((await trial.post(reply, 'late')).type, 'accepted')
        assert.equal(await scope.end(), false)
        assert.equal((await scope.find()).status, 'failed')
      },
    },
    {
      title: 'a run that is given back is as it was before it was claimed',
      async run(trial) {
        const { id } = await startRun(trial)
        const before = await findRun(trial, id)
        const scope = await reenter(trial, before.id)
        assert.equal(await scope.release(), true)
        assert.deepEqual(await findRun(trial, before.id), before)
        assert.equal(await scope.release(), false)
        const again = await reenter(trial, before.id)
        assert.equal(again.run.attempt, 1)
        await again.end({ status: 'due', result: failure('not yet'), dueAt: trial.now })
        const failed = await again.find()
        await (await reenter(trial)).release()
        assert.deepEqual(await findRun(trial, before.id), failed)
      },
    },
    {
      title: 'counts the runs that should have been entered by now',
      async run(trial) {
        const due = () => trial.session.countDue({ now: trial.now })
        await startRun(trial, { dueAt: trial.now + MINUTE })
        const scope = await enterRun(trial)
        assert.equal(await due(), 0)
        await scope.sleep('sleep', trial.now + MINUTE)
        await scope.parkOn({ type: 'time' }, { key: 'sleep', deadlineAt: trial.now + MINUTE })
        assert.equal(await due(), 0)
        trial.pass(MINUTE)
        assert.equal(await due(), 2)
        await claimRuns(trial)
        assert.equal(await due(), 0)
      },
    },
  ],
}
