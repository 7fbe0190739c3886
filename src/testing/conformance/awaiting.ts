import assert from 'node:assert/strict'
import { cancelRun, type EnteredRun, enterReading, reenter, retryRun, startRun } from './entered-run.js'
import {
  APP,
  endOf,
  failure,
  onDelivery,
  onReceiver,
  onRun,
  placeAt,
  TIME,
  textOf,
  value,
} from './entered-scope.js'
import { type Area, DAY, HOUR, MINUTE } from './trial.js'

const TIMED_OUT = { type: 'ended', end: { type: 'timed_out' } } as const

/** What a scope can wait for, and which end it finds. */
export const awaiting: Area = {
  title: 'what waits end with',
  cases: [
    {
      title:
        'a wait says what it waits for in time: its deadline, or when its receiver expires, if that is first',
      async run(trial) {
        const { scope } = await enterReading(trial)
        const receiver = await scope.spawn('short', { ttlMs: HOUR })
        const [soon, late] = [trial.now + MINUTE, trial.now + DAY]
        const expiresAt = trial.now + HOUR
        const look = (n: number, deadlineAt?: number) =>
          scope.read(placeAt('short', n), receiver, deadlineAt === undefined ? {} : { deadlineAt })
        assert.deepEqual(await look(1), { type: 'waiting', lookAgainAt: expiresAt })
        assert.deepEqual(await look(2, soon), { type: 'waiting', deadlineAt: soon, lookAgainAt: soon })
        assert.deepEqual(await look(3, late), { type: 'waiting', deadlineAt: late, lookAgainAt: expiresAt })
        assert.deepEqual(await scope.sleep('sleep', late), {
          type: 'waiting',
          deadlineAt: late,
          lookAgainAt: late,
        })
        const deliveryId = await scope.send('notify')
        assert.deepEqual(await scope.wait('notify', onDelivery(deliveryId)), { type: 'waiting' })
      },
    },
    {
      title: 'of a receiver that has ended, what is unread comes first, then its end, before any deadline',
      async run(trial) {
        const { scope } = await enterReading(trial)
        const closed = await scope.spawn('closed')
        const expired = await scope.spawn('expired', { ttlMs: HOUR })
        for (const receiver of [closed, expired]) await trial.fill(receiver, 'a')
        await trial.close(closed)
        trial.pass(HOUR)
        for (const [receiver, end] of [
          [closed, 'closed'],
          [expired, 'expired'],
        ] as const) {
          const deadlineAt = trial.now
          assert.equal(textOf(await scope.read(end, receiver, { deadlineAt })), 'a')
          assert.deepEqual(await scope.read(placeAt(end, 2), receiver, { deadlineAt }), {
            type: 'ended',
            end: { type: end },
          })
          assert.deepEqual(await scope.endAt(placeAt(end, 2)), { type: end })
        }
      },
    },
    {
      title: 'a wait for a delivery ends when that is delivered or dead, and before its deadline',
      async run(trial) {
        const { scope } = await enterReading(trial)
        const [good, bad] = [await scope.send('good'), await scope.send('bad')]
        const deadlineAt = trial.now + HOUR
        const looks = async () => [
          await scope.wait('good', onDelivery(good), { deadlineAt }),
          await scope.wait('bad', onDelivery(bad), { deadlineAt }),
        ]
        for (const { type } of await looks()) assert.equal(type, 'waiting')
        const { claimed } = await trial.claimDeliveries({ lanes: { [APP]: 9 } })
        for (const { type } of await looks()) assert.equal(type, 'waiting')
        for (const delivery of claimed) {
          const isGood = delivery.delivery.id === good
          await trial.record(
            delivery,
            isGood ? { status: 'delivered' } : { status: 'dead', reason: 'rejected' },
          )
        }
        trial.pass(HOUR)
        assert.deepEqual((await looks()).map(endOf), [{ type: 'delivered' }, { type: 'dead' }])
      },
    },
    {
      title:
        'a wait for a run ends with what that ended with, which stands when it is retried and ends otherwise',
      async run(trial) {
        const { scope } = await enterReading(trial)
        const children = await Promise.all(
          ['done', 'failed', 'quit'].map(key => startRun(trial, { key, workflow: key })),
        )
        const [done, failed, quit] = await Promise.all(
          children.map(({ id, workflow }) => reenter(trial, id, { workflow })),
        )
        assert.ok(done && failed && quit)
        const look = async (child: EnteredRun, n = 1) =>
          await scope.wait(placeAt(child.run.key, n), onRun(child.id), { deadlineAt: trial.now + HOUR })
        for (const child of [done, failed, quit]) assert.equal((await look(child)).type, 'waiting')
        await done.end({ status: 'done', result: value('good') })
        await failed.end({ status: 'failed', result: failure('bad') })
        await cancelRun(trial, quit.id, 'enough')
        await quit.end({ status: 'cancelled', result: failure('cancelled') })
        trial.pass(HOUR)
        const ends = [
          { type: 'run_done', result: value('good') },
          { type: 'run_failed', result: failure('bad') },
          { type: 'run_cancelled', reason: 'enough' },
        ]
        for (const [index, child] of [done, failed, quit].entries()) {
          assert.deepEqual(endOf(await look(child)), ends[index])
        }
        await retryRun(trial, failed.id)
        await (await reenter(trial, failed.id, { workflow: 'failed' })).end()
        assert.deepEqual(endOf(await look(failed)), ends[1])
        assert.deepEqual(endOf(await look(failed, 2)), { type: 'run_done', result: value('done') })
      },
    },
    {
      title: 'a wait for a run that was cancelled before anybody claimed it ends with the reason',
      async run(trial) {
        const { scope } = await enterReading(trial)
        const [one, other] = [await startRun(trial), await startRun(trial)]
        await cancelRun(trial, one.id, 'enough')
        await cancelRun(trial, other.id)
        assert.deepEqual(endOf(await scope.wait('one', onRun(one.id))), {
          type: 'run_cancelled',
          reason: 'enough',
        })
        assert.deepEqual(endOf(await scope.wait('other', onRun(other.id))), { type: 'run_cancelled' })
      },
    },
    {
      title: 'waits of one scope for different things end apart',
      async run(trial) {
        const { scope, receiver } = await enterReading(trial)
        const other = await scope.spawn('other')
        await trial.fill(other, 'x')
        assert.equal((await scope.read('reply', receiver)).type, 'waiting')
        assert.equal(textOf(await scope.read('other', other)), 'x')
        assert.deepEqual(
          await scope.decide({ at: placeAt('nap'), verb: 'sleep', target: TIME, deadlineAt: trial.now }),
          TIMED_OUT,
        )
        assert.equal((await scope.wait('reply', onReceiver(receiver))).type, 'waiting')
      },
    },
  ],
}
