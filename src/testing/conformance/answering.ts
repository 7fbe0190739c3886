import assert from 'node:assert/strict'
import { utf8 } from '../../core/bytes.js'
import type { StoredAnswer } from '../../model/callback.js'
import { type Area, DAY, type Trial } from './trial.js'

function answerOf(text: string): StoredAnswer {
  return {
    status: 201,
    headers: [
      ['content-type', 'text/plain'],
      ['set-cookie', 'a=1'],
      ['set-cookie', 'b=2'],
    ],
    body: utf8(text),
  }
}

/** What senders were answered. */
export const answering: Area = {
  title: 'answering',
  cases: [
    {
      title: 'remembers an answer as it was, and finds it',
      async run(trial) {
        const callbackId = await accepted(trial)
        assert.equal(await trial.session.findAnswer({ callbackId }), undefined)
        assert.equal(await answer(trial, callbackId, answerOf('thanks')), true)
        assert.deepEqual(await trial.session.findAnswer({ callbackId }), answerOf('thanks'))
      },
    },
    {
      title: 'the first answer stands',
      async run(trial) {
        const callbackId = await accepted(trial)
        const outcomes = await Promise.all([
          answer(trial, callbackId, answerOf('first')),
          answer(trial, callbackId, answerOf('second')),
        ])
        assert.deepEqual(outcomes, [true, false])
        assert.equal(await answer(trial, callbackId, answerOf('third')), false)
        assert.deepEqual(await trial.session.findAnswer({ callbackId }), answerOf('first'))
      },
    },
    {
      title: 'an answer that came with the callback stands, with a delivery id or without',
      async run(trial) {
        for (const named of [{ deliveryId: 'evt-1' }, {}]) {
          const callbackId = await accepted(trial, { answer: answerOf('first'), ...named })
          assert.deepEqual(await trial.session.findAnswer({ callbackId }), answerOf('first'))
          assert.equal(await answer(trial, callbackId, answerOf('second')), false)
        }
      },
    },
    {
      title: 'a callback that was handled can still be answered',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const request = trial.request(receiver, 'a', { deliveryId: 'evt-1' })
        await trial.session.accept(request)
        await trial.acknowledge(await trial.takeOne(receiver))
        assert.equal(await answer(trial, request.callbackId, answerOf('late')), true)
        const repeated = await trial.post(receiver, 'a', { deliveryId: 'evt-1' })
        assert.equal(repeated.type, 'duplicate')
        assert.deepEqual(repeated.answer, answerOf('late'))
      },
    },
    {
      title: 'an answer without headers and body is an answer',
      async run(trial) {
        const callbackId = await accepted(trial)
        const empty = { status: 204, headers: [], body: new Uint8Array() }
        await answer(trial, callbackId, empty)
        assert.deepEqual(await trial.session.findAnswer({ callbackId }), empty)
      },
    },
    {
      title: 'answers survive a restart',
      async run(trial) {
        const callbackId = await accepted(trial)
        await answer(trial, callbackId, answerOf('thanks'))
        await trial.restart()
        assert.deepEqual(await trial.session.findAnswer({ callbackId }), answerOf('thanks'))
        assert.equal(await answer(trial, callbackId, answerOf('second')), false)
      },
    },
  ],
}

async function accepted(
  trial: Trial,
  changes: { deliveryId?: string; answer?: StoredAnswer } = {},
): Promise<string> {
  const receiver = await trial.spawn('orders')
  const request = trial.request(receiver, 'a', changes)
  assert.equal((await trial.session.accept(request)).type, 'accepted')
  return request.callbackId
}

function answer(trial: Trial, callbackId: string, stored: StoredAnswer): Promise<boolean> {
  return trial.session.answer({ callbackId, answer: stored, until: trial.now + DAY })
}
