import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import { type Area, DAY, MINUTE, texts } from './trial.js'

const ACCEPTED = { status: 202, headers: [['x-answer', 'first']] as const, body: utf8('thanks') }

/** Requests that came before are known again by their delivery ids. */
export const repeating: Area = {
  title: 'repeated requests',
  cases: [
    {
      title:
        'a retry of a request whose answer was lost is one callback, also when both arrive at the same moment',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const outcomes = await Promise.all(
          Array.from({ length: 12 }, () => trial.post(receiver, 'paid', { deliveryId: 'evt-1' })),
        )
        assert.equal(outcomes.filter(({ type }) => type === 'accepted').length, 1)
        assert.equal(outcomes.filter(({ type }) => type === 'duplicate').length, 11)
        assert.deepEqual(texts(await trial.take(receiver)), ['paid'])
      },
    },
    {
      title: 'a repeated request is told which callback it was, when that came, and its answer',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const first = trial.request(receiver, 'paid', { deliveryId: 'evt-1', answer: ACCEPTED })
        await trial.session.accept(first)
        trial.pass(MINUTE)
        assert.deepEqual(await trial.post(receiver, 'paid', { deliveryId: 'evt-1' }), {
          type: 'duplicate',
          callbackId: first.callbackId,
          receivedAt: first.now,
          answer: ACCEPTED,
        })
      },
    },
    {
      title:
        'a repeated request gets no answer while its first sender is still waiting for one, and later that one',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const first = trial.request(receiver, 'paid', { deliveryId: 'evt-1' })
        await trial.session.accept(first)
        const duplicate = { type: 'duplicate', callbackId: first.callbackId, receivedAt: first.now }
        assert.deepEqual(await trial.post(receiver, 'paid', { deliveryId: 'evt-1' }), duplicate)
        await trial.session.answer({
          callbackId: first.callbackId,
          answer: ACCEPTED,
          until: first.dedupeUntil,
        })
        const again = await trial.post(receiver, 'paid', { deliveryId: 'evt-1' })
        assert.deepEqual(again, { ...duplicate, answer: ACCEPTED })
      },
    },
    {
      title: 'delivery ids of different receivers do not collide',
      async run(trial) {
        const [one, other] = [await trial.spawn('one'), await trial.spawn('other')]
        assert.equal((await trial.post(one, 'a', { deliveryId: 'evt-1' })).type, 'accepted')
        assert.equal((await trial.post(other, 'b', { deliveryId: 'evt-1' })).type, 'accepted')
        assert.equal((await trial.post(one, 'c', { deliveryId: 'EVT-1' })).type, 'accepted')
        assert.equal((await trial.post(one, 'd', { deliveryId: 'evt-1 ' })).type, 'accepted')
      },
    },
    {
      title: 'recognises a repeated request until its window is over, and not at that instant',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const post = () => trial.post(receiver, 'a', { deliveryId: 'evt-1', dedupeUntil: trial.now + MINUTE })
        assert.deepEqual(await post(), { type: 'accepted', seq: 1 })
        trial.pass(MINUTE - 1)
        assert.equal((await post()).type, 'duplicate')
        trial.pass(1)
        assert.deepEqual(await post(), { type: 'accepted', seq: 2 })
        trial.pass(MINUTE - 1)
        assert.equal((await post()).type, 'duplicate')
      },
    },
    {
      title:
        'recognises a repeated request whatever became of the callback: in hand, handled, failed or discarded',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const repeat = async () => (await trial.post(receiver, 'a', { deliveryId: 'evt-1' })).type
        assert.equal(await repeat(), 'accepted')
        const callback = await trial.takeOne(receiver)
        assert.equal(await repeat(), 'duplicate')
        await trial.giveUp(callback)
        assert.equal(await repeat(), 'duplicate')
        await trial.session.retryFailed({ receiverId: receiver.id, callbackId: callback.id, now: trial.now })
        const again = await trial.takeOne(receiver)
        await trial.giveUp(again)
        await trial.session.discardFailed({
          receiverId: receiver.id,
          callbackId: callback.id,
          now: trial.now,
        })
        assert.equal(await repeat(), 'duplicate')
        await trial.post(receiver, 'b', { deliveryId: 'evt-2' })
        await trial.acknowledge(await trial.takeOne(receiver))
        assert.equal((await trial.post(receiver, 'b', { deliveryId: 'evt-2' })).type, 'duplicate')
      },
    },
    {
      title: 'a repeat of a request whose receiver has closed meanwhile gets the first answer, not gone',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.post(receiver, 'paid', { deliveryId: 'evt-1', answer: ACCEPTED })
        await trial.close(receiver)
        const outcome = await trial.post(receiver, 'paid', { deliveryId: 'evt-1' })
        assert.equal(outcome.type, 'duplicate')
        assert.deepEqual(outcome.answer, ACCEPTED)
      },
    },
    {
      title: 'a repeat of a request whose receiver has expired meanwhile gets the first answer, not gone',
      async run(trial) {
        const receiver = await trial.spawn('orders', { ttlMs: MINUTE })
        await trial.post(receiver, 'paid', { deliveryId: 'evt-1', answer: ACCEPTED })
        trial.pass(DAY)
        await trial.sweep()
        const outcome = await trial.post(receiver, 'paid', { deliveryId: 'evt-1' })
        assert.equal(outcome.type, 'duplicate')
        assert.deepEqual(outcome.answer, ACCEPTED)
      },
    },
    {
      title:
        'a repeat of a request that was stored is a duplicate when the mailbox is full, or its content refused now',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.post(receiver, 'paid', { deliveryId: 'evt-1', capacity: 1 })
        assert.equal(
          (await trial.post(receiver, 'paid', { deliveryId: 'evt-1', capacity: 1 })).type,
          'duplicate',
        )
        const refused = await trial.post(receiver, 'paid', { deliveryId: 'evt-1', content: 'refused' })
        assert.equal(refused.type, 'duplicate')
      },
    },
  ],
}
