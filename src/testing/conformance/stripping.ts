import assert from 'node:assert/strict'
import type { Lane } from '../../model/delivery.js'
import { enterRun } from './entered-run.js'
import { sweepAll } from './sweeps.js'
import { type Area, DAY, MINUTE, type Trial } from './trial.js'
import { answered, end, fanOut, found, publish, publishTo, redeliver } from './trial-history.js'
import { claimAll, subscribe, takeFrom } from './trial-lanes.js'

const APP = 'endpoint:app'
const OTHER = 'endpoint:other'
const KEEP = { bodiesMs: 3 * DAY }

/** How much is left of a message, and whether it says so. */
async function bodyOf(trial: Trial, messageId: string): Promise<string> {
  const message = await trial.session.findMessage({ messageId })
  assert.ok(message !== undefined, 'the message is not there')
  return `${message.body.length}${message.stripped === true ? ' stripped' : ''}`
}

async function answersOf(trial: Trial, deliveryId: string): Promise<readonly string[]> {
  const attempts = await trial.session.listAttempts({ deliveryId })
  return attempts.map(({ answer }) =>
    answer === undefined ? 'none' : `${answer.body.length}${answer.truncated ? ' truncated' : ''}`,
  )
}

const CLAIM = { holdMs: MINUTE, holdMostMs: MINUTE, limit: 100, lanes: [APP] } as const

/** An attempt at the oldest delivery of a lane is its last, and somebody is to be told. */
async function endUntold(trial: Trial, lane: Lane): Promise<string> {
  const one = await takeFrom(trial, lane)
  const outcome = await trial.session.recordAttempt({
    claim: trial.toDeliveryClaim(one),
    now: trial.now,
    attempt: { at: trial.now, durationMs: 1, ...answered('a lot') },
    next: { status: 'dead', reason: 'rejected' },
    tells: true,
  })
  assert.equal(outcome, 'recorded')
  return one.delivery.id
}

function settle(trial: Trial, deliveryId: string): Promise<boolean> {
  return trial.session.settleEnd({ deliveryId, now: trial.now })
}

/** What is large goes before the rest does. */
export const stripping: Area = {
  title: 'bodies that are not kept',
  cases: [
    {
      title: 'bodies of messages and of answers go some time after the end, and all else stays',
      async run(trial) {
        const message = trial.message(APP, { key: 'order/7' })
        await trial.send(message)
        const { claimed } = await claimAll(trial, APP)
        const [one] = claimed
        assert.ok(one !== undefined)
        await trial.record(one, { status: 'due', dueAt: trial.now }, answered('a lot'))
        const again = await trial.takeDelivery(APP)
        await trial.record(again, { status: 'due', dueAt: trial.now }, answered(''))
        const deliveryId = await end(trial, APP, 'delivered', { status: 204 })
        trial.pass(3 * DAY - 1)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, message.id), '2')
        assert.deepEqual(await answersOf(trial, deliveryId), ['5', '0', 'none'])
        trial.pass(1)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, message.id), '0 stripped')
        assert.deepEqual(await answersOf(trial, deliveryId), ['0 truncated', '0', 'none'])
        const stored = await trial.session.findMessage({ messageId: message.id })
        assert.deepEqual(
          { ...stored, body: undefined, stripped: undefined },
          {
            ...message,
            ...{ body: undefined, stripped: undefined },
          },
        )
        const [attempt] = await trial.session.listAttempts({ deliveryId })
        assert.deepEqual(attempt?.answer?.headers, [['x-a', '1']])
        const repeated = await trial.send(trial.message(APP, { key: 'order/7' }))
        assert.deepEqual(repeated, { type: 'sent', messageId: message.id, deliveryId, created: false })
      },
    },
    {
      title: 'a message whose body is gone is not sent again',
      async run(trial) {
        await trial.queue(APP)
        const deliveryId = await end(trial, APP, 'dead')
        trial.pass(3 * DAY)
        await trial.sweep(KEEP)
        assert.deepEqual(await redeliver(trial, deliveryId), { type: 'stripped' })
        assert.equal((await trial.session.findDelivery({ deliveryId }))?.redeliveredAs, undefined)
      },
    },
    {
      title: 'a body stays as long as any delivery of its message waits, or has just ended',
      async run(trial) {
        const { messageId, deliveryIds } = await publishTo(trial, [{ lane: APP }, { lane: OTHER }])
        assert.equal(await end(trial, APP, 'dead', answered('a lot')), deliveryIds[0])
        trial.pass(4 * DAY)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '2')
        assert.deepEqual(await answersOf(trial, deliveryIds[0] ?? ''), ['0 truncated'])

        await end(trial, OTHER)
        const again = await redeliver(trial, deliveryIds[0] ?? '')
        assert.equal(again.type, 'redelivered')
        trial.pass(4 * DAY)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '2')
        const { claimed } = await claimAll(trial, APP)
        assert.equal(claimed[0]?.message.body.length, 2)
        const [last] = claimed
        assert.ok(last !== undefined)
        await trial.record(last, { status: 'delivered' })
        trial.pass(3 * DAY - 1)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '2')
        trial.pass(1)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '0 stripped')
      },
    },
    {
      title: 'the body of a message to a topic stays until everybody has had theirs',
      async run(trial) {
        const lane = await subscribe(trial)
        const messageId = await publish(trial, 'book.lent')
        trial.pass(4 * DAY)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '2')
        await fanOut(trial)
        await end(trial, lane)
        trial.pass(3 * DAY)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '0 stripped')
      },
    },
    {
      title: 'of a fan-out that takes longer than bodies are kept, the body goes when it is done',
      async run(trial) {
        const lane = await subscribe(trial)
        const messageId = await publish(trial, 'book.lent')
        const { now } = trial
        const { fanOut: turn } = await trial.session.claimFanOut({ now, holdMs: 1_000, limit: 1 })
        assert.ok(turn !== undefined)
        const to = turn.page.at(-1)?.no ?? 0
        const delivery = { deliveryId: 'dlv_first', subscriptionId: lane.slice('subscription:'.length) }
        const times = { dueAt: now, deadlineAt: now + 30 * DAY }
        const batch = { messageId, from: 0, to, done: false, deliveries: [{ ...delivery, ...times }], now }
        assert.equal(await trial.session.fanOut(batch), true)
        await end(trial, lane)
        trial.pass(4 * DAY)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '2')
        assert.deepEqual(await fanOut(trial), [])
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '0 stripped')
      },
    },
    {
      title: 'nothing that an open scope has sent is stripped',
      async run(trial) {
        const scope = await enterRun(trial)
        const deliveryId = await scope.send('inform')
        const { lane, messageId } = await found(trial, deliveryId)
        await end(trial, lane, 'delivered', answered('a lot'))
        trial.pass(4 * DAY)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '2')
        assert.deepEqual(await answersOf(trial, deliveryId), ['5'])
        await scope.end()
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '0 stripped')
        assert.deepEqual(await answersOf(trial, deliveryId), ['0 truncated'])
      },
    },
    {
      title:
        'what somebody is still to be told of keeps its body and its answers until it was, through a restart',
      async run(trial) {
        const { messageId, deliveryIds } = await publishTo(trial, [{ lane: APP }, { lane: OTHER }])
        assert.equal(await endUntold(trial, APP), deliveryIds[0])
        await end(trial, OTHER, 'dead', answered('as much'))
        for (let days = 0; days < 9; days += 3) {
          trial.pass(3 * DAY)
          await trial.sweep(KEEP)
          await trial.restart()
        }
        assert.equal(await bodyOf(trial, messageId), '2')
        assert.deepEqual(await answersOf(trial, deliveryIds[0] ?? ''), ['5'])
        assert.deepEqual(await answersOf(trial, deliveryIds[1] ?? ''), ['0 truncated'])
        const { ends } = await trial.session.claimEnds({ ...CLAIM, now: trial.now })
        assert.deepEqual(
          ends.map(({ message, attempt }) => [message.body.length, attempt?.answer?.body.length]),
          [[2, 5]],
        )
        assert.equal(await settle(trial, deliveryIds[0] ?? ''), true)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '0 stripped')
        assert.deepEqual(await answersOf(trial, deliveryIds[0] ?? ''), ['0 truncated'])
      },
    },
    {
      title: 'one that is told early keeps its body for as long as any other',
      async run(trial) {
        await trial.queue(APP)
        const deliveryId = await endUntold(trial, APP)
        const { messageId } = await found(trial, deliveryId)
        assert.equal(await settle(trial, deliveryId), true)
        trial.pass(3 * DAY - 1)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '2')
        trial.pass(1)
        await trial.sweep(KEEP)
        assert.equal(await bodyOf(trial, messageId), '0 stripped')
      },
    },
    {
      title:
        'what died of its deadline keeps its body where its endpoint may want to be told, and nowhere else but for subscriptions',
      async run(trial) {
        const subscribed = await subscribe(trial)
        const kept: string[] = []
        for (const lane of [APP, subscribed, 'origin:https://a.example', 'proof:sub_x'] as const) {
          kept.push(await trial.queue(lane, { deadlineAt: trial.now + MINUTE }))
        }
        trial.pass(MINUTE)
        await trial.sweep()
        trial.pass(4 * DAY)
        await trial.sweep(KEEP)
        const messages = await Promise.all(kept.map(id => found(trial, id)))
        const bodies = await Promise.all(messages.map(({ messageId }) => bodyOf(trial, messageId)))
        assert.deepEqual(bodies, ['2', '2', '0 stripped', '0 stripped'])
      },
    },
    {
      title: 'what nobody could be told of is forgotten with the rest of it, body and all',
      async run(trial) {
        await trial.queue(APP)
        const deliveryId = await endUntold(trial, APP)
        const { messageId } = await found(trial, deliveryId)
        trial.pass(30 * DAY - 1)
        await sweepAll(trial, KEEP)
        assert.equal(await bodyOf(trial, messageId), '2')
        trial.pass(1)
        await sweepAll(trial, KEEP)
        assert.equal(await trial.session.findMessage({ messageId }), undefined)
        assert.equal(await trial.session.findDelivery({ deliveryId }), undefined)
      },
    },
    {
      title: 'what nobody could be told of keeps the body no longer than it is there itself',
      async run(trial) {
        const { messageId } = await publishTo(trial, [{ lane: APP }, { lane: OTHER }])
        await endUntold(trial, APP)
        trial.pass(10 * DAY)
        const deliveryId = await end(trial, OTHER)
        trial.pass(20 * DAY - 1)
        await sweepAll(trial, KEEP)
        assert.equal(await bodyOf(trial, messageId), '2')
        trial.pass(1)
        await sweepAll(trial, KEEP)
        await sweepAll(trial, KEEP)
        assert.notEqual(await trial.session.findDelivery({ deliveryId }), undefined)
        assert.equal(await bodyOf(trial, messageId), '0 stripped')
      },
    },
    {
      title: 'what nobody could be told of yet does not stand in the way of what sweeps may strip',
      async run(trial) {
        for (let n = 0; n < 5; n++) {
          await trial.queue(APP)
          await endUntold(trial, APP)
        }
        await trial.queue(APP)
        const { messageId } = await found(trial, await end(trial, APP, 'delivered', answered('a lot')))
        trial.pass(3 * DAY)
        await sweepAll(trial, { ...KEEP, limit: 2 })
        assert.equal(await bodyOf(trial, messageId), '0 stripped')
        assert.equal((await trial.sweep({ ...KEEP, limit: 2 })).more, false)
      },
    },
    {
      title: 'a sweep strips no more than it may, and there is an end to it',
      async run(trial) {
        const ids: string[] = []
        for (let n = 0; n < 7; n++) {
          await trial.queue(APP)
          const deliveryId = await end(trial, APP, 'delivered', answered('a lot'))
          ids.push((await trial.session.findDelivery({ deliveryId }))?.messageId ?? '')
          trial.pass(MINUTE)
        }
        trial.pass(3 * DAY)
        const count = async () => {
          const bodies = await Promise.all(ids.map(id => bodyOf(trial, id)))
          return bodies.filter(body => body === '0 stripped').length
        }
        const first = await trial.sweep({ ...KEEP, limit: 3 })
        assert.equal(first.more, true)
        assert.equal(await count(), 3)
        await sweepAll(trial, { ...KEEP, limit: 3 })
        assert.equal(await count(), 7)
        assert.equal((await trial.sweep({ ...KEEP, limit: 3 })).more, false)
      },
    },
  ],
}
