import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import { createId } from '../../core/ids.js'
import { enterCallback } from './entered-callback.js'
import { claimedIds, enterRun, findRun, reenter, SHIP, startRun, tryStartRun } from './entered-run.js'
import { failure, LOST, placeAt, value } from './entered-scope.js'
import { type Area, DAY, MINUTE, texts } from './trial.js'

const everyByte = Uint8Array.from({ length: 256 }, (_, index) => index)

/** Runs, and what starting one does besides. */
export const starting: Area = {
  title: 'starting runs',
  cases: [
    {
      title: 'a run that was started is due when it was said to be, and found by its id and by its key',
      async run(trial) {
        const runId = createId('run', trial.now)
        const dueAt = trial.now + MINUTE
        const outcome = await tryStartRun(trial, { runId, key: 'order/7', dueAt })
        const run = {
          id: runId,
          workflow: SHIP,
          key: 'order/7',
          status: 'due',
          input: utf8('{}'),
          startedAt: dueAt,
          dueAt,
          attempt: 0,
          failures: 0,
          cancellation: 'none',
        }
        assert.deepEqual(outcome, { type: 'started', run, created: true })
        await trial.restart()
        const found = { ...run, waitingFor: [] }
        assert.deepEqual(await findRun(trial, runId), found)
        assert.deepEqual(await trial.session.findRun({ workflow: SHIP, key: 'order/7' }), found)
      },
    },
    {
      title: 'a run counts as started when it was first due, and no sooner than somebody started it',
      async run(trial) {
        const { now } = trial
        const [at, before, later] = [
          await startRun(trial),
          await startRun(trial, { dueAt: now - DAY }),
          await startRun(trial, { dueAt: now + DAY }),
        ]
        assert.deepEqual(
          [at, before, later].map(({ startedAt }) => startedAt),
          [now, now, now + DAY],
        )
        trial.pass(2 * DAY)
        assert.equal((await reenter(trial, before.id)).run.startedAt, now)
        assert.equal((await reenter(trial, at.id)).run.startedAt, now)
        const scope = await reenter(trial, later.id)
        assert.equal(scope.run.startedAt, now + DAY)
        await scope.end({ status: 'due', result: failure('not yet'), dueAt: trial.now + DAY })
        const listed = async (startedBefore: number) =>
          (await trial.session.listRuns({ workflow: SHIP, startedBefore, limit: 9 })).length
        assert.deepEqual([await listed(now + DAY), await listed(now + DAY + 1)], [2, 3])
      },
    },
    {
      title: 'a run that nobody started is not found',
      async run(trial) {
        await startRun(trial, { key: 'order/7' })
        const { session } = trial
        assert.equal(await session.findRun({ runId: 'run_nobody' }), undefined)
        assert.equal(await session.findRun({ workflow: SHIP, key: 'order/8' }), undefined)
        assert.equal(await session.findRun({ workflow: 'bill', key: 'order/7' }), undefined)
      },
    },
    {
      title: 'a key of a workflow has one run, whoever starts it again and at the same moment',
      async run(trial) {
        const outcomes = await Promise.all(
          Array.from({ length: 12 }, (_, index) =>
            tryStartRun(trial, { key: 'order/7', input: utf8(`${index}`), dueAt: trial.now + index }),
          ),
        )
        const started = outcomes.filter(outcome => outcome.type === 'started')
        assert.equal(started.length, 12)
        assert.equal(started.filter(({ created }) => created).length, 1)
        for (const { run } of started) assert.deepEqual(run, started[0]?.run)
        trial.pass(MINUTE)
        assert.deepEqual(await claimedIds(trial), [started[0]?.run.id])
      },
    },
    {
      title: 'the first run with a key stands, also when it ended long ago',
      async run(trial) {
        const scope = await enterRun(trial, { key: 'order/7', input: utf8('first') })
        await scope.end({ status: 'done', result: value('shipped') })
        trial.pass(DAY)
        const again = await tryStartRun(trial, { key: 'order/7', input: utf8('second') })
        const { waitingFor: _, ...run } = await scope.find()
        assert.deepEqual(again, { type: 'started', run, created: false })
        assert.deepEqual(await claimedIds(trial), [])
      },
    },
    {
      title: 'runs are told apart by every letter of their workflow and of their key',
      async run(trial) {
        const names = ['a', 'A', 'a ', 'a/b', 'b', 'ördèrs/☃/😀', '%', '_', 'b/a']
        const pairs = names.flatMap(workflow => names.map(key => ({ workflow, key })))
        for (const pair of pairs) {
          const outcome = await tryStartRun(trial, pair)
          assert.equal(outcome.type, 'started')
          assert.equal(outcome.created, true)
        }
        for (const pair of pairs) {
          const { workflow, key } = (await trial.session.findRun(pair)) ?? {}
          assert.deepEqual({ workflow, key }, pair)
        }
      },
    },
    {
      title: 'what a run was started with comes out exactly as it went in',
      async run(trial) {
        const given = everyByte.slice()
        const { id } = await startRun(trial, { input: given })
        given.fill(0)
        const { input } = await findRun(trial, id)
        assert.deepEqual([...input], [...everyByte])
        input.fill(0)
        await trial.restart()
        const { run } = await reenter(trial, id)
        assert.deepEqual([...run.input], [...everyByte])
      },
    },
    {
      title: 'a run that a scope starts is remembered with it, and another scope may find it by its key',
      async run(trial) {
        const [one, other] = [await enterRun(trial), await enterCallback(trial)]
        const at = placeAt('bill')
        const child = { workflow: 'bill', key: 'order/7' }
        const first = await tryStartRun(trial, { ...child, in: { entry: one.entry, at } })
        assert.equal(first.type, 'started')
        assert.equal(first.created, true)
        const second = await tryStartRun(trial, { ...child, in: { entry: other.entry, at } })
        assert.deepEqual(second, { ...first, created: false })
        const memory = { verb: 'start', runId: first.run.id, ...child }
        for (const scope of [one, other]) assert.deepEqual(await scope.memories(), [{ at, memory }])
        assert.deepEqual(await claimedIds(trial, { workflows: { bill: 9 } }), [first.run.id])
      },
    },
    {
      title: 'a key of a scope has one run, whatever a later start brings',
      async run(trial) {
        const scope = await enterRun(trial)
        const inScope = { in: { entry: scope.entry, at: placeAt('bill') }, workflow: 'bill' }
        const first = await startRun(trial, { ...inScope, key: 'order/7' })
        const again = await startRun(trial, { ...inScope, key: 'order/8' })
        assert.equal(again.id, first.id)
        assert.equal(await trial.session.findRun({ workflow: 'bill', key: 'order/8' }), undefined)
      },
    },
    {
      title: 'a callback is handled with the run that it starts, and its scope ends',
      async run(trial) {
        const scope = await enterCallback(trial)
        const reply = await scope.spawn('reply')
        const acknowledges = trial.toClaim(scope.callback)
        const { id } = await startRun(trial, { acknowledges })
        assert.equal(await scope.acknowledge(), false)
        assert.deepEqual(await scope.memories(), [])
        assert.equal((await trial.find(reply.token)).state, 'closed')
        await trial.leave()
        await trial.restart()
        assert.deepEqual(texts(await trial.take(await trial.spawn('orders'))), [])
        assert.deepEqual(await claimedIds(trial), [id])
      },
    },
    {
      title:
        'a callback is handled also when the run that it starts is there already, under its own key or in a scope',
      async run(trial) {
        const before = await startRun(trial, { key: 'order/7' })
        const scope = await enterCallback(trial)
        const acknowledges = trial.toClaim(scope.callback)
        const outcome = await tryStartRun(trial, { key: 'order/7', acknowledges })
        assert.deepEqual(outcome, { type: 'started', run: before, created: false })
        assert.equal(await scope.acknowledge(), false)
        const next = await enterCallback(trial)
        const run = await startRun(trial, {
          acknowledges: trial.toClaim(next.callback),
          in: { entry: next.entry, at: placeAt('ship') },
        })
        assert.equal(await next.acknowledge(), false)
        assert.deepEqual(await next.memories(), [])
        assert.deepEqual([...(await claimedIds(trial))].sort(), [before.id, run.id].sort())
      },
    },
    {
      title: 'the next of a group is ready when the callback before it began a run',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2')
        const { ungrouped } = await trial.claim(receiver, { ordered: true })
        const groups = ungrouped.map(({ id }) => ({ callbackId: id, group: 'a' }))
        const first = await trial.takeOne(receiver, { ordered: true, groups })
        assert.deepEqual(await trial.take(receiver, { ordered: true }), [])
        await startRun(trial, { acknowledges: trial.toClaim(first) })
        assert.deepEqual(texts(await trial.take(receiver, { ordered: true })), ['a2'])
      },
    },
    {
      title: 'a callback whose claim is over starts no run',
      async run(trial) {
        const scope = await enterCallback(trial)
        const acknowledges = trial.toClaim(scope.callback)
        await trial.release(scope.callback)
        assert.deepEqual(await tryStartRun(trial, { key: 'order/7', acknowledges }), LOST)
        assert.equal(await trial.session.findRun({ workflow: SHIP, key: 'order/7' }), undefined)
        assert.deepEqual(texts(await trial.take(await trial.spawn('orders'))), ['order'])
      },
    },
    {
      title:
        'a run whose scope is over, or whose key is of another verb, is not started, nor the callback handled',
      async run(trial) {
        const [scope, over] = [await enterRun(trial), await enterRun(trial)]
        await over.end()
        await scope.remember('bill', 'billed')
        const { callback } = await enterCallback(trial)
        const acknowledges = trial.toClaim(callback)
        const at = placeAt('bill')
        const start = (entry: typeof scope.entry) =>
          tryStartRun(trial, { workflow: 'bill', key: 'order/7', acknowledges, in: { entry, at } })
        assert.deepEqual(await start(over.entry), LOST)
        assert.equal((await start(scope.entry)).type, 'known')
        assert.equal(await trial.session.findRun({ workflow: 'bill', key: 'order/7' }), undefined)
        assert.equal(await trial.acknowledge(callback), true)
      },
    },
    {
      title: 'a run whose callback is not its own to handle is not remembered either',
      async run(trial) {
        const scope = await enterRun(trial)
        const { callback } = await enterCallback(trial)
        const stale = { ...trial.toClaim(callback), fence: callback.fence + 1 }
        const inScope = { in: { entry: scope.entry, at: placeAt('bill') } }
        assert.deepEqual(await tryStartRun(trial, { ...inScope, key: 'order/7', acknowledges: stale }), LOST)
        assert.deepEqual(await scope.memories(), [])
        assert.equal(await trial.session.findRun({ workflow: SHIP, key: 'order/7' }), undefined)
      },
    },
  ],
}
