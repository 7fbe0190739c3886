import assert from 'node:assert/strict'
import { createId, createToken } from '../../core/ids.js'
import type { ReceiverRecord } from '../../model/receiver.js'
import { type Area, DAY, HOUR, texts } from './trial.js'

/** Receivers: made once, and changed by patches. */
export const spawning: Area = {
  title: 'spawning',
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
        const kept = await trial.spawn('orders', { brings: ['respond', 'handshake'] })
        assert.deepEqual(kept.settings.inline, ['dedupe', 'handshake', 'respond', 'verify'])
        const bare = await trial.spawn('orders', { dropsVerify: true })
        assert.deepEqual(bare.settings.inline, ['dedupe', 'handshake', 'respond'])
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
      title: 'receivers and their settings survive a restart',
      async run(trial) {
        const receiver = await trial.spawn('orders', {
          source: 'stripe',
          brings: ['dedupe', 'handshake'],
          ttlMs: DAY,
        })
        await trial.fill(receiver, 'a')
        await trial.restart()
        assert.deepEqual(await trial.find(receiver.token), receiver)
        assert.deepEqual(texts(await trial.take(receiver)), ['a'])
      },
    },
  ],
}
