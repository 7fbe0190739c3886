import assert from 'node:assert/strict'
import { enterCallback, handle } from './entered-callback.js'
import { cancelRun, enterRun, findRun, SHIP, startRun, tryStartRun } from './entered-run.js'
import { APP, failure, placeAt } from './entered-scope.js'
import { NOTHING_SWEPT, sweepAll } from './sweeps.js'
import { type Area, DAY, HOUR, MINUTE } from './trial.js'

const _AT_ONCE = { callbacksMs: 0, messagesMs: 0, keylessMs: 0, runsMs: 0 }

/** What becomes of runs, and of what scopes owned, when their time is over. */
export const lettingGo: Area = {
  title: 'letting go of runs and scopes',
  cases: [
    {
      title: 'runs that ended are forgotten when their time is over, and their key is free',
      async run(trial) {
        const ended = [await enterRun(trial), await enterRun(trial), await enterRun(trial)]
        const [done, cancelled, failed] = ended
        const quit = await startRun(trial)
        trial.pass(MINUTE)
        await done?.end()
        await cancelled?.end({ status: 'cancelled', result: failure('cancelled') })
        await failed?.fail()
        await cancelRun(trial, quit.id)
        trial.pass(30 * DAY - 1)
        await sweepAll(trial)
        const ids = [...ended.map(({ id }) => id), quit.id]
        for (const id of ids) assert.equal((await findRun(trial, id)).id, id)
        trial.pass(1)
        await sweepAll(trial)
        for (const runId of ids) {
          assert.equal(await trial.session.findRun({ runId }), undefined)
          assert.equal(await trial.session.findRun({ workflow: SHIP, key: runId }), undefined)
        }
        assert.deepEqual(await trial.session.listRuns({ workflow: SHIP, limit: 9 }), [])
        const again = await tryStartRun(trial, { key: quit.key })
        assert.equal(again.type, 'started')
        assert.equal(again.created, true)
      },
    },
    {
      title: 'the scope of a run that failed ends with it, when its time is over',
      async run(trial) {
        const scope = await enterRun(trial)
        const reply = await scope.spawn('reply')
        await trial.fill(reply, 'a')
        await scope.fail()
        trial.pass(30 * DAY - 1)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        assert.equal((await trial.post(reply, 'b')).type, 'accepted')
        trial.pass(1)
        const told = await sweepAll(trial)
        assert.deepEqual(await scope.memories(), [])
        assert.deepEqual(await trial.post(reply, 'late'), { type: 'ended', state: 'closed' })
        const ended = [...told, ...(await sweepAll(trial))].flatMap(swept => swept.ended)
        assert.deepEqual(ended, [{ receiverId: reply.id, unread: 2 }])
      },
    },
    {
      title: 'the scope of a callback that was set aside ends with it, when its time is over',
      async run(trial) {
        const scope = await enterCallback(trial)
        const reply = await scope.spawn('reply')
        await trial.fill(reply, 'a')
        await trial.giveUp(scope.callback)
        trial.pass(7 * DAY - 1)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        assert.equal((await scope.memories()).length, 1)
        trial.pass(1)
        const told = [...(await sweepAll(trial)), ...(await sweepAll(trial))]
        assert.deepEqual(
          told.flatMap(({ dropped }) => dropped),
          [{ receiverId: scope.callback.receiverId, callbacks: 1 }],
        )
        assert.deepEqual(
          told.flatMap(({ ended }) => ended),
          [{ receiverId: reply.id, unread: 1 }],
        )
        assert.deepEqual(await scope.memories(), [])
        assert.deepEqual(await trial.post(reply, 'late'), { type: 'ended', state: 'closed' })
      },
    },
    {
      title:
        'the scope of a callback that nobody read to its end ends with it, when its receiver has ended long ago',
      async run(trial) {
        const scope = await enterCallback(trial)
        const reply = await scope.spawn('reply')
        await trial.release(scope.callback)
        await trial.close(await trial.spawn('orders'))
        trial.pass(7 * DAY - 1)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        trial.pass(1)
        await sweepAll(trial)
        assert.deepEqual(await scope.memories(), [])
        assert.deepEqual(await trial.post(reply, 'late'), { type: 'ended', state: 'closed' })
      },
    },
    {
      title: 'what a scope owned is let go of after its end, as if nobody had owned it',
      async run(trial) {
        const scope = await enterRun(trial)
        const reply = await scope.spawn('reply')
        await trial.fill(reply, 'read', 'unread')
        await scope.read('reply', reply)
        const deliveryId = await scope.send('notify')
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        const child = await startRun(trial, {
          workflow: 'bill',
          in: { entry: scope.entry, at: placeAt('bill') },
        })
        await cancelRun(trial, child.id)
        trial.pass(60 * DAY)
        await sweepAll(trial)
        await scope.end()
        await sweepAll(trial)
        assert.equal(await trial.session.findDelivery({ deliveryId }), undefined)
        assert.equal(await trial.session.findRun({ runId: child.id }), undefined)
        assert.equal(await trial.unreadOf(reply), 1)
        trial.pass(7 * DAY)
        const told = await sweepAll(trial)
        assert.deepEqual(
          told.flatMap(({ dropped }) => dropped),
          [{ receiverId: reply.id, callbacks: 1 }],
        )
        trial.pass(23 * DAY - 1)
        await sweepAll(trial)
        assert.equal((await trial.find(reply.token)).state, 'closed')
        trial.pass(1)
        await sweepAll(trial)
        assert.deepEqual(await trial.post(reply, 'late'), { type: 'unknown' })
        assert.equal(await trial.session.findRun({ runId: scope.id }), undefined)
      },
    },
    {
      title:
        'a receiver that ended before its scope, and a message delivered after it, are let go of like any other',
      async run(trial) {
        const scope = await enterRun(trial)
        const expired = await scope.spawn('expired', { ttlMs: HOUR })
        await trial.fill(expired, 'unread')
        const deliveryId = await scope.send('notify')
        trial.pass(60 * DAY)
        await sweepAll(trial)
        trial.pass(60 * DAY)
        await sweepAll(trial)
        assert.equal(await trial.unreadOf(expired), 1)
        await scope.end()
        const told = await sweepAll(trial)
        assert.deepEqual(
          told.flatMap(({ dropped }) => dropped),
          [{ receiverId: expired.id, callbacks: 1 }],
        )
        await sweepAll(trial)
        assert.deepEqual(await trial.post(expired, 'late'), { type: 'unknown' })
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        trial.pass(30 * DAY)
        await sweepAll(trial)
        assert.equal(await trial.session.findDelivery({ deliveryId }), undefined)
      },
    },
    {
      title: 'scopes without anything unread leave nothing behind, and large ones are let go of in parts',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        for (let index = 0; index < 5; index += 1) {
          await trial.fill(receiver, `${index}`)
          const scope = await handle(trial, receiver)
          const reply = await scope.spawn('reply')
          await trial.fill(reply, 'a', 'b', 'c')
          for (const n of [1, 2, 3]) await scope.read(placeAt('reply', n), reply)
          await scope.remember('book', 'booked')
          if (index % 2 === 0) await scope.acknowledge()
          else await trial.giveUp(scope.callback)
        }
        for (let index = 0; index < 5; index += 1) await (await enterRun(trial)).fail()
        const told = await sweepAll(trial, { limit: 2 })
        assert.deepEqual(
          told.flatMap(({ ended }) => ended.map(({ unread }) => unread)),
          [0, 0, 0],
        )
        trial.pass(100 * DAY)
        const later = [...(await sweepAll(trial, { limit: 2 })), ...(await sweepAll(trial, { limit: 2 }))]
        for (const { ended } of later) assert.ok(ended.length <= 2)
        const dropped = later.flatMap(swept => swept.dropped)
        assert.ok(dropped.every(({ receiverId }) => receiverId === receiver.id))
        assert.equal(
          dropped.reduce((sum, { callbacks }) => sum + callbacks, 0),
          2,
        )
        assert.deepEqual(await trial.session.listRuns({ workflow: SHIP, limit: 9 }), [])
        trial.pass(30 * DAY)
        await sweepAll(trial, { limit: 2 })
        const left = await trial.session.listReceivers({ now: trial.now, limit: 99 })
        assert.deepEqual(
          left.map(({ id }) => id),
          [receiver.id],
        )
      },
    },
  ],
}
