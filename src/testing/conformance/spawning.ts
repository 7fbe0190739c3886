import assert from 'node:assert/strict'
import { createId, createToken } from '../../core/ids.js'
import type { ReceiverRecord } from '../../model/receiver.js'
import { type Area, DAY, HOUR, LEASE, MINUTE, texts } from './trial.js'

/** Receivers: made once, changed by patches, ended and opened again. */
export const spawning: Area = {
  title: 'receivers',
  cases: [
    {
      title: 'makes a receiver that is open, found by its token, and tells that it is new',
      async run(trial) {
        const [id, token] = [createId('rcv', trial.now), createToken()]
        const outcome = await trial.trySpawn({
          id,
          token,
          key: 'orders',
          patch: { capacity: 5, ttlMs: HOUR },
        })
        const receiver: ReceiverRecord = {
          id,
          key: 'orders',
          token,
          version: 1,
          state: 'open',
          openedAt: trial.now,
          expiresAt: trial.now + HOUR,
          settings: { inline: [], capacity: 5, ttlMs: HOUR },
        }
        assert.deepEqual(outcome, { type: 'spawned', receiver, created: true })
        assert.deepEqual(await trial.find(token), receiver)
      },
    },
    {
      title: 'finds nothing behind a token that nobody has',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const found = await trial.session.findReceiver({
          token: receiver.token.toUpperCase(),
          now: trial.now,
        })
        assert.equal(found, undefined)
      },
    },
    {
      title: 'two claims of one key at the same moment are one receiver: twelve callers get one URL',
      async run(trial) {
        const outcomes = await Promise.all(
          Array.from({ length: 12 }, () => trial.trySpawn({ key: 'orders' })),
        )
        const spawned = outcomes.filter(outcome => outcome.type === 'spawned')
        assert.equal(spawned.length, 12)
        assert.equal(new Set(spawned.map(({ receiver }) => receiver.token)).size, 1)
        assert.equal(spawned.filter(({ created }) => created).length, 1)
      },
    },
    {
      title: 'keys are told apart by every letter, also in their case and outside ASCII',
      async run(trial) {
        const keys = ['orders', 'Orders', 'orders ', 'ördèrs/☃/😀', "'; drop table receivers; --", '%', '_']
        const receivers: ReceiverRecord[] = []
        for (const key of keys) receivers.push(await trial.spawn(key))
        assert.equal(new Set(receivers.map(({ id }) => id)).size, keys.length)
        for (const [index, key] of keys.entries()) {
          const again = await trial.spawn(key)
          assert.equal(again.id, receivers[index]?.id)
          assert.equal(again.key, key)
        }
      },
    },
    {
      title: 'without a key every receiver is new, and bound to its epoch',
      async run(trial) {
        const { epoch } = trial
        const [one, other] = [
          await trial.spawn(undefined, {}, { epoch }),
          await trial.spawn(undefined, {}, { epoch }),
        ]
        assert.notEqual(one.token, other.token)
        assert.equal(one.epoch, epoch)
        assert.equal('key' in one, false)
      },
    },
    {
      title: 'a spawn that is repeated with the same id is done once, with the same outcome',
      async run(trial) {
        const keyed = { id: createId('rcv', trial.now), token: createToken(), key: 'orders' }
        const keyless = { id: createId('rcv', trial.now), token: createToken(), epoch: trial.epoch }
        for (const input of [keyed, keyless]) {
          const first = await trial.trySpawn({ ...input, patch: { capacity: 5 } })
          const again = await trial.trySpawn({ ...input, patch: { capacity: 5 } })
          assert.equal(first.type, 'spawned')
          assert.deepEqual(again, first)
        }
        assert.equal((await trial.session.listReceivers({ now: trial.now, limit: 10 })).length, 2)
      },
    },
    {
      title: 'a setting that is given replaces the stored one, one that is left out keeps it',
      async run(trial) {
        const first = await trial.spawn('orders', { capacity: 5, methods: ['POST', 'PUT'], maxBodyBytes: 10 })
        const second = await trial.spawn('orders', {
          maxBodyBytes: 20,
          respondTimeoutMs: 7,
          dedupeWindowMs: 9,
        })
        assert.equal(second.id, first.id)
        assert.equal(second.token, first.token)
        assert.deepEqual(second.settings, {
          inline: [],
          capacity: 5,
          methods: ['POST', 'PUT'],
          maxBodyBytes: 20,
          respondTimeoutMs: 7,
          dedupeWindowMs: 9,
        })
        assert.deepEqual(await trial.find(first.token), second)
      },
    },
    {
      title: 'the version is one higher with every change of settings, and the same when nothing changed',
      async run(trial) {
        const first = await trial.spawn('orders', { capacity: 5 })
        assert.equal(first.version, 1)
        assert.equal((await trial.spawn('orders', { capacity: 5 })).version, 1)
        assert.equal((await trial.spawn('orders')).version, 1)
        assert.equal((await trial.spawn('orders', { capacity: 6 })).version, 2)
        assert.equal((await trial.spawn('orders', { methods: ['PUT'] })).version, 3)
        assert.equal((await trial.spawn('orders', { methods: ['PUT'] })).version, 3)
      },
    },
    {
      title: 'remembers which code a spawn brought, and takes a source or a verifier away only when told to',
      async run(trial) {
        await trial.spawn('orders', { brings: ['verify', 'dedupe'] })
        const kept = await trial.spawn('orders', { brings: ['respond'] })
        assert.deepEqual(kept.settings.inline, ['dedupe', 'respond', 'verify'])
        const bare = await trial.spawn('orders', { dropsVerify: true })
        assert.deepEqual(bare.settings.inline, ['dedupe', 'respond'])
        const sourced = await trial.spawn('orders', { source: 'stripe' })
        assert.equal(sourced.settings.source, 'stripe')
        assert.equal((await trial.spawn('orders')).settings.source, 'stripe')
        const unsourced = await trial.spawn('orders', { source: null })
        assert.equal('source' in unsourced.settings, false)
      },
    },
    {
      title: 'a verifier beside a source is a conflict that says so and changes nothing',
      async run(trial) {
        const before = await trial.spawn('orders', { source: 'stripe', capacity: 5 })
        const outcome = await trial.trySpawn({ key: 'orders', patch: { brings: ['verify'], capacity: 6 } })
        assert.equal(outcome.type, 'conflict')
        assert.match(outcome.message, /stripe/)
        assert.deepEqual(await trial.find(before.token), before)
        const fresh = await trial.trySpawn({ key: 'new', patch: { source: 'stripe', brings: ['verify'] } })
        assert.equal(fresh.type, 'conflict')
        const [only, ...others] = await trial.session.listReceivers({ now: trial.now, limit: 10 })
        assert.equal(only?.key, 'orders')
        assert.deepEqual(others, [])
      },
    },
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
    {
      title: 'receivers and their settings survive a restart',
      async run(trial) {
        const receiver = await trial.spawn('orders', { source: 'stripe', brings: ['dedupe'], ttlMs: DAY })
        await trial.fill(receiver, 'a')
        await trial.restart()
        assert.deepEqual(await trial.find(receiver.token), receiver)
        assert.deepEqual(texts(await trial.take(receiver)), ['a'])
      },
    },
    {
      title: 'lists the registry in pages, in order of id, each receiver once',
      async run(trial) {
        const spawned: string[] = []
        for (let index = 0; index < 7; index += 1) {
          const { id } = await trial.spawn(index % 2 === 0 ? `orders/${index}` : undefined)
          spawned.push(id)
        }
        const listed: string[] = []
        for (let after: string | undefined; ; ) {
          const ask = { now: trial.now, limit: 3, ...(after === undefined ? {} : { after }) }
          const page = await trial.session.listReceivers(ask)
          assert.ok(page.length <= 3)
          if (page.length === 0) break
          listed.push(...page.map(({ id }) => id))
          after = listed.at(-1)
        }
        assert.deepEqual(listed, spawned.sort())
      },
    },
    {
      title: 'lists receivers by key, and by the state that they have now',
      async run(trial) {
        await trial.spawn('open')
        await trial.close(await trial.spawn('closed'))
        await trial.spawn('expired', { ttlMs: MINUTE })
        const lost = await trial.spawn(undefined, {}, { epoch: await trial.join() })
        trial.pass(MINUTE)
        const keysOf = async (filter: { key?: string; state?: ReceiverRecord['state'] }) => {
          const page = await trial.session.listReceivers({ now: trial.now, limit: 10, ...filter })
          return page.map(({ id, key }) => key ?? id).sort()
        }
        assert.deepEqual(await keysOf({ state: 'open' }), ['open'])
        assert.deepEqual(await keysOf({ state: 'closed' }), ['closed', lost.id].sort())
        assert.deepEqual(await keysOf({ state: 'expired' }), ['expired'])
        assert.deepEqual(await keysOf({ key: 'closed' }), ['closed'])
        assert.deepEqual(await keysOf({ key: 'closed', state: 'open' }), [])
      },
    },
    {
      title: 'lists of each receiver what is unread, what has failed, and since when the oldest waits',
      async run(trial) {
        const receiver = await trial.spawn('orders', { capacity: 9 })
        const summaryOf = async () => (await trial.session.listReceivers({ now: trial.now, limit: 10 }))[0]
        assert.deepEqual(await summaryOf(), { ...receiver, unread: 0, failed: 0 })
        const since: number[] = []
        for (const text of ['a', 'b', 'c']) {
          since.push(trial.now)
          await trial.fill(receiver, text)
          trial.pass(MINUTE)
        }
        assert.deepEqual(await summaryOf(), { ...receiver, unread: 3, failed: 0, oldest: since[0] })
        const [a, b] = await trial.take(receiver)
        assert.ok(a && b)
        await trial.acknowledge(a)
        assert.deepEqual(await summaryOf(), { ...receiver, unread: 2, failed: 0, oldest: since[1] })
        await trial.giveUp(b)
        assert.deepEqual(await summaryOf(), { ...receiver, unread: 1, failed: 1, oldest: since[2] })
      },
    },
  ],
}
