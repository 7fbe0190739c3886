import assert from 'node:assert/strict'
import { createId } from '../../core/ids.js'
import { type Area, DAY, LEASE, MINUTE, texts } from './trial.js'

/** What becomes of a claim, and what its fence keeps out. */
export const fencing: Area = {
  title: 'claims and fences',
  cases: [
    {
      title: 'an acknowledged callback never comes again',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        assert.equal(await trial.acknowledge(await trial.takeOne(receiver)), true)
        await trial.restart()
        trial.pass(DAY)
        await trial.takeOver()
        assert.deepEqual(texts(await trial.take(receiver)), ['b'])
      },
    },
    {
      title: 'acknowledges many at once, and says of each whether its claim still held',
      async run(trial) {
        const [one, other] = [await trial.spawn('one'), await trial.spawn('other')]
        await trial.fill(one, 'a', 'b')
        await trial.fill(other, 'c')
        const [a, b] = await trial.take(one)
        const [c] = await trial.take(other)
        assert.ok(a && b && c)
        await trial.release(b)
        const claims = [a, b, c, a].map(callback => trial.toClaim(callback))
        const { done } = await trial.session.acknowledge({ claims, now: trial.now })
        assert.deepEqual(done, [true, false, true, false])
        assert.deepEqual(texts(await trial.take(one)), ['b'])
      },
    },
    {
      title: 'a claim holds once: acknowledged, released or given up, it cannot be written about again',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c')
        const [a, b, c] = await trial.take(receiver)
        assert.ok(a && b && c)
        await trial.acknowledge(a)
        await trial.release(b)
        await trial.giveUp(c)
        for (const callback of [a, b, c]) {
          assert.equal(await trial.acknowledge(callback), false)
          assert.equal(await trial.release(callback), false)
          assert.equal(await trial.giveUp(callback), false)
        }
        assert.deepEqual(texts(await trial.take(receiver)), ['b'])
        assert.deepEqual(await trial.failedOf(receiver), ['c'])
      },
    },
    {
      title: 'a claim from before a callback was handed out again changes nothing',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const before = await trial.takeOne(receiver)
        await trial.release(before)
        const now = await trial.takeOne(receiver)
        assert.notEqual(now.fence, before.fence)
        assert.equal(await trial.acknowledge(before), false)
        assert.equal(await trial.release(before), false)
        assert.equal(await trial.giveUp(before), false)
        assert.equal(await trial.acknowledge(now), true)
      },
    },
    {
      title: 'a claim shown by another epoch, or for another receiver, changes nothing',
      async run(trial) {
        const [receiver, other] = [await trial.spawn('orders'), await trial.spawn('other')]
        await trial.fill(receiver, 'a')
        const callback = await trial.takeOne(receiver)
        const epoch = await trial.join()
        assert.equal(await trial.acknowledge(callback, epoch), false)
        assert.equal(await trial.release(callback, { epoch }), false)
        assert.equal(await trial.giveUp(callback, { epoch }), false)
        assert.equal(await trial.acknowledge({ ...callback, receiverId: other.id }), false)
        assert.equal(await trial.acknowledge(callback), true)
      },
    },
    {
      title: 'nothing is handed out under an epoch that is over, or that never was',
      async run(trial) {
        const receiver = await trial.spawn('orders', { ttlMs: DAY })
        await trial.fill(receiver, 'a')
        const lost = await trial.join()
        const left = await trial.join()
        await trial.leave(left)
        trial.pass(LEASE)
        for (const epoch of [lost, left, trial.epoch + 1_000]) {
          for (const ordered of [false, true]) {
            const outcome = await trial.claim(receiver, { epoch, ordered })
            assert.deepEqual(outcome, { callbacks: [], ungrouped: [], state: 'open', unread: true })
          }
        }
        assert.deepEqual(texts(await trial.take(receiver)), ['a'])
      },
    },
    {
      title:
        'a claim whose reply was lost is undone: what it took comes again, as if it had never been handed out',
      async run(trial) {
        const [receiver, other] = [await trial.spawn('orders'), await trial.spawn('other')]
        await trial.fill(receiver, 'held', 'a', 'b', 'delayed', 'elsewhere', 'ready')
        await trial.fill(other, 'c')
        const [held, , , delayed, elsewhere] = await trial.take(receiver, { limit: 5 })
        assert.ok(held && delayed && elsewhere)
        await trial.take(other)
        await trial.release(delayed, { dueAt: trial.now + MINUTE })
        await trial.release(elsewhere)
        const epoch = await trial.join()
        assert.deepEqual(texts(await trial.take(receiver, { limit: 1, epoch })), ['elsewhere'])

        const log = trial.listen()
        const { now } = trial
        const ask = { receiverId: receiver.id, epoch: trial.epoch, held: [held.id], now }
        assert.equal(await trial.session.reclaim(ask), 2)
        await log.expect({ kind: 'receiver', receiverId: receiver.id })
        assert.equal(await trial.session.reclaim(ask), 0)
        const again = await trial.take(receiver)
        assert.deepEqual(
          again.map(({ attempt, failures }) => ({ attempt, failures })),
          Array.from({ length: 3 }, () => ({ attempt: 1, failures: 0 })),
        )
        assert.deepEqual(texts(again), ['a', 'b', 'ready'])
        assert.equal(await trial.acknowledge(held), true)
        assert.deepEqual(await trial.take(other), [])
      },
    },
    {
      title: 'nothing is given back that way under an epoch that is over, or of a receiver that is not there',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const epoch = await trial.join()
        await trial.takeOne(receiver, { epoch })
        const ask = { receiverId: receiver.id, epoch, held: [], now: trial.now }
        assert.equal(await trial.session.reclaim({ ...ask, receiverId: createId('rcv', trial.now) }), 0)
        assert.equal(await trial.session.reclaim({ ...ask, epoch: epoch + 1_000 }), 0)
        trial.pass(LEASE)
        assert.equal(await trial.session.reclaim({ ...ask, now: trial.now }), 0)
        assert.deepEqual(await trial.take(receiver), [])
        await trial.takeOver()
        assert.equal((await trial.takeOne(receiver)).attempt, 2)
      },
    },
    {
      title: 'one of a group whose claim was lost is at the head of its group again',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2')
        const { ungrouped } = await trial.claim(receiver, { ordered: true })
        const groups = ungrouped.map(({ id }) => ({ callbackId: id, group: 'a' }))
        const lost = await trial.takeOne(receiver, { ordered: true, groups })
        const { epoch, now } = trial
        assert.equal(await trial.session.reclaim({ receiverId: receiver.id, epoch, held: [], now }), 1)
        assert.equal(await trial.acknowledge(lost), false)
        assert.deepEqual(texts(await trial.take(receiver, { ordered: true })), ['a1'])
      },
    },
  ],
}
