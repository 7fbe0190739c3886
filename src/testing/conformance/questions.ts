import assert from 'node:assert/strict'
import { createId, createToken } from '../../core/ids.js'
import type { ClaimedCallback } from '../../model/callback.js'
import type { Lane } from '../../model/delivery.js'
import type { TakeAnswerOutcome } from '../../store/exchanging.js'
import type { Input, Outcome } from '../../store/store.js'
import { type Area, DAY, MINUTE, SECOND, type Trial, texts } from './trial.js'

type Begun = Extract<Outcome<'beginExchange'>, { readonly type: 'begun' }>

const APP: Lane = 'endpoint:app'

/** Exchanges of the server: what has a key can be asked for again. */
export const questions: Area = {
  title: 'exchanges of the server',
  cases: [
    {
      title: 'makes a receiver and a message that is due, neither of which has a key',
      async run(trial) {
        const { receiver, messageId, deliveryId, created } = await begin(trial, 'ask')
        assert.equal(created, true)
        assert.deepEqual(await trial.find(receiver.token), receiver)
        assert.equal(receiver.state, 'open')
        assert.equal(receiver.key, undefined)
        assert.equal(receiver.epoch, undefined)
        const { delivery, message } = await trial.takeDelivery(APP)
        assert.deepEqual([delivery.id, message.id, message.key], [deliveryId, messageId, undefined])
      },
    },
    {
      title: 'a key has one exchange, whatever the second call brought, also in the next process',
      async run(trial) {
        const first = await begin(trial, 'ask')
        const again = { ...first, created: false }
        assert.deepEqual(await begin(trial, 'ask', { receiver: fresh(trial, { capacity: 7 }) }), again)
        await trial.restart()
        assert.deepEqual(await begin(trial, 'ask'), again)
        assert.equal((await trial.session.listReceivers({ now: trial.now, limit: 10 })).length, 1)
        assert.equal((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed.length, 1)
      },
    },
    {
      title: 'two callers at the same moment begin one exchange',
      async run(trial) {
        const [one, two] = await Promise.all([begin(trial, 'ask'), begin(trial, 'ask')])
        assert.deepEqual([one.created, two.created], [true, false])
        assert.deepEqual({ ...two, created: true }, one)
        assert.equal((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed.length, 1)
      },
    },
    {
      title: 'keys of exchanges, receivers and messages do not meet',
      async run(trial) {
        const receiver = await trial.spawn('x')
        const sent = await trial.send(trial.message('endpoint:other', { key: 'x' }))
        const begun = await begin(trial, 'x')
        assert.equal(begun.created, true)
        assert.notEqual(begun.receiver.id, receiver.id)
        assert.ok(sent.type === 'sent' && sent.deliveryId !== begun.deliveryId)
        assert.deepEqual((await trial.trySpawn({ key: 'x' })).type, 'spawned')
        assert.equal((await trial.session.listReceivers({ now: trial.now, limit: 9, key: 'x' })).length, 1)
      },
    },
    {
      title: 'a key that has an exchange with another target makes nothing, also long after the message went',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        trial.pass(40 * DAY)
        await trial.sweep()
        assert.equal(await trial.session.findDelivery({ deliveryId: begun.deliveryId }), undefined)
        const other = await tryBegin(trial, { key: 'ask', send: sending(trial, 'endpoint:other') })
        assert.deepEqual(other, { type: 'other_target', lane: APP })
        const lanes = { 'endpoint:other': 9 }
        assert.deepEqual((await trial.claimDeliveries({ lanes })).claimed, [])
        assert.deepEqual(await begin(trial, 'ask'), { ...begun, created: false })
      },
    },
    {
      title: 'the same URL written out is the same target, another of the same origin is not',
      async run(trial) {
        const to = (url: string) => sending(trial, 'origin:https://x.example', url)
        await begin(trial, 'ask', { send: to('https://x.example/a') })
        assert.equal((await begin(trial, 'ask', { send: to('https://x.example/a') })).created, false)
        const other = await tryBegin(trial, { key: 'ask', send: to('https://x.example/b') })
        assert.deepEqual(other, { type: 'other_target', lane: 'origin:https://x.example' })
      },
    },
    {
      title: 'sent again, because its outcome was lost, it is begun once and told as the first time',
      async run(trial) {
        for (const key of ['ask', undefined]) {
          const input = toInput(trial, key === undefined ? { epoch: trial.epoch } : { key })
          const first = await trial.session.beginExchange(input)
          assert.deepEqual(await trial.session.beginExchange(input), first)
          assert.equal((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed.length, 1)
        }
        assert.equal((await trial.session.listReceivers({ now: trial.now, limit: 10 })).length, 2)
      },
    },
    {
      title: 'what cannot be is written in no part: neither the receiver nor the message',
      async run(trial) {
        const conflict = { source: 'stripe', brings: ['verify'] } as const
        const refused = await tryBegin(trial, { key: 'ask', receiver: fresh(trial, conflict) })
        assert.equal(refused.type, 'conflict')
        const over = await trial.join({ leaseMs: SECOND })
        trial.pass(SECOND)
        assert.deepEqual(await tryBegin(trial, { epoch: over }), { type: 'lost' })
        const broken = sending(trial, APP)
        const unstorable = { ...broken, message: { ...broken.message, path: '/\0' } }
        await tryBegin(trial, { key: 'other', send: unstorable }).catch(() => undefined)
        const receivers = await trial.session.listReceivers({ now: trial.now, limit: 10 })
        const { claimed } = await trial.claimDeliveries({ lanes: { [APP]: 9 } })
        // A store that can keep such a path has kept all of it.
        assert.equal(receivers.length, claimed.length)
        assert.ok(receivers.length <= 1)
      },
    },
    {
      title: 'without a key each is new, and its receiver ends with its node',
      async run(trial) {
        const epoch = await trial.join({ leaseMs: MINUTE })
        const [one, two] = [
          await begin(trial, undefined, { epoch }),
          await begin(trial, undefined, { epoch }),
        ]
        assert.notEqual(one.receiver.id, two.receiver.id)
        assert.equal(one.receiver.epoch, epoch)
        trial.pass(MINUTE)
        await trial.noticeLosses()
        assert.deepEqual(await trial.post(one.receiver, 'late'), { type: 'ended', state: 'closed' })
      },
    },
    {
      title: 'the answer is in the hands of who took it, closes the receiver, and ends the delivery',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        assert.deepEqual(await look(trial, begun), { type: 'waiting' })
        await trial.post(begun.receiver, 'yes', { deliveryId: 'evt-1' })
        const callback = await take(trial, begun)
        assert.deepEqual([callback.attempt, texts([callback])], [1, ['yes']])
        assert.deepEqual(await trial.post(begun.receiver, 'late'), { type: 'ended', state: 'closed' })
        assert.equal((await trial.post(begun.receiver, 'yes', { deliveryId: 'evt-1' })).type, 'duplicate')
        const delivery = await trial.session.findDelivery({ deliveryId: begun.deliveryId })
        assert.deepEqual([delivery?.status, delivery?.reason], ['dead', 'cancelled'])
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed, [])
        assert.equal(await trial.acknowledge(callback), true)
        assert.deepEqual((await trial.sweep()).ended, [])
      },
    },
    {
      title: 'two who look at the same moment get it once, and it is kept from both by an epoch that is over',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        await trial.fill(begun.receiver, 'yes')
        const over = await trial.join({ leaseMs: SECOND })
        trial.pass(SECOND)
        assert.equal((await look(trial, begun, over)).type, 'waiting')
        const both = await Promise.all([look(trial, begun), look(trial, begun)])
        assert.deepEqual(
          both.map(({ type }) => type),
          ['taken', 'waiting'],
        )
      },
    },
    {
      title: 'given back, the answer is taken again, and nothing that came beside it',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        await trial.fill(begun.receiver, 'yes', 'and no')
        const first = await take(trial, begun)
        await trial.release(first, { as: 'uncounted' })
        const second = await take(trial, begun)
        assert.deepEqual([second.id, second.attempt], [first.id, 1])
        const over = await trial.join({ leaseMs: SECOND })
        await trial.release(second, { dueAt: trial.now + MINUTE })
        assert.deepEqual(await look(trial, begun), { type: 'waiting', lookAgainAt: trial.now + MINUTE })
        trial.pass(MINUTE)
        assert.deepEqual(await look(trial, begun, over), { type: 'waiting' })
        assert.deepEqual(texts([await take(trial, begun)]), ['yes'])
      },
    },
    {
      title: 'an answer in the hands of a node that is gone is taken by the next',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        await trial.fill(begun.receiver, 'yes')
        await take(trial, begun)
        await trial.restart()
        await trial.takeOver()
        const again = await take(trial, await begin(trial, 'ask'))
        assert.deepEqual([again.attempt, texts([again])], [2, ['yes']])
      },
    },
    {
      title: 'an answer that was acknowledged is told again, whatever else came, until retention is over',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        await trial.fill(begun.receiver, 'yes', 'and no')
        const callback = await take(trial, begun)
        const claims = [trial.toClaim(callback)]
        const acknowledged = await trial.session.acknowledge({ claims, now: trial.now })
        // Whoever waits beside looks again.
        assert.deepEqual(acknowledged, { done: [true], receiverIds: [begun.receiver.id] })
        assert.deepEqual(await look(trial, begun), { type: 'acknowledged', callback })
        await trial.restart()
        trial.pass(7 * DAY - 1)
        await trial.sweep()
        assert.deepEqual(await look(trial, await begin(trial, 'ask')), { type: 'acknowledged', callback })
        trial.pass(1)
        await trial.sweep()
        assert.deepEqual(await look(trial, await begin(trial, 'ask')), { type: 'forgotten' })
      },
    },
    {
      title: 'a key is free again when its receiver is let go of, and that is kept as long as the answer',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        await trial.fill(begun.receiver, 'yes')
        await trial.acknowledge(await take(trial, begun))
        trial.pass(40 * DAY)
        await trial.sweep({ callbacksMs: 50 * DAY })
        assert.equal((await look(trial, await begin(trial, 'ask'))).type, 'acknowledged')
        await trial.sweep({ callbacksMs: 40 * DAY })
        await trial.sweep({ callbacksMs: 40 * DAY })
        const next = await begin(trial, 'ask')
        assert.equal(next.created, true)
        assert.notEqual(next.receiver.id, begun.receiver.id)
      },
    },
    {
      title: 'a dead delivery ends it at once, and whoever asks again is told the same',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        await trial.record(await trial.takeDelivery(APP), { status: 'dead', reason: 'rejected' })
        assert.deepEqual(await look(trial, begun), { type: 'dead' })
        assert.deepEqual(await trial.post(begun.receiver, 'late'), { type: 'ended', state: 'closed' })
        await trial.restart()
        assert.deepEqual(await look(trial, await begin(trial, 'ask')), { type: 'dead' })
      },
    },
    {
      title: 'an answer goes before a dead delivery, and a dead delivery before the end of the receiver',
      async run(trial) {
        const answered = await begin(trial, 'a')
        await trial.fill(answered.receiver, 'yes')
        const silent = await begin(trial, 'b')
        for (const begun of [answered, silent]) {
          await trial.session.cancelDelivery({ deliveryId: begun.deliveryId, now: trial.now })
          await trial.close(begun.receiver)
        }
        assert.equal((await look(trial, answered)).type, 'taken')
        assert.deepEqual(await look(trial, silent), { type: 'dead' })
      },
    },
    {
      title: 'waits on when its message was delivered, and so long ago that it is not kept any more',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        assert.deepEqual(await look(trial, begun), { type: 'waiting' })
        trial.pass(40 * DAY)
        await trial.sweep()
        assert.deepEqual(await look(trial, begun), { type: 'waiting' })
        await trial.fill(begun.receiver, 'yes')
        assert.deepEqual(texts([await take(trial, begun)]), ['yes'])
      },
    },
    {
      title: 'the end of its receiver ends it, and when that will be is told',
      async run(trial) {
        const begun = await begin(trial, 'ask', { receiver: fresh(trial, { ttlMs: MINUTE }) })
        assert.deepEqual(await look(trial, begun), { type: 'waiting', lookAgainAt: trial.now + MINUTE })
        trial.pass(MINUTE)
        assert.deepEqual(await look(trial, begun), { type: 'expired' })
        const closed = await begin(trial, 'other')
        await trial.close(closed.receiver)
        assert.deepEqual(await look(trial, closed), { type: 'closed' })
      },
    },
    {
      title: 'an answer that was set aside is not replaced by another',
      async run(trial) {
        const begun = await begin(trial, 'ask')
        await trial.fill(begun.receiver, 'yes', 'and no')
        const answer = await take(trial, begun)
        await trial.giveUp(answer)
        assert.deepEqual(await look(trial, begun), { type: 'set_aside', callbackId: answer.id })
        const set = { receiverId: begun.receiver.id, callbackId: answer.id, now: trial.now }
        assert.equal(await trial.session.discardFailed(set), true)
        assert.deepEqual(await look(trial, begun), { type: 'closed' })
      },
    },
    {
      title: 'whoever sends may be woken when it is begun, and whoever waits when it ends',
      async run(trial) {
        const wakes = trial.listen()
        const [answered, failed] = [await begin(trial, 'a'), await begin(trial, 'b')]
        await wakes.expect({ kind: 'outbox' })
        await trial.fill(answered.receiver, 'yes')
        await take(trial, answered)
        await wakes.expect({ kind: 'delivery', deliveryId: answered.deliveryId })
        await trial.record(await trial.takeDelivery(APP), { status: 'dead', reason: 'rejected' })
        assert.deepEqual(await look(trial, failed), { type: 'dead' })
        await wakes.expect({ kind: 'receiver', receiverId: failed.receiver.id })
      },
    },
  ],
}

function fresh(
  trial: Trial,
  patch: Input<'beginExchange'>['receiver']['patch'] = {},
): Input<'beginExchange'>['receiver'] {
  return { id: createId('rcv', trial.now), token: createToken(), patch }
}

function sending(trial: Trial, lane: Lane, url?: string): Input<'send'> {
  return {
    message: trial.message(lane, url === undefined ? {} : { url }),
    deliveryId: createId('dlv', trial.now),
    dueAt: trial.now,
    deadlineAt: trial.now + 30 * DAY,
  }
}

function toInput(trial: Trial, changes: Partial<Input<'beginExchange'>>): Input<'beginExchange'> {
  return { receiver: fresh(trial), send: sending(trial, APP), now: trial.now, ...changes }
}

function tryBegin(trial: Trial, changes: Partial<Input<'beginExchange'>>): Promise<Outcome<'beginExchange'>> {
  return trial.session.beginExchange(toInput(trial, changes))
}

async function begin(
  trial: Trial,
  key: string | undefined,
  changes: Partial<Input<'beginExchange'>> = {},
): Promise<Begun> {
  const outcome = await tryBegin(trial, { ...(key === undefined ? {} : { key }), ...changes })
  assert.equal(outcome.type, 'begun')
  return outcome
}

function look(
  trial: Trial,
  { receiver, deliveryId }: Begun,
  epoch = trial.epoch,
): Promise<TakeAnswerOutcome> {
  return trial.session.takeAnswer({ receiverId: receiver.id, deliveryId, epoch, now: trial.now })
}

async function take(trial: Trial, begun: Begun): Promise<ClaimedCallback> {
  const outcome = await look(trial, begun)
  assert.equal(outcome.type, 'taken')
  return outcome.callback
}
