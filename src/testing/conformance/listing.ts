import assert from 'node:assert/strict'
import type { RunStatus } from '../../model/run.js'
import { cancelRun, enterRun, SHIP, startRun } from './entered-run.js'
import { onReceiver, placeAt, TIME } from './entered-scope.js'
import { type Area, MINUTE } from './trial.js'

/** The runs of a workflow, in pages. */
export const listing: Area = {
  title: 'listing runs',
  cases: [
    {
      title: 'lists the runs of one workflow, in order of id, page by page',
      async run(trial) {
        const ids: string[] = []
        for (let index = 0; index < 5; index += 1) {
          ids.push((await startRun(trial)).id)
          await startRun(trial, { workflow: 'bill' })
        }
        const page = async (limit: number, after?: string) => {
          const from = after === undefined ? {} : { after }
          const runs = await trial.session.listRuns({ workflow: SHIP, limit, ...from })
          return runs.map(({ id }) => id)
        }
        assert.deepEqual(await page(10), ids)
        assert.deepEqual(await page(2), ids.slice(0, 2))
        assert.deepEqual(await page(2, ids[1]), ids.slice(2, 4))
        assert.deepEqual(await page(2, ids[3]), ids.slice(4))
        assert.deepEqual(await page(2, ids[4]), [])
      },
    },
    {
      title: 'a listed run is told as it is found, with the keys of what it waits for while it is parked',
      async run(trial) {
        const scope = await enterRun(trial, { key: 'order/7' })
        const receiver = await scope.spawn('reply')
        const list = () => trial.session.listRuns({ workflow: SHIP, limit: 10 })
        assert.deepEqual(await list(), [await scope.find()])
        const parked = await scope.park([
          { at: placeAt('reply', 1), target: onReceiver(receiver) },
          { at: placeAt('sleep'), target: TIME, deadlineAt: trial.now + MINUTE },
        ])
        assert.equal(parked, 'parked')
        const [run, ...others] = await list()
        assert.ok(run)
        assert.deepEqual(others, [])
        assert.deepEqual([...run.waitingFor].sort(), ['reply', 'sleep'])
        assert.deepEqual(run, await scope.find())
        await trial.fill(receiver, 'yes')
        assert.deepEqual(await list(), [await scope.find()])
        assert.deepEqual((await scope.find()).waitingFor, [])
      },
    },
    {
      title: 'lists by status, and by when they were started',
      async run(trial) {
        const ids: Partial<Record<RunStatus, string>> = {}
        const running = await enterRun(trial)
        const parked = await enterRun(trial)
        await parked.parkOn(TIME, { deadlineAt: trial.now + MINUTE })
        const [done, failed] = [await enterRun(trial), await enterRun(trial)]
        await done.end()
        await failed.fail()
        const cancelled = await startRun(trial)
        await cancelRun(trial, cancelled.id)
        trial.pass(MINUTE)
        const due = await startRun(trial)
        Object.assign(ids, {
          running: running.id,
          parked: parked.id,
          done: done.id,
          failed: failed.id,
          cancelled: cancelled.id,
          due: due.id,
        })
        const list = async (filter: { status?: RunStatus; startedBefore?: number }) => {
          const runs = await trial.session.listRuns({ workflow: SHIP, limit: 10, ...filter })
          return runs.map(({ id }) => id)
        }
        for (const status of ['due', 'running', 'parked', 'done', 'failed', 'cancelled'] as const) {
          assert.deepEqual(await list({ status }), [ids[status]])
        }
        assert.equal((await list({ startedBefore: trial.now + 1 })).length, 6)
        assert.equal((await list({ startedBefore: trial.now })).length, 5)
        assert.deepEqual(await list({ startedBefore: trial.now, status: 'due' }), [])
        assert.deepEqual(await list({ startedBefore: trial.now, status: 'done' }), [done.id])
      },
    },
    {
      title: 'pages of one status leave out no run, however many others are between',
      async run(trial) {
        const ids: string[] = []
        for (let index = 0; index < 30; index += 1) {
          const scope = await enterRun(trial)
          if (index % 7 === 3) ids.push(scope.id)
          else await scope.end()
        }
        const found: string[] = []
        for (;;) {
          const after = found.at(-1)
          const from = after === undefined ? {} : { after }
          const page = await trial.session.listRuns({ workflow: SHIP, status: 'running', limit: 1, ...from })
          if (page.length === 0) break
          found.push(...page.map(({ id }) => id))
        }
        assert.deepEqual(found, ids)
      },
    },
  ],
}
