import assert from 'node:assert/strict'
import { type Area, DAY, HOUR, LEASE, MINUTE, SECOND, texts } from './trial.js'

/** What becomes of what was in the hands of a node that is gone. */
export const recovering: Area = {
  title: 'taking over',
  cases: [
    {
      title: 'takes back what a dead node had in hand, and nothing of those alive',
      async run(trial) {
        const [one, other] = [await trial.spawn('one'), await trial.spawn('other')]
        await trial.fill(one, 'a', 'b')
        await trial.fill(other, 'c')
        await trial.queue('endpoint:app')
        const epoch = await trial.join()
        await trial.takeOne(one, { epoch })
        await trial.takeOne(other)
        const { delivery } = await trial.takeDelivery('endpoint:app', { epoch })
        assert.deepEqual(await trial.takeOver(), { callbacks: 0, deliveries: 0, runs: 0, receiverIds: [] })
        trial.pass(LEASE - 1)
        assert.deepEqual(await trial.takeOver(), { callbacks: 0, deliveries: 0, runs: 0, receiverIds: [] })
        trial.pass(1)
        assert.deepEqual(await trial.takeOver(), {
          callbacks: 1,
          deliveries: 1,
          runs: 0,
          receiverIds: [one.id],
        })
        assert.deepEqual(await trial.takeOver(), { callbacks: 0, deliveries: 0, runs: 0, receiverIds: [] })
        const again = await trial.take(one)
        assert.deepEqual(texts(again), ['a', 'b'])
        assert.equal(again[0]?.attempt, 2)
        assert.deepEqual(await trial.take(other), [])
        const retaken = await trial.takeDelivery('endpoint:app')
        assert.equal(retaken.delivery.id, delivery.id)
        assert.equal(retaken.delivery.attempts, 0)
      },
    },
    {
      title: 'a node that dies while one it shares a receiver with lives on loses its own callbacks only',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c')
        const epoch = await trial.join()
        const mine = await trial.takeOne(receiver)
        await trial.takeOne(receiver, { epoch })
        trial.pass(LEASE)
        await trial.takeOver()
        assert.deepEqual(texts(await trial.take(receiver)), ['b', 'c'])
        assert.equal(await trial.acknowledge(mine), true)
      },
    },
    {
      title: 'takes over in parts no larger than the limit, until nothing is left',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c', 'd', 'e')
        const epoch = await trial.join()
        await trial.take(receiver, { epoch })
        trial.pass(LEASE)
        let total = 0
        for (;;) {
          const { callbacks } = await trial.takeOver({ limit: 2 })
          assert.ok(callbacks <= 2)
          total += callbacks
          if (callbacks === 0) break
        }
        assert.equal(total, 5)
        assert.deepEqual(texts(await trial.take(receiver)), ['a', 'b', 'c', 'd', 'e'])
      },
    },
    {
      title: 'a callback whose node leaves in good order a hundred times is not set aside',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'patient')
        for (let round = 0; round < 100; round += 1) {
          const epoch = await trial.join()
          const callback = await trial.takeOne(receiver, { epoch })
          assert.equal(callback.attempt, 1)
          await trial.leave(epoch)
          await trial.takeOver({ maxCrashes: 3 })
        }
        assert.deepEqual(await trial.failedOf(receiver), [])
      },
    },
    {
      title: 'a callback that kills its process again and again is set aside for its crashes',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'poison', 'good')
        for (let round = 1; round <= 3; round += 1) {
          const epoch = await trial.join()
          const callback = await trial.takeOne(receiver, { epoch })
          assert.deepEqual([texts([callback]), callback.attempt, callback.failures], [['poison'], round, 0])
          trial.pass(LEASE)
          const { callbacks, receiverIds } = await trial.takeOver({ maxCrashes: 3 })
          assert.equal(callbacks, 1)
          if (round < 3) assert.deepEqual(receiverIds, [receiver.id])
        }
        const [failed, ...others] = await trial.session.listFailed({ receiverId: receiver.id, limit: 10 })
        assert.ok(failed)
        assert.deepEqual(others, [])
        assert.deepEqual([failed.reason, failed.attempt], ['crashes', 3])
        assert.match(failed.error.message, /3/)
        assert.deepEqual(texts(await trial.take(receiver)), ['good'])
      },
    },
    {
      title: 'crashes count in a row: a failure or a release in between starts the row again',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const crash = async () => {
          const epoch = await trial.join()
          await trial.takeOne(receiver, { epoch })
          trial.pass(LEASE)
          await trial.takeOver({ maxCrashes: 3 })
        }
        for (const as of ['failure', 'counted', 'failure'] as const) {
          await crash()
          await crash()
          await trial.release(await trial.takeOne(receiver), { as })
        }
        assert.deepEqual(await trial.failedOf(receiver), [])
      },
    },
    {
      title: 'what was given back uncounted in between does not interrupt a row of crashes',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        for (let round = 0; round < 3; round += 1) {
          await trial.release(await trial.takeOne(receiver), { as: 'uncounted' })
          const left = await trial.join()
          await trial.takeOne(receiver, { epoch: left })
          await trial.leave(left)
          const epoch = await trial.join()
          await trial.takeOne(receiver, { epoch })
          trial.pass(LEASE)
          await trial.takeOver({ maxCrashes: 3 })
        }
        assert.deepEqual(await trial.failedOf(receiver), ['a'])
      },
    },
    {
      title: 'a callback that failed for its crashes and is retried starts counting them again',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const crash = async () => {
          const epoch = await trial.join()
          const callback = await trial.takeOne(receiver, { epoch })
          trial.pass(LEASE)
          await trial.takeOver({ maxCrashes: 2 })
          return callback
        }
        await crash()
        const { id } = await crash()
        assert.deepEqual(await trial.failedOf(receiver), ['a'])
        await trial.session.retryFailed({ receiverId: receiver.id, callbackId: id, now: trial.now })
        await crash()
        assert.deepEqual(await trial.failedOf(receiver), [])
        await crash()
        assert.deepEqual(await trial.failedOf(receiver), ['a'])
      },
    },
    {
      title:
        'opening an exclusive store ends every earlier epoch: what they held is taken over, and counts as a crash',
      async run(trial) {
        if (!trial.store.exclusive) return
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const keyless = await trial.spawn(undefined, {}, { epoch: trial.epoch })
        await trial.queue('endpoint:app')
        const epoch = await trial.join({ leaseMs: DAY })
        const callback = await trial.takeOne(receiver, { epoch })
        await trial.takeDelivery('endpoint:app', { epoch })
        await trial.restart()
        assert.equal(await trial.session.renew({ epoch, now: trial.now, leaseMs: DAY }), false)
        assert.equal(await trial.acknowledge(callback, epoch), false)
        assert.equal((await trial.find(keyless.token)).state, 'closed')
        assert.deepEqual(await trial.post(keyless, 'late'), { type: 'ended', state: 'closed' })
        const taken = await trial.takeOver({ maxCrashes: 2 })
        assert.deepEqual(taken, { callbacks: 1, deliveries: 1, runs: 0, receiverIds: [receiver.id] })
        assert.equal((await trial.takeOne(receiver)).attempt, 2)
        await trial.restart()
        await trial.takeOver({ maxCrashes: 2 })
        assert.deepEqual(await trial.failedOf(receiver), ['a'])
      },
    },
    {
      title: 'what a node gave back when it left is free at once after a restart, and uncounted',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        await trial.takeOne(receiver)
        await trial.leave()
        await trial.restart()
        assert.equal((await trial.takeOver()).callbacks, 0)
        assert.equal((await trial.takeOne(receiver)).attempt, 1)
      },
    },
    {
      title: 'a delay survives a restart and ends at the instant that was set',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        await trial.release(await trial.takeOne(receiver), { as: 'failure', dueAt: trial.now + HOUR })
        for (let day = 0; day < 3; day += 1) {
          trial.pass(MINUTE)
          await trial.restart()
          await trial.takeOver()
          assert.deepEqual(await trial.take(receiver), [])
        }
        trial.pass(HOUR - 3 * MINUTE)
        const again = await trial.takeOne(receiver)
        assert.deepEqual([again.attempt, again.failures], [2, 1])
      },
    },
    {
      title: 'counts what should have been done by now: delays that are over and deliveries to be sent',
      async run(trial) {
        const due = () => trial.session.countDue({ now: trial.now })
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        assert.equal(await due(), 0)
        for (const callback of await trial.take(receiver)) {
          await trial.release(callback, { dueAt: trial.now + MINUTE })
        }
        await trial.queue('endpoint:app')
        await trial.queue('endpoint:app', { dueAt: trial.now + 2 * MINUTE })
        assert.equal(await due(), 1)
        trial.pass(MINUTE)
        assert.equal(await due(), 3)
        await trial.takeDelivery('endpoint:app')
        assert.equal(await due(), 2)
        await trial.take(receiver)
        assert.equal(await due(), 0)
        trial.pass(MINUTE + SECOND)
        assert.equal(await due(), 1)
      },
    },
  ],
}
