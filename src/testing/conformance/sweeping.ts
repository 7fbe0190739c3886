import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import type { Swept } from '../../store/nodes.js'
import { type Area, DAY, HOUR, LEASE, MINUTE, type Trial, texts } from './trial.js'

const NOTHING: Swept = { ended: [], dropped: [], expiredDeliveryIds: [], more: false }
const ANSWER = { status: 202, headers: [], body: utf8('thanks') }

/** Sweeps until nothing is left for the next call, and returns all that was told. */
async function sweepAll(
  trial: Trial,
  changes: Parameters<Trial['sweep']>[0] = {},
): Promise<readonly Swept[]> {
  const told: Swept[] = []
  for (;;) {
    const swept = await trial.sweep(changes)
    told.push(swept)
    if (!swept.more) return told
    assert.ok(told.length < 100, 'there is always more')
  }
}

/** What retention lets go of, and what it leaves alone. */
export const sweeping: Area = {
  title: 'sweeping',
  cases: [
    {
      title: 'a sweep with nothing to do says so',
      async run(trial) {
        await trial.fill(await trial.spawn('orders'), 'a')
        await trial.queue('endpoint:app')
        assert.deepEqual(await trial.sweep(), NOTHING)
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
        assert.deepEqual(await trial.sweep({ callbacksMs: 0 }), NOTHING)
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
        assert.deepEqual(await trial.sweep(), NOTHING)
        assert.deepEqual(await trial.failedOf(receiver), ['a', 'b'])
        trial.pass(1)
        const swept = await trial.sweep()
        assert.deepEqual(swept.dropped, [{ receiverId: receiver.id, callbacks: 2 }])
        assert.deepEqual(await trial.failedOf(receiver), [])
        const [summary] = await trial.session.listReceivers({ now: trial.now, limit: 1 })
        assert.equal(summary?.failed, 0)
        assert.deepEqual(await trial.sweep(), NOTHING)
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
        assert.deepEqual(await trial.sweep(), NOTHING)
        assert.equal(await trial.unreadOf(receiver), 3)
        trial.pass(1)
        const swept = await trial.sweep()
        assert.deepEqual([swept.dropped, swept.ended], [[{ receiverId: receiver.id, callbacks: 3 }], []])
        assert.equal(await trial.unreadOf(receiver), 0)
        assert.equal((await trial.claim(receiver)).unread, false)
        assert.deepEqual(await trial.sweep(), NOTHING)
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
        assert.deepEqual(await trial.sweep(), NOTHING)
        assert.equal(await trial.acknowledge(a), true)
        await trial.release(b)
        assert.deepEqual((await trial.sweep()).dropped, [{ receiverId: receiver.id, callbacks: 1 }])
      },
    },
    {
      title:
        'the retention of what nobody read counts from when its receiver expired, whoever noticed that when',
      async run(trial) {
        const receiver = await trial.spawn('orders', { ttlMs: HOUR })
        await trial.fill(receiver, 'a')
        trial.pass(HOUR + 6 * DAY)
        await trial.sweep()
        trial.pass(DAY - 1)
        assert.deepEqual(await trial.sweep(), NOTHING)
        trial.pass(1)
        assert.deepEqual((await trial.sweep()).dropped, [{ receiverId: receiver.id, callbacks: 1 }])
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
        assert.deepEqual(await trial.sweep(), NOTHING)
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
      title: 'tells once of each receiver that expired, and of what was left unread in it',
      async run(trial) {
        const full = await trial.spawn('full', { ttlMs: HOUR })
        const empty = await trial.spawn('empty', { ttlMs: HOUR })
        await trial.spawn('open', { ttlMs: HOUR + 1 })
        await trial.fill(full, 'a', 'b')
        await trial.takeOne(full)
        trial.pass(HOUR)
        const { ended } = await trial.sweep()
        assert.deepEqual(
          byId(ended),
          byId([
            { receiverId: full.id, key: 'full', unread: 2 },
            { receiverId: empty.id, key: 'empty', unread: 0 },
          ]),
        )
        assert.deepEqual(await trial.sweep(), NOTHING)
        await trial.restart()
        assert.equal((await trial.find(full.token)).state, 'expired')
        assert.deepEqual(await trial.sweep(), NOTHING)
      },
    },
    {
      title: 'tells of a receiver that expired also when it was spawned again or closed before the sweep',
      async run(trial) {
        const spawned = await trial.spawn('spawned', { ttlMs: HOUR })
        const closed = await trial.spawn('closed', { ttlMs: HOUR })
        for (const receiver of [spawned, closed]) await trial.fill(receiver, 'a')
        trial.pass(HOUR)
        await trial.spawn('spawned', { ttlMs: 2 * HOUR })
        await trial.close(closed)
        const { ended } = await trial.sweep()
        assert.deepEqual(
          byId(ended),
          byId([
            { receiverId: spawned.id, key: 'spawned', unread: 1 },
            { receiverId: closed.id, key: 'closed', unread: 1 },
          ]),
        )
      },
    },
    {
      title:
        'says nothing of a receiver that was closed by a call, or reopened before anybody noticed that it expired',
      async run(trial) {
        const closed = await trial.spawn('closed', { ttlMs: HOUR })
        const reopened = await trial.spawn('reopened', { ttlMs: HOUR })
        await trial.fill(reopened, 'a')
        await trial.close(closed)
        trial.pass(HOUR)
        await trial.spawn('reopened', {}, { reopen: true })
        assert.deepEqual(await trial.sweep(), NOTHING)
        trial.pass(HOUR)
        assert.deepEqual((await trial.sweep()).ended, [
          { receiverId: reopened.id, key: 'reopened', unread: 1 },
        ])
      },
    },
    {
      title: 'tells of each end again when a receiver was reopened in between',
      async run(trial) {
        const receiver = await trial.spawn('orders', { ttlMs: HOUR })
        for (let round = 0; round < 3; round += 1) {
          trial.pass(HOUR)
          assert.deepEqual((await trial.sweep()).ended, [
            { receiverId: receiver.id, key: 'orders', unread: 0 },
          ])
          await trial.spawn('orders', {}, { reopen: true })
        }
      },
    },
    {
      title: 'closes keyless receivers whose node is lost, and tells what was left unread in them',
      async run(trial) {
        const epoch = await trial.join()
        const receiver = await trial.spawn(undefined, {}, { epoch })
        const mine = await trial.spawn(undefined, {}, { epoch: trial.epoch })
        await trial.fill(receiver, 'a')
        trial.pass(LEASE)
        assert.deepEqual((await trial.sweep()).ended, [{ receiverId: receiver.id, unread: 1 }])
        assert.deepEqual(await trial.sweep(), NOTHING)
        assert.equal((await trial.find(mine.token)).state, 'open')
      },
    },
    {
      title: 'says nothing more of keyless receivers whose node left and was told',
      async run(trial) {
        const epoch = await trial.join()
        const receiver = await trial.spawn(undefined, {}, { epoch })
        await trial.fill(receiver, 'a')
        await trial.leave(epoch)
        assert.deepEqual(await trial.sweep(), NOTHING)
      },
    },
    {
      title: 'keyless receivers are forgotten when their time is over, keyed ones never',
      async run(trial) {
        const keyless = await trial.spawn(undefined, {}, { epoch: trial.epoch })
        const keyed = await trial.spawn('orders')
        for (const receiver of [keyless, keyed]) await trial.close(receiver)
        trial.pass(30 * DAY - 1)
        await trial.sweep()
        assert.equal((await trial.find(keyless.token)).state, 'closed')
        trial.pass(1)
        await trial.sweep()
        const found = await trial.session.findReceiver({ token: keyless.token, now: trial.now })
        assert.equal(found, undefined)
        assert.deepEqual(await trial.post(keyless, 'late'), { type: 'unknown' })
        assert.deepEqual(await trial.close(keyless), [])
        const listed = await trial.session.listReceivers({ now: trial.now, limit: 10 })
        assert.deepEqual(
          listed.map(({ id }) => id),
          [keyed.id],
        )
        assert.equal((await trial.find(keyed.token)).state, 'closed')
      },
    },
    {
      title: 'a keyless receiver is not forgotten while something unread or failed is kept in it',
      async run(trial) {
        const [unread, failed] = [
          await trial.spawn(undefined, {}, { epoch: trial.epoch }),
          await trial.spawn(undefined, {}, { epoch: trial.epoch }),
        ]
        for (const receiver of [unread, failed]) {
          await trial.fill(receiver, 'a')
          await trial.close(receiver)
        }
        await trial.giveUp(await trial.takeOne(failed))
        trial.pass(DAY)
        assert.deepEqual(await trial.sweep({ keylessMs: 0 }), NOTHING)
        assert.deepEqual(texts(await trial.take(unread)), ['a'])
        assert.deepEqual(await trial.failedOf(failed), ['a'])
        trial.pass(7 * DAY)
        await sweepAll(trial, { keylessMs: 0 })
        assert.equal(await trial.session.findReceiver({ token: failed.token, now: trial.now }), undefined)
        assert.equal((await trial.find(unread.token)).state, 'closed')
      },
    },
    {
      title:
        'ids of repeated requests are recognised for their window, however long their callbacks are gone',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const dedupeUntil = trial.now + 20 * DAY
        await trial.post(receiver, 'a', { deliveryId: 'evt-1', dedupeUntil, answer: ANSWER })
        await trial.acknowledge(await trial.takeOne(receiver))
        trial.pass(20 * DAY - 1)
        await sweepAll(trial)
        const repeated = await trial.post(receiver, 'a', { deliveryId: 'evt-1' })
        assert.equal(repeated.type, 'duplicate')
        assert.deepEqual(repeated.answer, ANSWER)
        trial.pass(1)
        await sweepAll(trial)
        assert.deepEqual(await trial.post(receiver, 'a', { deliveryId: 'evt-1' }), {
          type: 'accepted',
          seq: 2,
        })
      },
    },
    {
      title: 'answers are kept until nobody may ask for them any more',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const given = trial.request(receiver, 'a', { dedupeUntil: trial.now + DAY, answer: ANSWER })
        const later = trial.request(receiver, 'b')
        await trial.session.accept(given)
        await trial.session.accept(later)
        await trial.session.answer({
          callbackId: later.callbackId,
          answer: ANSWER,
          until: trial.now + 2 * DAY,
        })
        const answersAt = async () => {
          await sweepAll(trial)
          const found = [given, later].map(({ callbackId }) => trial.session.findAnswer({ callbackId }))
          return (await Promise.all(found)).map(answer => answer !== undefined)
        }
        trial.pass(DAY - 1)
        assert.deepEqual(await answersAt(), [true, true])
        trial.pass(1)
        assert.deepEqual(await answersAt(), [false, true])
        trial.pass(DAY)
        assert.deepEqual(await answersAt(), [false, false])
      },
    },
    {
      title:
        'messages are forgotten with their attempts when their time after the end is over, and their key is free',
      async run(trial) {
        await trial.send(trial.message('endpoint:app', { key: 'order/7' }))
        const claimed = await trial.takeDelivery('endpoint:app')
        trial.pass(DAY)
        await trial.record(claimed, { status: 'delivered' })
        const deliveryId = claimed.delivery.id
        trial.pass(30 * DAY - 1)
        await sweepAll(trial)
        assert.equal((await trial.session.findDelivery({ deliveryId }))?.status, 'delivered')
        trial.pass(1)
        await sweepAll(trial)
        assert.equal(await trial.session.findDelivery({ deliveryId }), undefined)
        assert.deepEqual(await trial.session.listAttempts({ deliveryId }), [])
        const again = await trial.send(trial.message('endpoint:partner', { key: 'order/7' }))
        assert.equal(again.type, 'sent')
        assert.equal(again.created, true)
      },
    },
    {
      title: 'a message whose delivery has not ended is kept, however old it is',
      async run(trial) {
        const deliveryId = await trial.queue('endpoint:app', { deadlineAt: trial.now + 900 * DAY })
        trial.pass(300 * DAY)
        assert.deepEqual(await trial.sweep({ messagesMs: 0 }), NOTHING)
        assert.equal((await trial.takeDelivery('endpoint:app')).delivery.id, deliveryId)
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
        assert.deepEqual(await trial.sweep(), NOTHING)
      },
    },
  ],
}

function byId<T extends { readonly receiverId: string }>(told: readonly T[]): readonly T[] {
  return [...told].sort((a, b) => (a.receiverId < b.receiverId ? -1 : 1))
}
