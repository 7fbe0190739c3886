import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import { NOTHING_SWEPT, sweepAll } from './sweeps.js'
import { type Area, DAY, texts } from './trial.js'

const ANSWER = { status: 202, headers: [], body: utf8('thanks') }

/** How long receivers, repeated requests, answers and messages are remembered. */
export const forgetting: Area = {
  title: 'forgetting',
  cases: [
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
      title:
        'a temporary receiver is forgotten like a keyless one, and not while it is open; its key is free then',
      async run(trial) {
        const temporary = () => trial.spawn('visit', { ttlMs: DAY }, { temporary: true, reopen: true })
        const first = await temporary()
        assert.deepEqual([first.key, first.epoch], ['visit', undefined])
        trial.pass(DAY)
        await trial.sweep()
        trial.pass(29 * DAY)
        await trial.restart()
        assert.equal((await temporary()).token, first.token)
        assert.equal((await trial.find(first.token)).state, 'open')
        trial.pass(DAY)
        await trial.sweep()
        trial.pass(30 * DAY - 1)
        await trial.sweep()
        assert.equal((await trial.find(first.token)).state, 'expired')
        trial.pass(1)
        await trial.sweep()
        assert.equal(await trial.session.findReceiver({ token: first.token, now: trial.now }), undefined)
        assert.deepEqual(await trial.session.listReceivers({ now: trial.now, limit: 10 }), [])
        const second = await temporary()
        assert.notEqual(second.token, first.token)
        await trial.sweep()
        assert.equal((await temporary()).token, second.token)
      },
    },
    {
      title:
        'one that was closed and opened again is not forgotten while it is open, and keeps no other from being so',
      async run(trial) {
        const spawn = (key: string) => trial.spawn(key, {}, { temporary: true, reopen: true })
        const reopened = await spawn('visit')
        await trial.close(reopened)
        await spawn('visit')
        const closed = await spawn('another visit')
        await trial.close(closed)
        trial.pass(31 * DAY)
        await trial.sweep()
        assert.equal((await trial.find(reopened.token)).state, 'open')
        assert.equal(await trial.session.findReceiver({ token: closed.token, now: trial.now }), undefined)
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
        assert.deepEqual(await trial.sweep({ keylessMs: 0 }), NOTHING_SWEPT)
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
        assert.deepEqual(await trial.sweep({ messagesMs: 0 }), NOTHING_SWEPT)
        assert.equal((await trial.takeDelivery('endpoint:app')).delivery.id, deliveryId)
      },
    },
  ],
}
