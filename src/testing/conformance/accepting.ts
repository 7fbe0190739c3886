import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import { createId } from '../../core/ids.js'
import { type Area, DAY, MINUTE, SECOND, texts } from './trial.js'

const ACCEPTED = { status: 202, headers: [['x-answer', 'first']] as const, body: utf8('thanks') }

/** What becomes of a request, and in which order that is judged. */
export const accepting: Area = {
  title: 'accepting',
  cases: [
    {
      title: 'numbers the callbacks of each receiver from 1, in the order in which they were accepted',
      async run(trial) {
        const [one, other] = [await trial.spawn('one'), await trial.spawn('other')]
        assert.deepEqual(await trial.post(one, 'a'), { type: 'accepted', seq: 1 })
        assert.deepEqual(await trial.post(one, 'b'), { type: 'accepted', seq: 2 })
        assert.deepEqual(await trial.post(other, 'c'), { type: 'accepted', seq: 1 })
        assert.deepEqual(await trial.post(one, 'd'), { type: 'accepted', seq: 3 })
        assert.deepEqual(texts(await trial.take(one)), ['a', 'b', 'd'])
      },
    },
    {
      title: 'a callback that arrives before anybody waits is there for the first reader',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'early')
        trial.pass(DAY)
        assert.deepEqual(texts(await trial.take(receiver)), ['early'])
      },
    },
    {
      title: 'says unknown for a receiver that does not exist',
      async run(trial) {
        const receiver = { ...(await trial.spawn('orders')), id: createId('rcv', trial.now) }
        assert.deepEqual(await trial.post(receiver, 'lost'), { type: 'unknown' })
      },
    },
    {
      title: 'two equal bodies without ids, or two empty ones, are two callbacks',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'same', 'same', '', '')
        assert.deepEqual(texts(await trial.take(receiver)), ['same', 'same', '', ''])
      },
    },
    {
      title: 'an accept that is repeated with the same callback id is done once, with the same outcome',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const request = trial.request(receiver, 'a', {
          version: receiver.version,
          deliveryId: 'evt-1',
          capacity: 1,
        })
        assert.deepEqual(await trial.session.accept(request), { type: 'accepted', seq: 1 })
        assert.deepEqual(await trial.session.accept(request), { type: 'accepted', seq: 1 })
        await trial.spawn('orders', { capacity: 7 })
        await trial.close(receiver)
        assert.deepEqual(await trial.session.accept(request), { type: 'accepted', seq: 1 })
        assert.deepEqual(texts(await trial.take(receiver)), ['a'])
      },
    },
    {
      title:
        'judges by the version of the settings first: a stale request is sent back with the receiver as it is now',
      async run(trial) {
        const before = await trial.spawn('orders')
        await trial.post(before, 'a', { deliveryId: 'evt-1' })
        const after = await trial.spawn('orders', { capacity: 1 })
        assert.ok(after.version > before.version)
        await trial.close(after)
        const stale = {
          version: before.version,
          deliveryId: 'evt-1',
          content: 'refused',
          capacity: 0,
        } as const
        const outcome = await trial.post(before, 'a', stale)
        assert.deepEqual(outcome, { type: 'stale', receiver: { ...after, state: 'closed' } })
      },
    },
    {
      title: 'a request that was judged by the version of now, or by none, is not stale',
      async run(trial) {
        await trial.spawn('orders')
        const receiver = await trial.spawn('orders', { capacity: 1 })
        assert.equal((await trial.post(receiver, 'a', { version: receiver.version })).type, 'accepted')
        assert.equal((await trial.post(receiver, 'b')).type, 'accepted')
      },
    },
    {
      title: 'judges closed and expired before content, and content before capacity',
      async run(trial) {
        const closed = await trial.spawn('closed')
        await trial.close(closed)
        const expired = await trial.spawn('expired', { ttlMs: MINUTE })
        const open = await trial.spawn('open')
        trial.pass(MINUTE)
        const refused = { content: 'refused', capacity: 0 } as const
        assert.deepEqual(await trial.post(closed, 'a', refused), { type: 'ended', state: 'closed' })
        assert.deepEqual(await trial.post(expired, 'a', refused), { type: 'ended', state: 'expired' })
        assert.deepEqual(await trial.post(open, 'a', refused), { type: 'refused' })
        assert.deepEqual(await trial.post(open, 'a', { capacity: 0 }), { type: 'full' })
      },
    },
    {
      title: 'what was refused is not remembered: refused content, a full mailbox, a receiver that had ended',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const post = (changes: object) => trial.post(receiver, 'a', { deliveryId: 'evt-1', ...changes })
        assert.equal((await post({ content: 'refused', answer: ACCEPTED })).type, 'refused')
        assert.equal((await post({ capacity: 0, answer: ACCEPTED })).type, 'full')
        await trial.close(receiver)
        assert.equal((await post({ answer: ACCEPTED })).type, 'ended')
        const reopened = await trial.spawn('orders', {}, { reopen: true })
        assert.equal((await trial.post(reopened, 'b', { version: 999 })).type, 'stale')
        assert.deepEqual(await post({}), { type: 'accepted', seq: 1 })
      },
    },
    {
      title:
        'capacity counts what is unread, in hand or delayed included, and is free again when that was handled',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const post = async () => (await trial.post(receiver, 'more', { capacity: 3 })).type
        await trial.fill(receiver, 'a', 'b', 'c')
        assert.equal(await post(), 'full')
        const [a, b, c] = await trial.take(receiver)
        assert.ok(a && b && c)
        assert.equal(await post(), 'full')
        await trial.release(a, { as: 'failure', dueAt: trial.now + DAY })
        await trial.release(b)
        assert.equal(await post(), 'full')
        await trial.acknowledge(c)
        assert.equal(await post(), 'accepted')
        assert.equal(await post(), 'full')
        await trial.giveUp(await trial.takeOne(receiver))
        assert.equal(await post(), 'accepted')
        assert.equal(await post(), 'full')
      },
    },
    {
      title: 'a full mailbox does not hinder the ones beside it',
      async run(trial) {
        const [full, beside] = [await trial.spawn('full'), await trial.spawn('beside')]
        await trial.post(full, 'a', { capacity: 1 })
        const [refused, accepted] = await Promise.all([
          trial.post(full, 'b', { capacity: 1 }),
          trial.post(beside, 'c', { capacity: 1 }),
        ])
        assert.equal(refused.type, 'full')
        assert.equal(accepted.type, 'accepted')
      },
    },
    {
      title: 'a callback retried by hand counts against the capacity again',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const callback = await trial.takeOne(receiver)
        await trial.giveUp(callback)
        await trial.session.retryFailed({ receiverId: receiver.id, callbackId: callback.id, now: trial.now })
        assert.equal((await trial.post(receiver, 'b', { capacity: 1 })).type, 'full')
      },
    },
    {
      title: 'a request racing close is either listed by it or told that the receiver has ended',
      async run(trial) {
        for (let round = 0; round < 20; round += 1) {
          const receiver = await trial.spawn(`orders/${round}`)
          const before = Array.from({ length: round }, (_, index) => trial.post(receiver, `${index}`))
          const closing = trial.close(receiver)
          const after = Array.from({ length: 3 }, () => trial.post(receiver, 'late'))
          const accepted = (await Promise.all(before)).filter(({ type }) => type === 'accepted')
          const listed = await closing
          const late = await Promise.all(after)
          const acceptedLate = late.filter(({ type }) => type === 'accepted').length
          assert.equal(listed.length, accepted.length + acceptedLate)
          assert.ok(late.every(({ type }) => type === 'accepted' || type === 'ended'))
          assert.equal(await trial.unreadOf(receiver), listed.length)
        }
      },
    },
    {
      title:
        'a callback accepted in the same millisecond, or after the clock went back, comes after those before it',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        trial.pass(-10 * SECOND)
        await trial.fill(receiver, 'c')
        trial.pass(20 * SECOND)
        await trial.fill(receiver, 'd')
        assert.deepEqual(texts(await trial.take(receiver)), ['a', 'b', 'c', 'd'])
      },
    },
  ],
}
