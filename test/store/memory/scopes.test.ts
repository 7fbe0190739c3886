import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../../src/store/memory/memory-store.js'
import {
  cancelRun,
  claimedIds,
  enterRun,
  findRun,
  reenter,
  retryRun,
} from '../../../src/testing/conformance/entered-run.js'
import {
  failure,
  newReceiver,
  onDelivery,
  onExchange,
  placeAt,
  textOf,
} from '../../../src/testing/conformance/entered-scope.js'
import { DAY, HOUR, LEASE, Trial } from '../../../src/testing/conformance/trial.js'

function trial(run: (trial: Trial) => Promise<void>): () => Promise<void> {
  return () => Trial.run(() => Promise.resolve(memoryStore()), run)
}

describe('scopes in memory', () => {
  it(
    'throws a cancellation again that a retry has forgotten',
    trial(async trial => {
      const scope = await enterRun(trial)
      await cancelRun(trial, scope.id, 'enough')
      expect(await scope.throwCancel('book', 'step')).toBe(true)
      await scope.fail(placeAt('book'))
      await retryRun(trial, scope.id)
      expect((await findRun(trial, scope.id)).cancellation).toBe('requested')
      const again = await reenter(trial, scope.id)
      expect(await again.throwCancel('book', 'step')).toBe(true)
      await again.fail(placeAt('undo'))
      await retryRun(trial, scope.id)
      expect((await findRun(trial, scope.id)).cancellation).toBe('thrown')
    }),
  )

  it(
    'enters a run that is to be cancelled at once, though its entry ended to be tried again later',
    trial(async trial => {
      const scope = await enterRun(trial)
      await cancelRun(trial, scope.id)
      await scope.end({ status: 'due', result: failure('no'), dueAt: trial.now + HOUR })
      expect(await claimedIds(trial)).toEqual([scope.id])
    }),
  )

  it(
    'ends a row of crashes when a run is parked',
    trial(async trial => {
      let scope = await enterRun(trial, { epoch: await trial.join() })
      for (let round = 0; round < 5; round += 1) {
        trial.pass(LEASE)
        await trial.takeOver({ maxCrashes: 2 })
        scope = await reenter(trial, scope.id, { epoch: await trial.join() })
        const target = { type: 'time' } as const
        expect(await scope.parkOn(target, { deadlineAt: trial.now + LEASE })).toBe('parked')
        trial.pass(LEASE)
        scope = await reenter(trial, scope.id, { epoch: await trial.join() })
      }
      expect((await findRun(trial, scope.id)).status).toBe('running')
    }),
  )

  it(
    'hands nothing out of the receiver of a scope but to the waits of that scope',
    trial(async trial => {
      const [scope, other] = [await enterRun(trial), await enterRun(trial)]
      const reply = await scope.spawn('reply')
      await trial.fill(reply, 'yes')
      expect(await trial.take(reply)).toEqual([])
      expect(await other.read('reply', reply)).toEqual({ type: 'ended', end: { type: 'closed' } })
      expect(textOf(await scope.read('reply', reply))).toBe('yes')
    }),
  )

  it(
    'tells of what else had come to an exchange when it was answered',
    trial(async trial => {
      const scope = await enterRun(trial)
      const begun = await scope.exchange('ask')
      await trial.fill(begun.receiver, 'yes', 'and no')
      expect(textOf(await scope.hear('ask', begun))).toBe('yes')
      expect((await trial.sweep()).ended).toEqual([{ receiverId: begun.receiver.id, unread: 1 }])
    }),
  )

  it(
    'ends an exchange whose receiver has expired, before its deadline',
    trial(async trial => {
      const scope = await enterRun(trial)
      const receiver = newReceiver(trial, { ttlMs: HOUR })
      const begun = await scope.exchange('ask', { receiver, deadlineAt: trial.now + HOUR })
      trial.pass(HOUR - 1)
      expect(await scope.parkOn(onExchange(begun))).toBe('parked')
      trial.pass(1)
      const again = await reenter(trial, scope.id)
      expect(await again.hear('ask', begun)).toEqual({ type: 'ended', end: { type: 'expired' } })
    }),
  )

  it(
    'lets go of what a scope read, and of a receiver that had ended before it, when its time is over',
    trial(async trial => {
      const scope = await enterRun(trial)
      const reply = await scope.spawn('reply')
      const request = trial.request(reply, 'read')
      await trial.session.accept(request)
      await trial.fill(reply, 'unread')
      await scope.read('reply', reply)
      await trial.close(reply)
      trial.pass(100 * DAY)
      await trial.sweep()
      await scope.end()
      trial.pass(7 * DAY)
      expect((await trial.sweep()).dropped).toEqual([{ receiverId: reply.id, callbacks: 1 }])
      expect(await trial.session.accept(request)).toEqual({ type: 'unknown' })
    }),
  )

  it(
    'remembers nothing of a wait that was given up and made again without a deadline',
    trial(async trial => {
      const scope = await enterRun(trial)
      const deliveryId = await scope.send('notify')
      const target = onDelivery(deliveryId)
      await scope.wait('notify', target, { deadlineAt: trial.now + HOUR })
      expect(await scope.wait('notify', target, { anew: true })).toEqual({ type: 'waiting' })
      expect((await scope.memories()).length).toBe(1)
    }),
  )

  it(
    'keeps a run from its last end, and the others from theirs',
    trial(async trial => {
      const [one, other] = [await enterRun(trial), await enterRun(trial)]
      await one.fail()
      trial.pass(DAY)
      await other.fail()
      trial.pass(DAY)
      await retryRun(trial, one.id)
      await (await reenter(trial, one.id)).fail()
      trial.pass(29 * DAY)
      await trial.sweep()
      const left = await trial.session.listRuns({ workflow: one.run.workflow, limit: 9 })
      expect(left.map(({ id }) => id)).toEqual([one.id])
    }),
  )
})
