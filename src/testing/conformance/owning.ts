import assert from 'node:assert/strict'
import type { ReceiverRecord } from '../../model/receiver.js'
import { enterRun, reenter } from './entered-run.js'
import { APP, newReceiver, newSend, placeAt, textOf, value } from './entered-scope.js'
import { NOTHING_SWEPT } from './sweeps.js'
import { type Area, HOUR, LEASE, MINUTE, type Trial } from './trial.js'

/** What belongs to a scope: made once, nobody else's, and closed with it. */
export const owning: Area = {
  title: 'what a scope owns',
  cases: [
    {
      title: 'a receiver of a scope is open, has no key and belongs to no node',
      async run(trial) {
        const scope = await enterRun(trial)
        const { id, token } = newReceiver(trial)
        const { entry } = scope
        const receiver = { id, token, patch: { capacity: 5, ttlMs: HOUR, source: 'partner' } }
        const outcome = await trial.session.spawnInScope({
          entry,
          at: placeAt('reply'),
          receiver,
          now: trial.now,
        })
        const record: ReceiverRecord = {
          id,
          token,
          version: 1,
          state: 'open',
          openedAt: trial.now,
          expiresAt: trial.now + HOUR,
          settings: { inline: [], capacity: 5, ttlMs: HOUR, source: 'partner' },
        }
        assert.deepEqual(outcome, { type: 'spawned', receiver: record })
        await trial.restart()
        assert.deepEqual(await trial.find(token), record)
        assert.deepEqual(await scope.memories(), [
          { at: placeAt('reply'), memory: { verb: 'spawn', receiver: record } },
        ])
      },
    },
    {
      title:
        'a key of a scope has one receiver, whatever a later spawn brings and however often it is asked for',
      async run(trial) {
        const scope = await enterRun(trial)
        const outcomes = await Promise.all(
          Array.from({ length: 12 }, (_, index) => scope.trySpawn('reply', { capacity: index + 1 })),
        )
        const [first] = outcomes
        assert.equal(first?.type, 'spawned')
        for (const outcome of outcomes) assert.deepEqual(outcome, first)
        await trial.leave()
        await trial.restart()
        const again = await reenter(trial, scope.id)
        assert.deepEqual(await again.trySpawn('reply', { source: 'stripe', brings: ['verify'] }), first)
        assert.equal((await trial.session.listReceivers({ now: trial.now, limit: 100 })).length, 1)
      },
    },
    {
      title: 'settings that cannot be are a conflict that says so, and remember nothing',
      async run(trial) {
        const scope = await enterRun(trial)
        const outcome = await scope.trySpawn('reply', { source: 'stripe', brings: ['verify'] })
        assert.equal(outcome.type, 'conflict')
        assert.match(outcome.message, /stripe/)
        const receiver = newReceiver(trial, { source: 'stripe', brings: ['verify'] })
        assert.equal((await scope.tryExchange('ask', { receiver })).type, 'conflict')
        assert.deepEqual(await scope.memories(), [])
        assert.deepEqual(await trial.session.listReceivers({ now: trial.now, limit: 100 }), [])
        assert.equal(await trial.session.countDue({ now: trial.now }), 0)
      },
    },
    {
      title: 'a receiver and its state are recalled as they are now',
      async run(trial) {
        const scope = await enterRun(trial)
        const closed = await scope.spawn('closed')
        const expired = await scope.spawn('expired', { ttlMs: HOUR })
        const { receiver } = await scope.exchange('ask')
        await trial.close(closed)
        await trial.close(receiver)
        trial.pass(HOUR)
        const states = (await scope.memories()).map(
          ({ memory }) => 'receiver' in memory && memory.receiver.state,
        )
        assert.deepEqual(states, ['closed', 'expired', 'closed'])
        const again = await scope.trySpawn('expired')
        assert.deepEqual(again, { type: 'spawned', receiver: { ...expired, state: 'expired' } })
      },
    },
    {
      title: 'a message is stored with its delivery, once for its key, and is due like any other',
      async run(trial) {
        const scope = await enterRun(trial)
        const send = newSend(trial)
        const outcome = await scope.trySend('notify', send)
        const { deliveryId } = send
        assert.deepEqual(outcome, { type: 'sent', messageId: send.message.id, deliveryId })
        for (let time = 0; time < 3; time += 1) {
          const other = { message: trial.message('endpoint:partner', { path: '/other' }) }
          assert.deepEqual(await scope.trySend('notify', other), outcome)
        }
        await trial.leave()
        await trial.restart()
        assert.deepEqual(await (await reenter(trial)).trySend('notify'), outcome)
        const { claimed } = await trial.claimDeliveries({ lanes: { [APP]: 9, 'endpoint:partner': 9 } })
        assert.deepEqual(
          claimed.map(({ delivery, message }) => [delivery.id, message.id, message.path]),
          [[deliveryId, send.message.id, send.message.path]],
        )
      },
    },
    {
      title: 'messages of scopes and of the server do not meet by their keys',
      async run(trial) {
        const [one, other] = [await enterRun(trial), await enterRun(trial)]
        const keyed = () => ({ message: trial.message(APP, { key: 'order/7' }) })
        await one.send('notify', keyed())
        await other.send('notify', keyed())
        const sent = await trial.send(keyed().message)
        assert.equal(sent.type, 'sent')
        assert.equal(sent.created, true)
        await one.send('again', keyed())
        assert.equal((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed.length, 4)
      },
    },
    {
      title: 'an exchange is a receiver, a message and a wait in one move, and made once',
      async run(trial) {
        const scope = await enterRun(trial)
        const send = newSend(trial)
        const deadlineAt = trial.now + MINUTE
        const begun = await scope.exchange('ask', { send, deadlineAt })
        const { message, deliveryId } = send
        const { receiver } = begun
        assert.deepEqual(begun, { type: 'begun', receiver, messageId: message.id, deliveryId, deadlineAt })
        assert.deepEqual(await trial.find(receiver.token), receiver)
        assert.equal(receiver.state, 'open')
        assert.equal('key' in receiver || 'epoch' in receiver, false)
        trial.pass(1)
        assert.deepEqual(await scope.tryExchange('ask', { deadlineAt: trial.now + HOUR }), begun)
        const { type: _, ...exchange } = begun
        assert.deepEqual(await scope.memories(), [
          { at: placeAt('ask'), memory: { verb: 'exchange', ...exchange } },
        ])
        assert.equal((await trial.takeDelivery(APP)).delivery.id, deliveryId)
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed, [])
      },
    },
    {
      title: 'what a scope has read is unread no more: it leaves room, and closing does not list it',
      async run(trial) {
        const scope = await enterRun(trial)
        const receiver = await scope.spawn('reply')
        const post = (text: string, deliveryId: string) =>
          trial.post(receiver, text, { deliveryId, capacity: 1 })
        await post('first', 'evt-1')
        assert.deepEqual(await post('second', 'evt-2'), { type: 'full' })
        assert.equal(textOf(await scope.read('reply', receiver)), 'first')
        assert.equal(await trial.unreadOf(receiver), 0)
        assert.equal((await post('second', 'evt-2')).type, 'accepted')
        assert.equal((await post('first', 'evt-1')).type, 'duplicate')
        assert.equal((await trial.close(receiver)).length, 1)
        assert.equal(await trial.unreadOf(receiver), 1)
        assert.deepEqual(await trial.failedOf(receiver), [])
      },
    },
    {
      title: 'what came for a scope is handed to nobody else',
      async run(trial) {
        const scope = await enterRun(trial)
        const receiver = await scope.spawn('reply')
        await trial.fill(receiver, 'a')
        const { callbacks, ungrouped, state, unread } = await trial.claim(receiver)
        assert.deepEqual([callbacks, ungrouped, state, unread], [[], [], 'open', true])
        assert.deepEqual((await trial.claim(receiver, { ordered: true })).ungrouped, [])
        assert.equal(textOf(await scope.read('reply', receiver)), 'a')
      },
    },
    {
      title: 'receivers of a scope stay open when the node of the scope leaves, or loses its lease',
      async run(trial) {
        const left = await enterRun(trial, { epoch: await trial.join() })
        const lost = await enterRun(trial, { epoch: await trial.join() })
        const receivers = [await left.spawn('reply'), await lost.spawn('reply')]
        assert.deepEqual(await trial.leave(left.claim.epoch), [])
        trial.pass(LEASE)
        await trial.takeOver()
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        for (const receiver of receivers) assert.equal((await trial.post(receiver, 'a')).type, 'accepted')
      },
    },
    ...(['done', 'cancelled'] as const).map(status => ({
      title: `when a run is ${status} its receivers close, and the next sweep tells what was left unread in them`,
      async run(trial: Trial) {
        const scope = await enterRun(trial)
        const [full, empty] = [await scope.spawn('full'), await scope.spawn('empty')]
        const { receiver: asked } = await scope.exchange('ask')
        const other = await (await enterRun(trial)).spawn('other')
        for (const receiver of [full, asked, other]) await trial.fill(receiver, 'a', 'b')
        await scope.read('full', full)
        assert.equal(await scope.end({ status, result: value('over') }), true)
        for (const receiver of [full, empty, asked]) {
          assert.deepEqual(await trial.post(receiver, 'late'), { type: 'ended', state: 'closed' })
        }
        assert.equal((await trial.post(other, 'c')).type, 'accepted')
        assert.deepEqual(await scope.memories(), [])
        const told = (await trial.sweep()).ended
        assert.equal(told.length, 3)
        assert.deepEqual(
          new Map(told.map(({ receiverId, unread }) => [receiverId, unread])),
          new Map([empty, full, asked].map(({ id }, index) => [id, index])),
        )
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    })),
    {
      title: 'a receiver that ended before its scope is not told of again when the scope ends',
      async run(trial) {
        const scope = await enterRun(trial)
        const expired = await scope.spawn('expired', { ttlMs: HOUR })
        const closed = await scope.spawn('closed')
        await trial.close(closed)
        trial.pass(HOUR)
        assert.deepEqual((await trial.sweep()).ended, [{ receiverId: expired.id, unread: 0 }])
        await scope.end()
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
        assert.equal((await trial.find(expired.token)).state, 'expired')
      },
    },
    {
      title: 'messages already sent go on when their scope ends',
      async run(trial) {
        const scope = await enterRun(trial)
        const sent = [await scope.send('notify'), (await scope.exchange('ask')).deliveryId]
        await scope.end({ status: 'cancelled', result: value('over') })
        const { claimed } = await trial.claimDeliveries({ lanes: { [APP]: 9 } })
        assert.deepEqual(claimed.map(({ delivery }) => delivery.id).sort(), sent.sort())
      },
    },
  ],
}
