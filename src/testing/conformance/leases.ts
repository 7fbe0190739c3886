import assert from 'node:assert/strict'
import { createId } from '../../core/ids.js'
import { enterRun, reenter } from './entered-run.js'
import { type Area, DAY, LEASE, MINUTE, SECOND, texts } from './trial.js'

/** Epochs: how long they last, and what can be done under them. */
export const leases: Area = {
  title: 'nodes and their leases',
  cases: [
    {
      title: 'every join begins an epoch of its own, also for the same node, and none is ever given again',
      async run(trial) {
        const join = () => trial.session.join({ node: 'same', now: trial.now, leaseMs: LEASE })
        const epochs = [(await join()).epoch, (await join()).epoch]
        await trial.leave(epochs[1])
        await trial.restart()
        epochs.push((await join()).epoch)
        assert.deepEqual(
          epochs,
          [...new Set(epochs)].sort((a, b) => a - b),
        )
      },
    },
    {
      title:
        'two epochs in one session hold their own callbacks, and one that ends takes nothing from the other',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const [one, other] = [await trial.join(), await trial.join()]
        const a = await trial.takeOne(receiver, { epoch: one })
        const b = await trial.takeOne(receiver, { epoch: other })
        await trial.leave(one)
        assert.equal(await trial.acknowledge(a, one), false)
        assert.equal(await trial.acknowledge(b, other), true)
        assert.deepEqual(texts(await trial.take(receiver)), ['a'])
      },
    },
    {
      title: 'a lease that is renewed in time goes on, and counts from its renewal',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const epoch = await trial.join()
        const callback = await trial.takeOne(receiver, { epoch })
        for (let round = 0; round < 10; round += 1) {
          trial.pass(LEASE - 1)
          assert.equal(await trial.session.renew({ epoch, now: trial.now, leaseMs: LEASE }), true)
          assert.deepEqual(await trial.takeOver(), { callbacks: 0, deliveries: 0, runs: 0, receiverIds: [] })
        }
        assert.equal(await trial.acknowledge(callback, epoch), true)
      },
    },
    {
      title: 'a lease that ran out, was left, or never was cannot be renewed',
      async run(trial) {
        const [lost, left] = [await trial.join(), await trial.join()]
        await trial.leave(left)
        trial.pass(LEASE)
        for (const epoch of [lost, left, trial.epoch + 1_000]) {
          assert.equal(await trial.session.renew({ epoch, now: trial.now, leaseMs: LEASE }), false)
        }
      },
    },
    {
      title: 'a node that was paused for longer than its lease and wakes up can write nothing',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c', 'd')
        await trial.queue('endpoint:app')
        const epoch = await trial.join()
        const [a, b, c] = await trial.take(receiver, { epoch, limit: 3 })
        const claimed = await trial.takeDelivery('endpoint:app', { epoch })
        assert.ok(a && b && c)
        trial.pass(LEASE)
        const writes = async () => {
          assert.equal(await trial.acknowledge(a, epoch), false)
          assert.equal(await trial.release(b, { epoch }), false)
          assert.equal(await trial.giveUp(c, { epoch }), false)
          assert.equal(await trial.record(claimed, { status: 'delivered' }, { epoch }), 'lost')
          assert.deepEqual(await trial.take(receiver, { epoch }), [])
          assert.deepEqual(await trial.claimDeliveries({ epoch, lanes: { 'endpoint:app': 9 } }), {
            claimed: [],
          })
          assert.deepEqual(await trial.leave(epoch), [])
        }
        await writes()
        await trial.takeOver()
        await writes()
        assert.deepEqual(texts(await trial.take(receiver)), ['a', 'b', 'c', 'd'])
        await writes()
        assert.deepEqual(await trial.session.listAttempts({ deliveryId: claimed.delivery.id }), [])
        assert.deepEqual(await trial.failedOf(receiver), [])
      },
    },
    {
      title: 'an epoch that was taken over stays over when the clock goes back',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const epoch = await trial.join()
        await trial.takeOne(receiver, { epoch })
        trial.pass(LEASE)
        await trial.takeOver()
        trial.pass(-LEASE)
        assert.equal(await trial.session.renew({ epoch, now: trial.now, leaseMs: LEASE }), false)
        assert.deepEqual(await trial.take(receiver, { epoch }), [])
        assert.deepEqual(texts(await trial.take(receiver)), ['a', 'b'])
      },
    },
    {
      title: 'a node that leaves gives everything back at once and uncounted',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const deliveryId = await trial.queue('endpoint:app')
        const epoch = await trial.join()
        await trial.release(await trial.takeOne(receiver, { epoch }), { epoch, as: 'failure' })
        const held = await trial.take(receiver, { epoch })
        await trial.takeDelivery('endpoint:app', { epoch })
        assert.deepEqual(await trial.leave(epoch), [])
        const again = await trial.take(receiver)
        assert.deepEqual(
          again.map(({ attempt, failures }) => [attempt, failures]),
          held.map(({ attempt, failures }) => [attempt, failures]),
        )
        assert.equal((await trial.takeDelivery('endpoint:app')).delivery.id, deliveryId)
        assert.deepEqual(await trial.takeOver(), { callbacks: 0, deliveries: 0, runs: 0, receiverIds: [] })
      },
    },
    {
      title: 'under an epoch that was left nothing can be done any more, though its lease would run on',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        await trial.queue('endpoint:app')
        const epoch = await trial.join({ leaseMs: DAY })
        await trial.leave(epoch)
        assert.equal(await trial.session.renew({ epoch, now: trial.now, leaseMs: DAY }), false)
        assert.deepEqual(await trial.take(receiver, { epoch }), [])
        assert.deepEqual(await trial.claimDeliveries({ epoch, lanes: { 'endpoint:app': 9 } }), {
          claimed: [],
        })
        assert.equal((await trial.spawn(undefined, {}, { epoch })).state, 'closed')
      },
    },
    {
      title: 'leaving twice is leaving once',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const epoch = await trial.join()
        const keyless = await trial.spawn(undefined, {}, { epoch })
        await trial.fill(keyless, 'x')
        await trial.takeOne(receiver, { epoch })
        assert.deepEqual(await trial.leave(epoch), [{ receiverId: keyless.id, unread: 1 }])
        const callback = await trial.takeOne(receiver)
        assert.deepEqual(await trial.leave(epoch), [])
        assert.equal(await trial.acknowledge(callback), true)
      },
    },
    {
      title: 'keyless receivers of an epoch that ran out are closed at once for whoever looks or posts',
      async run(trial) {
        const epoch = await trial.join()
        const receiver = await trial.spawn(undefined, {}, { epoch })
        await trial.fill(receiver, 'a')
        trial.pass(LEASE - 1)
        assert.equal((await trial.find(receiver.token)).state, 'open')
        trial.pass(1)
        await trial.noticeLosses()
        assert.equal((await trial.find(receiver.token)).state, 'closed')
        assert.deepEqual(await trial.post(receiver, 'late'), { type: 'ended', state: 'closed' })
        assert.equal((await trial.claim(receiver, { limit: 0 })).state, 'closed')
        assert.deepEqual(texts(await trial.take(receiver)), ['a'])
      },
    },
    {
      title: 'keyless receivers are closed when their node leaves, and it is told which had something unread',
      async run(trial) {
        const epoch = await trial.join()
        const [empty, full] = [
          await trial.spawn(undefined, {}, { epoch }),
          await trial.spawn(undefined, {}, { epoch }),
        ]
        const [keyed, other] = [
          await trial.spawn('orders'),
          await trial.spawn(undefined, {}, { epoch: trial.epoch }),
        ]
        for (const receiver of [full, keyed, other]) await trial.fill(receiver, 'a', 'b')
        await trial.takeOne(full, { epoch })
        assert.deepEqual(await trial.leave(epoch), [{ receiverId: full.id, unread: 2 }])
        assert.equal((await trial.find(empty.token)).state, 'closed')
        assert.deepEqual(await trial.post(full, 'late'), { type: 'ended', state: 'closed' })
        assert.equal((await trial.post(keyed, 'c')).type, 'accepted')
        assert.equal((await trial.post(other, 'c')).type, 'accepted')
        assert.deepEqual(texts(await trial.take(full)), ['a', 'b'])
      },
    },
    {
      title:
        'a keyless receiver that had expired when its node leaves stays expired, and a sweep tells of it',
      async run(trial) {
        const epoch = await trial.join({ leaseMs: DAY })
        const receiver = await trial.spawn(undefined, { ttlMs: MINUTE }, { epoch })
        await trial.fill(receiver, 'a')
        trial.pass(MINUTE)
        assert.deepEqual(await trial.leave(epoch), [])
        assert.equal((await trial.find(receiver.token)).state, 'expired')
        assert.deepEqual((await trial.sweep()).ended, [{ receiverId: receiver.id, unread: 1 }])
      },
    },
    {
      title:
        'a node that missed its lease moves what nobody has taken to a new epoch, uncounted, and is over under the old one',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const deliveryId = await trial.queue('endpoint:app')
        const missed = await trial.join()
        const run = await enterRun(trial, { epoch: missed })
        await trial.release(await trial.takeOne(receiver, { epoch: missed }), {
          epoch: missed,
          as: 'failure',
        })
        const held = await trial.take(receiver, { epoch: missed })
        await trial.takeDelivery('endpoint:app', { epoch: missed })
        trial.pass(LEASE)
        const epoch = await trial.join({ moves: missed })
        assert.deepEqual(await trial.takeOver(), { callbacks: 0, deliveries: 0, runs: 0, receiverIds: [] })
        const [first] = held
        assert.ok(first)
        assert.equal(await trial.acknowledge(first, missed), false)
        assert.equal(await trial.session.renew({ epoch: missed, now: trial.now, leaseMs: LEASE }), false)
        const again = await trial.take(receiver, { epoch })
        assert.deepEqual(
          again.map(({ attempt, failures }) => [attempt, failures]),
          held.map(({ attempt, failures }) => [attempt, failures]),
        )
        assert.equal((await trial.takeDelivery('endpoint:app', { epoch })).delivery.id, deliveryId)
        assert.equal((await reenter(trial, run.id, { epoch })).run.attempt, 1)
      },
    },
    {
      title:
        'keyless receivers of a node that missed its lease stay open under its new epoch, until that is over',
      async run(trial) {
        for (const notices of [false, true]) {
          const missed = await trial.join()
          const receiver = await trial.spawn(undefined, {}, { epoch: missed })
          await trial.fill(receiver, 'a')
          trial.pass(LEASE)
          if (notices) await trial.takeOver()
          const epoch = await trial.join({ moves: missed })
          const found = await trial.find(receiver.token)
          assert.deepEqual([found.state, found.epoch], ['open', epoch])
          await trial.fill(receiver, 'b')
          assert.deepEqual((await trial.sweep()).ended, [])
          assert.deepEqual(texts(await trial.take(receiver)), ['a', 'b'])
          assert.deepEqual(await trial.leave(epoch), [{ receiverId: receiver.id, unread: 2 }])
          assert.equal((await trial.find(receiver.token)).state, 'closed')
        }
      },
    },
    {
      title: 'a node that began an epoch without hearing of it moves that one, too',
      async run(trial) {
        const keyed = await trial.spawn('orders')
        await trial.fill(keyed, 'a')
        const node = createId('node', trial.now)
        const missed = await trial.join({ node })
        const receiver = await trial.spawn(undefined, {}, { epoch: missed })
        trial.pass(LEASE)
        const unheard = await trial.join({ node, moves: missed })
        await trial.take(keyed, { epoch: unheard })
        const other = await trial.join()
        const epoch = await trial.join({ node, moves: missed })
        const found = await trial.find(receiver.token)
        assert.deepEqual([found.state, found.epoch], ['open', epoch])
        const renew = { now: trial.now, leaseMs: LEASE }
        assert.equal(await trial.session.renew({ epoch: unheard, ...renew }), false)
        assert.equal(await trial.session.renew({ epoch: other, ...renew }), true)
        assert.equal((await trial.takeOne(keyed, { epoch })).attempt, 1)
      },
    },
    {
      title:
        'a move takes nothing back from whoever took it over, opens nothing again, and may find nothing at all',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const missed = await trial.join()
        const [closed, told, expired] = [
          await trial.spawn(undefined, {}, { epoch: missed }),
          await trial.spawn(undefined, {}, { epoch: missed }),
          await trial.spawn(undefined, { ttlMs: SECOND }, { epoch: missed }),
        ]
        await trial.close(closed)
        await trial.takeOne(receiver, { epoch: missed })
        trial.pass(LEASE)
        await trial.takeOver()
        await trial.sweep()
        const taken = await trial.takeOne(receiver)
        for (const moves of [missed, missed, missed + 1_000]) await trial.join({ moves })
        for (const [{ token }, state] of [
          [closed, 'closed'],
          [told, 'closed'],
          [expired, 'expired'],
        ] as const) {
          assert.equal((await trial.find(token)).state, state)
        }
        assert.equal(await trial.acknowledge(taken), true)
      },
    },
    {
      title: 'keyed receivers keep accepting while nobody is there',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.leave()
        trial.pass(DAY)
        await trial.fill(receiver, 'a')
        await trial.restart()
        assert.deepEqual(texts(await trial.take(receiver)), ['a'])
      },
    },
  ],
}
