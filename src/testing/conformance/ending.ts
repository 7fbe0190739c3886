import assert from 'node:assert/strict'
import { type Area, DAY, HOUR, LEASE, MINUTE, texts } from './trial.js'

/** How receivers end, and how they are opened again. */
export const ending: Area = {
  title: 'closing and expiring',
  cases: [
    {
      title: 'expires at its instant and not before, counted from its creation whoever spawns it again',
      async run(trial) {
        const receiver = await trial.spawn('orders', { ttlMs: HOUR })
        trial.pass(HOUR / 2)
        const again = await trial.spawn('orders', { ttlMs: HOUR })
        assert.equal(again.expiresAt, receiver.openedAt + HOUR)
        trial.pass(HOUR / 2 - 1)
        assert.equal((await trial.find(receiver.token)).state, 'open')
        assert.equal((await trial.post(receiver, 'in time')).type, 'accepted')
        trial.pass(1)
        assert.equal((await trial.find(receiver.token)).state, 'expired')
        assert.deepEqual(await trial.post(receiver, 'late'), { type: 'ended', state: 'expired' })
        assert.deepEqual(texts(await trial.take(receiver)), ['in time'])
      },
    },
    {
      title: 'a ttl that is changed counts from the creation, too',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        assert.equal(receiver.expiresAt, undefined)
        trial.pass(MINUTE)
        const changed = await trial.spawn('orders', { ttlMs: HOUR })
        assert.equal(changed.expiresAt, receiver.openedAt + HOUR)
        assert.equal(changed.openedAt, receiver.openedAt)
        trial.pass(HOUR - MINUTE)
        assert.equal((await trial.find(receiver.token)).state, 'expired')
      },
    },
    {
      title: 'a ttl that would be over already is over now, and what is unread is kept from now',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        trial.pass(30 * DAY)
        await trial.fill(receiver, 'just in time')
        const changed = await trial.spawn('orders', { ttlMs: HOUR })
        assert.deepEqual([changed.state, changed.expiresAt], ['expired', trial.now])
        const first = await trial.sweep()
        assert.deepEqual(first.ended, [{ receiverId: receiver.id, key: 'orders', unread: 1 }])
        assert.deepEqual(first.dropped, [])
        trial.pass(7 * DAY - 1)
        assert.deepEqual((await trial.sweep()).dropped, [])
        assert.deepEqual(texts(await trial.take(receiver)), ['just in time'])
      },
    },
    {
      title: 'one that expired stays expired when its ttl is made longer, noticed or not',
      async run(trial) {
        for (const key of ['noticed', 'unnoticed']) {
          const receiver = await trial.spawn(key, { ttlMs: MINUTE })
          trial.pass(MINUTE)
          if (key === 'noticed') await trial.sweep()
          const changed = await trial.spawn(key, { ttlMs: 10 * DAY })
          assert.equal(changed.state, 'expired')
          assert.equal((await trial.find(receiver.token)).state, 'expired')
          assert.equal((await trial.post(receiver, 'late')).type, 'ended')
        }
      },
    },
    {
      title:
        'close lists what is unread in order of arrival, in hand and delayed included, and takes nothing',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c', 'd', 'e')
        const [a, b, c] = await trial.take(receiver, { limit: 3 })
        assert.ok(a && b && c)
        await trial.acknowledge(a)
        await trial.release(b, { dueAt: trial.now + MINUTE })
        assert.deepEqual(texts(await trial.close(receiver)), ['b', 'c', 'd', 'e'])
        assert.deepEqual(texts(await trial.close(receiver)), ['b', 'c', 'd', 'e'])
        assert.equal((await trial.find(receiver.token)).state, 'closed')
        assert.equal(await trial.acknowledge(c), true)
        assert.deepEqual(texts(await trial.take(receiver)), ['d', 'e'])
        trial.pass(MINUTE)
        assert.deepEqual(texts(await trial.take(receiver)), ['b'])
      },
    },
    {
      title: 'close lists a callback as it was accepted',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const request = trial.request(receiver, 'a', {
          deliveryId: 'evt-1',
          path: '/x',
          query: 'y=1',
          method: 'PUT',
        })
        await trial.session.accept(request)
        const [{ body, ...listed } = { body: undefined }, ...others] = await trial.close(receiver)
        assert.deepEqual(others, [])
        assert.deepEqual(Buffer.from(body ?? []).toString(), 'a')
        assert.deepEqual(listed, {
          id: request.callbackId,
          receiverId: receiver.id,
          seq: 1,
          deliveryId: 'evt-1',
          receivedAt: trial.now,
          method: 'PUT',
          path: '/x',
          query: 'y=1',
          headers: request.headers,
        })
      },
    },
    {
      title: 'closing what is not there lists nothing',
      async run(trial) {
        assert.deepEqual(await trial.session.closeReceiver({ receiverId: 'rcv_nobody', now: trial.now }), [])
      },
    },
    {
      title: 'an expired receiver stays expired when it is closed',
      async run(trial) {
        const receiver = await trial.spawn('orders', { ttlMs: MINUTE })
        await trial.fill(receiver, 'a')
        trial.pass(MINUTE)
        assert.deepEqual(texts(await trial.close(receiver)), ['a'])
        assert.equal((await trial.find(receiver.token)).state, 'expired')
      },
    },
    {
      title:
        'a closed receiver comes back closed, restarts included, until it is reopened under the same URL',
      async run(trial) {
        const receiver = await trial.spawn('orders', { capacity: 5 })
        await trial.fill(receiver, 'before')
        await trial.close(receiver)
        await trial.restart()
        const closed = await trial.spawn('orders')
        assert.deepEqual([closed.state, closed.token], ['closed', receiver.token])
        trial.pass(MINUTE)
        const reopened = await trial.spawn('orders', {}, { reopen: true })
        assert.deepEqual(
          [reopened.state, reopened.token, reopened.openedAt],
          ['open', receiver.token, trial.now],
        )
        assert.equal(reopened.settings.capacity, 5)
        await trial.fill(receiver, 'after')
        assert.deepEqual(texts(await trial.take(receiver)), ['before', 'after'])
      },
    },
    {
      title: 'reopening starts the ttl again, and does nothing to one that is open',
      async run(trial) {
        const receiver = await trial.spawn('orders', { ttlMs: HOUR })
        trial.pass(HOUR)
        const reopened = await trial.spawn('orders', {}, { reopen: true })
        assert.deepEqual([reopened.state, reopened.expiresAt], ['open', trial.now + HOUR])
        trial.pass(MINUTE)
        const again = await trial.spawn('orders', {}, { reopen: true })
        assert.deepEqual(
          [again.openedAt, again.expiresAt],
          [receiver.openedAt + HOUR, receiver.openedAt + 2 * HOUR],
        )
      },
    },
    {
      title: 'a receiver that was made under an epoch which is over is closed from the start',
      async run(trial) {
        const epoch = await trial.join()
        trial.pass(LEASE)
        await trial.noticeLosses()
        const receiver = await trial.spawn(undefined, {}, { epoch })
        assert.equal(receiver.state, 'closed')
        assert.deepEqual(await trial.post(receiver, 'late'), { type: 'ended', state: 'closed' })
        assert.deepEqual((await trial.sweep()).ended, [{ receiverId: receiver.id, unread: 0 }])
        trial.pass(30 * DAY)
        await trial.sweep()
        const { token } = receiver
        assert.equal(await trial.session.findReceiver({ token, now: trial.now }), undefined)
      },
    },
  ],
}
