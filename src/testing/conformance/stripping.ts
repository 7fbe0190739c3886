import assert from 'node:assert/strict'
import { enterRun } from './entered-run.js'
import { sweepAll } from './sweeps.js'
import { type Area, DAY, MINUTE, type Trial } from './trial.js'
import { answered, end, fanOut, found, publish, publishTo, redeliver } from './trial-history.js'
import { claimAll, subscribe } from './trial-lanes.js'

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
