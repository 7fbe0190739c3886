import assert from 'node:assert/strict'
import type { Wake } from '../../store/store.js'
import { enterCallback } from './entered-callback.js'
import { cancelRun, claimRuns, enterRun, findRun, reenter, retryRun, startRun } from './entered-run.js'
import {
  APP,
  failure,
  onDelivery,
  onExchange,
  onReceiver,
  onRun,
  placeAt,
  TIME,
  textOf,
} from './entered-scope.js'
import { type Area, DAY, HOUR, LEASE, MINUTE, type Trial } from './trial.js'

const RUNS = { kind: 'runs' } as const
const OUTBOX = { kind: 'outbox' } as const

async function expectWake(trial: Trial, wake: Wake, change: () => Promise<unknown>): Promise<void> {
  const log = trial.listen()
  await change()
  await log.expect(wake)
  log.stop()
}

/** Who is told that a run may be due, or has ended, and who finds it without being told. */
export const runWaking: Area = {
  title: 'wake-ups and news of runs',
  cases: [
    {
      title: 'wakes whoever enters runs when one may be due',
      async run(trial) {
        const wakes = (change: () => Promise<unknown>) => expectWake(trial, RUNS, change)
        const { id } = await startRun(trial)
        await wakes(() => startRun(trial, { workflow: 'bill' }))
        let scope = await reenter(trial, id)
        await wakes(() => scope.release())
        scope = await reenter(trial, id)
        await wakes(() => scope.end({ status: 'due', result: failure('not yet'), dueAt: trial.now }))
        await claimRuns(trial)
        await wakes(() => trial.session.reclaimRuns({ epoch: trial.epoch, held: [], now: trial.now }))
        scope = await reenter(trial, id)
        await scope.fail()
        await wakes(() => retryRun(trial, id))
        scope = await reenter(trial, id)
        await wakes(() => cancelRun(trial, id))
        await scope.end()
        await enterRun(trial, { epoch: await trial.join() })
        trial.pass(LEASE)
        await wakes(() => trial.takeOver())
        const { claim } = await reenter(trial, undefined, { epoch: await trial.join() })
        await wakes(() => trial.leave(claim.epoch))
      },
    },
    {
      title: 'wakes whoever enters runs when what a parked one waits for is there',
      async run(trial) {
        const scope = await enterRun(trial)
        const reply = await scope.spawn('reply')
        const closing = await scope.spawn('closing')
        const short = await scope.spawn('short', { ttlMs: HOUR })
        const begun = await scope.exchange('ask')
        const asked = await trial.takeDelivery(APP)
        const deliveryId = await scope.send('notify')
        const cancelled = await scope.send('cancelled')
        const expired = await scope.send('expired', { deadlineAt: trial.now + DAY })
        const [child, quit] = [
          await enterRun(trial, { workflow: 'bill' }),
          await startRun(trial, { workflow: 'bill' }),
        ]
        const { now } = trial
        const changes = [
          [onReceiver(reply), () => trial.fill(reply, 'yes')],
          [onReceiver(closing), () => trial.close(closing)],
          [onExchange(begun), () => trial.record(asked, { status: 'dead', reason: 'rejected' })],
          [
            onDelivery(deliveryId),
            async () => trial.record(await trial.takeDelivery(APP), { status: 'delivered' }),
          ],
          [onDelivery(cancelled), () => trial.session.cancelDelivery({ deliveryId: cancelled, now })],
          [onRun(child.id), () => child.end()],
          [onRun(quit.id), () => cancelRun(trial, quit.id)],
          [
            onReceiver(short),
            () => {
              trial.pass(HOUR)
              return trial.sweep()
            },
          ],
          [
            onDelivery(expired),
            () => {
              trial.pass(DAY)
              return trial.sweep()
            },
          ],
        ] as const
        let entry = scope
        for (const [index, [target, change]] of changes.entries()) {
          assert.equal(await entry.parkOn(target), 'parked', `${index}`)
          await expectWake(trial, RUNS, change)
          entry = await reenter(trial, scope.id)
        }
      },
    },
    {
      title: 'wakes whoever waits for a run when it has ended, or is asked to end',
      async run(trial) {
        for (const end of ['done', 'failed', 'cancelled'] as const) {
          const scope = await enterRun(trial)
          const wake = { kind: 'run', runId: scope.id } as const
          await expectWake(trial, wake, () => cancelRun(trial, scope.id))
          await expectWake(trial, wake, () => scope.end({ status: end, result: failure('over') }))
          if (end === 'failed') await expectWake(trial, wake, () => cancelRun(trial, scope.id))
        }
        const { id } = await startRun(trial)
        await expectWake(trial, { kind: 'run', runId: id }, () => cancelRun(trial, id))
      },
    },
    {
      title:
        'wakes whoever sends when a scope has sent, and whoever reads the receiver of a callback that began a run',
      async run(trial) {
        const scope = await enterRun(trial)
        await expectWake(trial, OUTBOX, () => scope.send('notify'))
        await expectWake(trial, OUTBOX, () => scope.exchange('ask'))
        const begun = await scope.exchange('again')
        await trial.session.cancelDelivery({ deliveryId: begun.deliveryId, now: trial.now })
        await scope.hear('again', begun)
        await scope.fail()
        await retryRun(trial, scope.id)
        const again = await reenter(trial, scope.id)
        await expectWake(trial, OUTBOX, () => again.tryResend('again'))
        const { callback } = await enterCallback(trial)
        const { receiverId } = callback
        await expectWake(trial, { kind: 'receiver', receiverId }, () =>
          startRun(trial, { acknowledges: trial.toClaim(callback) }),
        )
      },
    },
    {
      title: 'wakes whoever reads a receiver of a scope when something came, or it ended',
      async run(trial) {
        const scope = await enterRun(trial)
        const [reply, short] = [await scope.spawn('reply'), await scope.spawn('short', { ttlMs: MINUTE })]
        const wake = { kind: 'receiver', receiverId: reply.id } as const
        await expectWake(trial, wake, () => trial.fill(reply, 'a'))
        await expectWake(trial, wake, () => trial.close(reply))
        trial.pass(MINUTE)
        await expectWake(trial, { kind: 'receiver', receiverId: short.id }, () => trial.sweep())
      },
    },
    {
      title: 'runs that ended are news, the others are not',
      async run(trial) {
        const [done, failed, cancelled] = [
          await enterRun(trial),
          await enterRun(trial),
          await enterRun(trial),
        ]
        await done.end()
        await failed.fail()
        await cancelled.end({ status: 'cancelled', result: failure('cancelled') })
        const quit = await startRun(trial)
        await cancelRun(trial, quit.id)
        const [running, parked] = [await enterRun(trial), await enterRun(trial)]
        await parked.parkOn(TIME, { deadlineAt: trial.now + DAY })
        const due = await startRun(trial)
        const ended = [done.id, failed.id, cancelled.id, quit.id]
        const asked = [...ended, running.id, parked.id, due.id]
        assert.deepEqual((await newsOf(trial, asked)).sort(), ended.sort())
        await retryRun(trial, failed.id)
        assert.deepEqual((await newsOf(trial, [failed.id])).length, 0)
        assert.deepEqual(await newsOf(trial, []), [])
      },
    },
    {
      title: 'a run that is asked to end is news for whoever has it in hand, until that is thrown in it',
      async run(trial) {
        const scope = await enterRun(trial)
        assert.deepEqual(await newsOf(trial, [scope.id]), [])
        await cancelRun(trial, scope.id)
        assert.deepEqual(await newsOf(trial, [scope.id]), [scope.id])
        await scope.throwCancel('sleep', 'sleep')
        assert.deepEqual(await newsOf(trial, [scope.id]), [])
      },
    },
    {
      title:
        'a wake-up that gets lost costs a look at the news, never the end of a run or what one waits for',
      async run(trial) {
        const parent = await enterRun(trial)
        const child = await enterRun(trial, { workflow: 'bill', epoch: await trial.join() })
        await parent.parkOn(onRun(child.id))
        assert.deepEqual(await newsOf(trial, [child.id]), [])
        trial.pass(LEASE)
        await trial.takeOver({ maxCrashes: 1 })
        assert.deepEqual(await newsOf(trial, [child.id]), [child.id])
        const again = await reenter(trial, parent.id)
        const reply = await again.spawn('reply')
        const receiverIds = [reply.id]
        const { session, now } = trial
        const news = () => session.news({ now, receiverIds, deliveryIds: [], callbackIds: [], runIds: [] })
        assert.deepEqual((await news()).receiverIds, [])
        await trial.fill(reply, 'yes')
        assert.deepEqual((await news()).receiverIds, receiverIds)
        assert.equal(textOf(await again.read('reply', reply)), 'yes')
        assert.deepEqual((await news()).receiverIds, [])
        assert.equal((await again.wait(placeAt('reply', 2), onReceiver(reply))).type, 'waiting')
        await again.end()
        assert.deepEqual((await news()).receiverIds, receiverIds)
      },
    },
    {
      title: 'a deadline that nobody is woken for is found by whoever asks what is due next',
      async run(trial) {
        const scope = await enterRun(trial)
        await scope.parkOn(TIME, { deadlineAt: trial.now + DAY })
        const log = trial.listen()
        const { nextDueAt } = await claimRuns(trial)
        assert.equal(nextDueAt, trial.now + DAY)
        trial.pass(DAY)
        assert.equal((await findRun(trial, scope.id)).status, 'parked')
        assert.equal((await reenter(trial, scope.id)).run.attempt, 2)
        assert.deepEqual(log.wakes, [])
        log.stop()
      },
    },
  ],
}

async function newsOf(trial: Trial, runIds: readonly string[]): Promise<string[]> {
  const { session, now } = trial
  const news = await session.news({ now, receiverIds: [], deliveryIds: [], callbackIds: [], runIds })
  assert.deepEqual(news, { receiverIds: [], deliveryIds: [], callbackIds: [], runIds: news.runIds })
  return [...news.runIds]
}
