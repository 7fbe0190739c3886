import assert from 'node:assert/strict'
import type { Race, Verb } from '../../model/memory.js'
import { enterCallback } from './entered-callback.js'
import {
  cancelRun,
  claimRuns,
  enterRun,
  findRun,
  reenter,
  retryRun,
  startRun,
  tryStartRun,
} from './entered-run.js'
import { endOf, failure, onReceiver, onRun, placeAt, TIME, value } from './entered-scope.js'
import { type Area, DAY, MINUTE } from './trial.js'

const CANCEL = { type: 'cancel', reason: 'enough' } as const

/** Runs that are asked to end, which is thrown in them once. */
export const cancelling: Area = {
  title: 'cancelling runs',
  cases: [
    {
      title: 'a run that nobody ever claimed is cancelled at once',
      async run(trial) {
        const { id } = await startRun(trial, { dueAt: trial.now + DAY })
        trial.pass(MINUTE)
        assert.equal(await cancelRun(trial, id, 'enough'), true)
        const { status, endedAt, cancelReason } = await findRun(trial, id)
        assert.deepEqual([status, endedAt, cancelReason], ['cancelled', trial.now, 'enough'])
        assert.equal(await cancelRun(trial, id), false)
        trial.pass(DAY)
        assert.deepEqual(await claimRuns(trial), { claimed: [] })
        assert.equal(await retryRun(trial, id), false)
      },
    },
    {
      title:
        'a run that was claimed and given back is not cancelled at once: it may have something to compensate',
      async run(trial) {
        const [released, left] = [await enterRun(trial), await enterRun(trial, { epoch: await trial.join() })]
        for (const scope of [released, left]) await scope.remember('book', 'booked')
        await released.release()
        await trial.leave(left.claim.epoch)
        for (const { id } of [released, left]) {
          assert.equal(await cancelRun(trial, id, 'enough'), true)
          const { status, attempt, cancellation } = await findRun(trial, id)
          assert.deepEqual([status, attempt, cancellation], ['due', 0, 'requested'])
        }
        assert.equal((await claimRuns(trial)).claimed.length, 2)
      },
    },
    {
      title: 'a run that waits for its next try, or is parked, is due at once',
      async run(trial) {
        const [failed, parked] = [await enterRun(trial), await enterRun(trial)]
        await failed.end({ status: 'due', result: failure('not yet'), dueAt: trial.now + DAY })
        await parked.parkOn(TIME, { deadlineAt: trial.now + DAY })
        trial.pass(MINUTE)
        for (const { id } of [failed, parked]) assert.equal(await cancelRun(trial, id, 'enough'), true)
        const { claimed } = await claimRuns(trial)
        assert.deepEqual(
          claimed.map(({ run }) => [run.cancellation, run.cancelReason, run.attempt]),
          [
            ['requested', 'enough', 2],
            ['requested', 'enough', 2],
          ],
        )
      },
    },
    {
      title: 'a cancellation is thrown once, at one place, where it is thrown again on re-entry',
      async run(trial) {
        const scope = await enterRun(trial)
        const receiver = await scope.spawn('reply')
        assert.equal(await scope.throwCancel(placeAt('reply', 1), 'wait'), false)
        assert.equal(await cancelRun(trial, scope.id, 'enough'), true)
        assert.equal((await scope.find()).status, 'running')
        assert.equal(await scope.throwCancel(placeAt('reply', 1), 'wait'), true)
        assert.equal((await scope.find()).cancellation, 'thrown')
        assert.deepEqual(await scope.read('reply', receiver), { type: 'ended', end: CANCEL })
        for (const place of [placeAt('reply', 1), placeAt('reply', 2), placeAt('book')]) {
          assert.equal(await scope.throwCancel(place, place.n === 0 ? 'step' : 'wait'), false)
        }
        assert.equal(await cancelRun(trial, scope.id, 'again'), false)
        await scope.release()
        const again = await reenter(trial, scope.id)
        assert.deepEqual([again.run.cancellation, again.run.cancelReason], ['thrown', 'enough'])
        assert.deepEqual(await again.endAt(placeAt('reply', 1)), CANCEL)
        await trial.fill(receiver, 'late')
        assert.deepEqual(endOf(await again.read('reply', receiver)), CANCEL)
      },
    },
    {
      title: 'a cancellation without a reason has none',
      async run(trial) {
        const scope = await enterRun(trial)
        await cancelRun(trial, scope.id)
        await scope.throwCancel('sleep', 'sleep')
        assert.deepEqual(await scope.endAt('sleep'), { type: 'cancel' })
        assert.equal('cancelReason' in (await scope.find()), false)
      },
    },
    {
      title:
        'it is thrown at waits under way: one with a deadline, a sleep, and an exchange, which keeps what it has',
      async run(trial) {
        const deadlineAt = trial.now + DAY
        const wait = await enterRun(trial)
        await wait.read('reply', await wait.spawn('reply'), { deadlineAt })
        const sleep = await enterRun(trial)
        await sleep.sleep('sleep', deadlineAt)
        const exchange = await enterRun(trial)
        const begun = await exchange.exchange('ask', { deadlineAt })
        for (const { id } of [wait, sleep, exchange]) await cancelRun(trial, id, 'enough')
        assert.equal(await wait.throwCancel(placeAt('reply', 1), 'wait'), true)
        assert.equal(await sleep.throwCancel('sleep', 'sleep'), true)
        assert.equal(await exchange.throwCancel('ask', 'exchange'), true)
        assert.deepEqual(await wait.endAt(placeAt('reply', 1)), CANCEL)
        assert.deepEqual(endOf(await sleep.sleep('sleep', deadlineAt)), CANCEL)
        const memory = await exchange.memoryAt('ask')
        assert.ok(memory?.verb === 'exchange' && 'receiver' in memory)
        const { receiver, deliveryId, end } = memory
        assert.deepEqual([receiver.id, deliveryId, end], [begun.receiver.id, begun.deliveryId, CANCEL])
      },
    },
    {
      title: 'it is thrown at a verb that has not begun, which then never begins',
      async run(trial) {
        const verbs: readonly Verb[] = ['spawn', 'send', 'start', 'step', 'race', 'any', 'exchange', 'sleep']
        for (const verb of verbs) {
          const scope = await enterRun(trial)
          await cancelRun(trial, scope.id, 'enough')
          assert.equal(await scope.throwCancel('key', verb), true)
          const known = { type: 'known', memory: { verb, end: CANCEL } }
          assert.deepEqual(await scope.memories(), [{ at: placeAt('key'), memory: known.memory }])
          if (verb === 'spawn') assert.deepEqual(await scope.trySpawn('key'), known)
          if (verb === 'send') assert.deepEqual(await scope.trySend('key'), known)
          if (verb === 'exchange') assert.deepEqual(await scope.tryExchange('key'), known)
          if (verb === 'step') assert.deepEqual(await scope.remember('key', 'done'), known)
          const start = { workflow: 'bill', key: scope.id, in: { entry: scope.entry, at: placeAt('key') } }
          if (verb === 'start') assert.deepEqual(await tryStartRun(trial, start), known)
        }
        assert.deepEqual(await trial.session.listReceivers({ now: trial.now, limit: 9 }), [])
        assert.equal(await trial.session.countDue({ now: trial.now }), 0)
      },
    },
    {
      title: 'it is not thrown where something is remembered already, and waits for the next place',
      async run(trial) {
        const scope = await enterRun(trial)
        const receiver = await scope.spawn('reply')
        await scope.read('reply', receiver, { deadlineAt: trial.now })
        await scope.remember('book', 'booked')
        await cancelRun(trial, scope.id, 'enough')
        const before = await scope.memories()
        assert.equal(await scope.throwCancel('reply', 'spawn'), false)
        assert.equal(await scope.throwCancel(placeAt('reply', 1), 'wait'), false)
        assert.equal(await scope.throwCancel('book', 'step'), false)
        assert.deepEqual(await scope.memories(), before)
        assert.equal((await scope.find()).cancellation, 'requested')
        assert.equal(await scope.throwCancel('ship', 'step'), true)
      },
    },
    {
      title: 'thrown in a branch it decides the races around it, where it counts for them',
      async run(trial) {
        const races = (wins: Race['wins']): readonly Race[] => [
          { at: placeAt('inner'), verb: 'race', branch: 'a', wins: ['callback', 'cancel'] },
          { at: placeAt('outer'), verb: 'any', branch: 'b', wins },
        ]
        for (const wins of [['cancel'], ['callback']] as const) {
          const scope = await enterRun(trial)
          await cancelRun(trial, scope.id)
          assert.equal(await scope.throwCancel('sleep', 'sleep', races(wins)), true)
          assert.equal(await scope.winnerOf('inner'), 'a')
          assert.equal(await scope.winnerOf('outer'), wins[0] === 'cancel' ? 'b' : undefined)
        }
      },
    },
    {
      title: 'a branch of a race that another has won throws nothing',
      async run(trial) {
        const scope = await enterRun(trial)
        const decision = { winner: 'b', by: { type: 'result', result: value('b') } } as const
        await scope.remember('first', { verb: 'race', decision })
        await cancelRun(trial, scope.id)
        const race: Race = { at: placeAt('first'), verb: 'race', branch: 'a', wins: ['cancel'] }
        assert.equal(await scope.throwCancel('sleep', 'sleep', [race]), false)
        assert.equal(await scope.winnerOf('first'), 'b')
        assert.equal(await scope.throwCancel('next', 'sleep'), true)
      },
    },
    {
      title: 'after it was thrown the run goes on as any other: its verbs work, and it may be parked',
      async run(trial) {
        const scope = await enterRun(trial)
        await cancelRun(trial, scope.id, 'enough')
        assert.equal(await scope.parkOn(TIME, { deadlineAt: trial.now + DAY }), 'ready')
        await scope.throwCancel('sleep', 'sleep')
        assert.equal((await scope.remember('undo', 'undone')).type, 'remembered')
        const receiver = await scope.spawn('reply')
        assert.equal((await scope.read('reply', receiver)).type, 'waiting')
        assert.equal(await scope.parkOn(onReceiver(receiver)), 'parked')
        await trial.fill(receiver, 'undone')
        const again = await reenter(trial, scope.id)
        assert.equal(await again.end({ status: 'cancelled', result: failure('cancelled') }), true)
        const { status, cancelReason, result } = await findRun(trial, scope.id)
        assert.deepEqual([status, cancelReason, result], ['cancelled', 'enough', failure('cancelled')])
      },
    },
    {
      title: 'the first end stands: a run that ends before the cancellation is thrown ends as it does',
      async run(trial) {
        const scope = await enterRun(trial)
        await cancelRun(trial, scope.id, 'enough')
        assert.equal(await scope.end({ status: 'done', result: value('shipped') }), true)
        assert.deepEqual([(await scope.find()).status, await cancelRun(trial, scope.id)], ['done', false])
        const cancelled = await enterRun(trial)
        await cancelled.end({ status: 'cancelled', result: failure('cancelled') })
        assert.equal(await cancelRun(trial, cancelled.id, 'again'), false)
        assert.equal((await cancelled.find()).cancelReason, undefined)
        assert.equal(await cancelRun(trial, 'run_nobody'), false)
      },
    },
    {
      title: 'a run that failed is cancelled as it is: nothing enters it again, and its scope ends',
      async run(trial) {
        const scope = await enterRun(trial)
        const receiver = await scope.spawn('reply')
        await scope.remember('undo', { verb: 'step', result: failure('no') })
        await scope.fail(placeAt('undo'))
        await trial.fill(receiver, 'late')
        trial.pass(MINUTE)
        assert.equal(await cancelRun(trial, scope.id, 'enough'), true)
        const { status, endedAt, cancelReason, result } = await scope.find()
        assert.deepEqual([status, endedAt, cancelReason], ['cancelled', trial.now, 'enough'])
        assert.deepEqual(result, failure('failed'))
        assert.deepEqual(await scope.memories(), [])
        assert.deepEqual(await trial.post(receiver, 'later'), { type: 'ended', state: 'closed' })
        assert.equal(await trial.unreadOf(receiver), 1)
        const { ended } = await trial.sweep()
        assert.deepEqual(ended, [{ receiverId: receiver.id, unread: 1 }])
        assert.deepEqual([await cancelRun(trial, scope.id), await retryRun(trial, scope.id)], [false, false])
        assert.deepEqual(await claimRuns(trial), { claimed: [] })
      },
    },
    {
      title:
        'whoever waits for a run that failed and was cancelled before he looked hears that it was cancelled',
      async run(trial) {
        const [waiting, child] = [await enterRun(trial), await enterRun(trial, { workflow: 'bill' })]
        await child.fail()
        await cancelRun(trial, child.id, 'enough')
        const end = { type: 'run_cancelled', reason: 'enough' }
        assert.deepEqual(endOf(await waiting.wait('child', onRun(child.id))), end)
      },
    },
    {
      title: 'retention counts for a run that failed and was cancelled from when it was cancelled',
      async run(trial) {
        const scope = await enterRun(trial)
        await scope.fail()
        trial.pass(20 * DAY)
        await cancelRun(trial, scope.id)
        trial.pass(29 * DAY)
        await trial.sweep()
        assert.equal((await scope.find()).status, 'cancelled')
        trial.pass(DAY)
        await trial.sweep()
        assert.equal(await trial.session.findRun({ runId: scope.id }), undefined)
      },
    },
    {
      title: 'a run whose compensation failed is cancelled as it is too, for the reason given first or last',
      async run(trial) {
        for (const reason of [undefined, 'give up']) {
          const scope = await enterRun(trial)
          await cancelRun(trial, scope.id, 'enough')
          await scope.throwCancel('sleep', 'sleep')
          await scope.fail()
          assert.equal(await cancelRun(trial, scope.id, reason), true)
          const { status, cancelReason } = await scope.find()
          assert.deepEqual([status, cancelReason], ['cancelled', reason ?? 'enough'])
        }
      },
    },
    {
      title: 'a run that is asked to end and fails with something else before that is thrown is due at once',
      async run(trial) {
        const scope = await enterRun(trial)
        await cancelRun(trial, scope.id)
        await scope.end({ status: 'due', result: failure('not yet'), dueAt: trial.now + DAY })
        const again = await reenter(trial, scope.id)
        assert.deepEqual([again.run.cancellation, again.run.failures], ['requested', 1])
        assert.equal(await again.throwCancel('sleep', 'sleep'), true)
        await again.end({ status: 'due', result: failure('not yet'), dueAt: trial.now + DAY })
        assert.deepEqual(await claimRuns(trial), { claimed: [], nextDueAt: trial.now + DAY })
      },
    },
    {
      title: 'a run that failed with its cancellation and is retried has it thrown again, at the next place',
      async run(trial) {
        for (const [verb, blames] of [
          ['sleep', placeAt('place')],
          ['sleep', undefined],
          ['step', placeAt('place')],
          ['exchange', undefined],
        ] as const) {
          const scope = await enterRun(trial)
          await cancelRun(trial, scope.id, 'enough')
          await scope.throwCancel('place', verb)
          await scope.fail(blames)
          assert.equal(await retryRun(trial, scope.id), true)
          const again = await reenter(trial, scope.id)
          assert.deepEqual([again.run.cancellation, again.run.cancelReason], ['requested', 'enough'])
          assert.deepEqual(await again.memories(), [])
          assert.equal(await again.throwCancel('book', 'step'), true)
          await again.end()
        }
      },
    },
    {
      title:
        'a run whose compensation failed and is retried goes on where that failed: it was cancelled before',
      async run(trial) {
        const scope = await enterRun(trial)
        await cancelRun(trial, scope.id)
        await scope.throwCancel('sleep', 'sleep')
        await scope.remember('undo', { verb: 'step', result: failure('no') })
        await scope.fail(placeAt('undo'))
        await retryRun(trial, scope.id)
        const again = await reenter(trial, scope.id)
        assert.equal(again.run.cancellation, 'thrown')
        assert.deepEqual(
          (await again.memories()).map(({ at }) => at.key),
          ['sleep'],
        )
        assert.equal(await again.throwCancel('undo', 'step'), false)
      },
    },
    {
      title: 'an entry that is over throws nothing, nor does a callback, which nobody can cancel',
      async run(trial) {
        const over = await enterRun(trial)
        await over.release()
        await cancelRun(trial, over.id, 'enough')
        assert.equal(await over.throwCancel('sleep', 'sleep'), false)
        const again = await reenter(trial, over.id)
        assert.equal(await over.throwCancel('sleep', 'sleep'), false)
        assert.equal((await again.find()).cancellation, 'requested')
        const scope = await enterCallback(trial)
        assert.equal(await scope.throwCancel('sleep', 'sleep'), false)
        assert.deepEqual(await scope.memories(), [])
      },
    },
  ],
}
