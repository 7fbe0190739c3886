import assert from 'node:assert/strict'
import { NOTHING_SWEPT, sweepAll } from './sweeps.js'
import { type Area, DAY, MINUTE, texts } from './trial.js'

/** What retention lets go of among callbacks, and what it leaves alone. */
export const sweeping: Area = {
  title: 'sweeping',
  cases: [
    {
      title: 'a sweep with nothing to do says so',
      async run(trial) {
        await trial.fill(await trial.spawn('orders'), 'a')
        await trial.queue('endpoint:app')
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    },
    {
      title: 'what is unread in an open receiver is kept for ever',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'ready', 'delayed', 'held')
        const [ready, delayed, held] = await trial.take(receiver)
        assert.ok(ready && delayed && held)
        await trial.release(ready)
        await trial.release(delayed, { dueAt: trial.now + MINUTE })
        trial.pass(300 * DAY)
        assert.deepEqual(await trial.sweep({ callbacksMs: 0 }), NOTHING_SWEPT)
        assert.deepEqual(texts(await trial.close(receiver)), ['ready', 'delayed', 'held'])
      },
    },
    {
      title: 'failed callbacks are kept for their retention, then let go of and counted',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        for (const callback of await trial.take(receiver)) await trial.giveUp(callback)
        trial.pass(7 * DAY - 1)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        assert.deepEqual(await trial.failedOf(receiver), ['a', 'b'])
        trial.pass(1)
        const swept = await trial.sweep()
        assert.deepEqual(swept.dropped, [{ receiverId: receiver.id, callbacks: 2 }])
        assert.deepEqual(await trial.failedOf(receiver), [])
        const [summary] = await trial.session.listReceivers({ now: trial.now, limit: 1 })
        assert.equal(summary?.failed, 0)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    },
    {
      title: 'a failed callback that was retried in time is unread, and kept',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'retried', 'left')
        const [retried, left] = await trial.take(receiver)
        assert.ok(retried && left)
        await trial.giveUp(retried)
        await trial.giveUp(left)
        trial.pass(6 * DAY)
        await trial.session.retryFailed({ receiverId: receiver.id, callbackId: retried.id, now: trial.now })
        trial.pass(30 * DAY)
        assert.deepEqual((await trial.sweep()).dropped, [{ receiverId: receiver.id, callbacks: 1 }])
        assert.deepEqual(texts(await trial.take(receiver)), ['retried'])
      },
    },
    {
      title: 'handled and discarded callbacks are let go of without a word',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'done', 'discarded')
        const [done, discarded] = await trial.take(receiver)
        assert.ok(done && discarded)
        await trial.acknowledge(done)
        await trial.giveUp(discarded)
        await trial.session.discardFailed({
          receiverId: receiver.id,
          callbackId: discarded.id,
          now: trial.now,
        })
        trial.pass(7 * DAY)
        assert.deepEqual((await trial.sweep()).dropped, [])
      },
    },
    {
      title:
        'what nobody read is kept for its retention after its receiver was closed, then let go of and counted',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c')
        const [a] = await trial.take(receiver, { limit: 1 })
        assert.ok(a)
        await trial.release(a, { dueAt: trial.now + 300 * DAY })
        trial.pass(30 * DAY)
        await trial.close(receiver)
        trial.pass(7 * DAY - 1)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        assert.equal(await trial.unreadOf(receiver), 3)
        trial.pass(1)
        const swept = await trial.sweep()
        assert.deepEqual([swept.dropped, swept.ended], [[{ receiverId: receiver.id, callbacks: 3 }], []])
        assert.equal(await trial.unreadOf(receiver), 0)
        assert.equal((await trial.claim(receiver)).unread, false)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    },
    {
      title: 'what is in hand when its receiver has ended stays until it is handled or given back',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const [a, b] = await trial.take(receiver)
        assert.ok(a && b)
        await trial.close(receiver)
        trial.pass(30 * DAY)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        assert.equal(await trial.acknowledge(a), true)
        await trial.release(b)
        assert.deepEqual((await trial.sweep()).dropped, [{ receiverId: receiver.id, callbacks: 1 }])
      },
    },
    {
      title: 'the retention of what nobody read counts from when the end of its receiver was told',
      async run(trial) {
        const expired = await trial.spawn('expired', { ttlMs: MINUTE })
        const lost = await trial.spawn(undefined, {}, { epoch: await trial.join() })
        const shortened = await trial.spawn('shortened')
        for (const receiver of [expired, lost, shortened]) await trial.fill(receiver, 'a')
        trial.pass(300 * DAY)
        await trial.spawn('shortened', { ttlMs: MINUTE })
        trial.pass(8 * DAY)
        await trial.noticeLosses()
        const ids = [expired, lost, shortened].map(({ id }) => id).sort()
        const told = await sweepAll(trial, { limit: 1 })
        assert.deepEqual(told.flatMap(({ ended }) => ended.map(({ receiverId }) => receiverId)).sort(), ids)
        assert.deepEqual(
          told.flatMap(({ dropped }) => dropped),
          [],
        )
        trial.pass(7 * DAY - 1)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        assert.deepEqual(texts(await trial.take(expired)), ['a'])
        trial.pass(1)
        const { dropped } = await trial.sweep()
        assert.deepEqual(dropped.map(({ receiverId }) => receiverId).sort(), [lost.id, shortened.id].sort())
      },
    },
    {
      title: 'receivers whose callbacks are all in hand do not stand before others that ended after them',
      async run(trial) {
        const held = [await trial.spawn('held/1'), await trial.spawn('held/2'), await trial.spawn('held/3')]
        for (const receiver of held) await trial.fill(receiver, 'a')
        for (const receiver of held) await trial.take(receiver)
        for (const receiver of held) await trial.close(receiver)
        trial.pass(1)
        const free = await trial.spawn('free')
        await trial.fill(free, 'b')
        await trial.close(free)
        trial.pass(7 * DAY)
        const told = await sweepAll(trial, { limit: 1 })
        assert.deepEqual(
          told.flatMap(({ dropped }) => dropped),
          [{ receiverId: free.id, callbacks: 1 }],
        )
        for (const receiver of held) assert.equal(await trial.unreadOf(receiver), 1)
      },
    },
    {
      title:
        'a failed callback that is retried in a receiver that ended is kept as long as what nobody read in it',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const callback = await trial.takeOne(receiver)
        await trial.giveUp(callback)
        await trial.close(receiver)
        trial.pass(5 * DAY)
        await trial.session.retryFailed({ receiverId: receiver.id, callbackId: callback.id, now: trial.now })
        trial.pass(2 * DAY - 1)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        trial.pass(1)
        assert.deepEqual((await trial.sweep()).dropped, [{ receiverId: receiver.id, callbacks: 1 }])
      },
    },
    {
      title: 'letting go of what is queued in a group hands out nothing beside the one in hand',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2', 'a3', 'a4')
        const { ungrouped } = await trial.claim(receiver, { ordered: true })
        const groups = ungrouped.map(({ id }) => ({ callbackId: id, group: 'a' }))
        const [a1] = await trial.take(receiver, { ordered: true, groups })
        assert.ok(a1)
        await trial.close(receiver)
        trial.pass(7 * DAY)
        const { dropped, more } = await trial.sweep({ limit: 1 })
        assert.deepEqual([dropped, more], [[{ receiverId: receiver.id, callbacks: 1 }], true])
        assert.deepEqual(await trial.take(receiver), [])
        await trial.acknowledge(a1)
        assert.equal((await trial.take(receiver)).length, 1)
      },
    },
    {
      title: 'a receiver that is reopened in time keeps what nobody read',
      async run(trial) {
        const [reopened, left] = [await trial.spawn('reopened'), await trial.spawn('left')]
        for (const receiver of [reopened, left]) {
          await trial.fill(receiver, 'a')
          await trial.close(receiver)
        }
        trial.pass(6 * DAY)
        await trial.spawn('reopened', {}, { reopen: true })
        trial.pass(30 * DAY)
        assert.deepEqual((await trial.sweep()).dropped, [{ receiverId: left.id, callbacks: 1 }])
        assert.deepEqual(texts(await trial.take(reopened)), ['a'])
      },
    },
    {
      title: 'lets go of no more than its limit of each kind, and says that there is more until there is not',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const leftover = await trial.spawn('leftover')
        const texts = ['a', 'b', 'c', 'd', 'e']
        await trial.fill(receiver, ...texts)
        await trial.fill(leftover, ...texts)
        for (const callback of await trial.take(receiver)) await trial.giveUp(callback)
        await trial.close(leftover)
        const deadlineAt = trial.now + DAY
        for (const _ of texts) await trial.queue('endpoint:app', { deadlineAt })
        for (const text of texts) await trial.spawn(`expiring/${text}`, { ttlMs: DAY })
        trial.pass(7 * DAY)
        const told = await sweepAll(trial, { limit: 2 })
        for (const { ended, dropped, expiredDeliveryIds } of told) {
          assert.ok(ended.length <= 2)
          assert.ok(expiredDeliveryIds.length <= 2)
          for (const { callbacks } of dropped) assert.ok(callbacks <= 2)
        }
        const dropped = told.flatMap(swept => swept.dropped)
        assert.equal(
          dropped.reduce((sum, { callbacks }) => sum + callbacks, 0),
          10,
        )
        assert.equal(new Set(told.flatMap(({ ended }) => ended.map(({ receiverId }) => receiverId))).size, 5)
        assert.equal(new Set(told.flatMap(({ expiredDeliveryIds }) => expiredDeliveryIds)).size, 5)
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    },
  ],
}
