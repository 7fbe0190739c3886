import assert from 'node:assert/strict'
import type { Input } from '../../store/store.js'
import { type Area, DAY, HOUR, MINUTE, type Trial } from './trial.js'
import { end, fanOut, publish } from './trial-history.js'
import { claimAll, subscribe } from './trial-lanes.js'

const APP = 'endpoint:app'
const ORIGIN = 'origin:https://a.example'

type Filter = Omit<Input<'readAttempts'>, 'limit' | 'after'>

/** Every page of two, from a cursor on: ids of deliveries, and the cursor behind them. */
async function readAll(
  trial: Trial,
  what: 'readAttempts' | 'readDead',
  { after, ...filter }: Filter & { readonly after?: string | undefined } = {},
): Promise<{ readonly ids: readonly string[]; readonly after: string | undefined }> {
  const ids: string[] = []
  let cursor = after
  for (;;) {
    const from = cursor === undefined ? {} : { after: cursor }
    const page =
      what === 'readDead'
        ? (await trial.session.readDead({ ...filter, ...from, limit: 2 })).map(({ cursor, delivery }) => ({
            cursor,
            deliveryId: delivery.id,
          }))
        : await trial.session.readAttempts({ ...filter, ...from, limit: 2 })
    ids.push(...page.map(({ deliveryId }) => deliveryId))
    cursor = page.at(-1)?.cursor ?? cursor
    if (page.length < 2) return { ids, after: cursor }
    assert.ok(ids.length < 1_000, 'the pages do not end')
  }
}

/** Attempts and deaths, in the order in which they came to be. */
export const streaming: Area = {
  title: 'streams of attempts and deaths',
  cases: [
    {
      title: 'attempts are read in the order in which they were recorded, whenever they were made',
      async run(trial) {
        const [older, newer] = [await trial.queue(APP), await trial.queue(APP)]
        const { claimed } = await claimAll(trial, APP)
        const [first, second] = claimed
        assert.ok(first !== undefined && second !== undefined)
        await trial.record(second, { status: 'due', dueAt: trial.now })
        await trial.record(first, { status: 'delivered' }, { at: trial.now - HOUR })
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        assert.deepEqual((await readAll(trial, 'readAttempts')).ids, [newer, older, newer])
        const read = await trial.session.readAttempts({ limit: 10 })
        assert.deepEqual(
          read.map(({ number }) => number),
          [1, 1, 2],
        )
        const { messageId } = first.delivery
        const { cursor: _, ...second_ } = read[1] ?? {}
        const attempt = { at: trial.now - HOUR, durationMs: 5, status: 503 }
        assert.deepEqual(second_, { deliveryId: older, messageId, lane: APP, number: 1, attempt })
      },
    },
    {
      title: 'an attempt is read as it was recorded: what was sent, what was answered, or why nothing was',
      async run(trial) {
        const deliveryId = await trial.queue(APP)
        const request = {
          ...{ method: 'POST', url: 'https://a.example/x?y=%00' },
          headers: [['x-odd', '\ud800 \0 "']] as const,
        }
        const attempt = {
          at: trial.now,
          durationMs: 1.5,
          error: 'no \0 way',
          errorClass: 'tls',
          request,
        } as const
        const next = { status: 'due', dueAt: trial.now } as const
        const claim = trial.toDeliveryClaim(await trial.takeDelivery(APP))
        await trial.session.recordAttempt({ claim, now: trial.now, attempt, next })
        const [logged] = await trial.session.readAttempts({ limit: 1 })
        assert.deepEqual(logged?.attempt, attempt)
        assert.deepEqual(await trial.session.listAttempts({ deliveryId }), [attempt])
      },
    },
    {
      title:
        'deaths are read in the order in which they came about, and those that were called off are not among them',
      async run(trial) {
        const expiring = await trial.queue(ORIGIN, { deadlineAt: trial.now + MINUTE })
        const lane = await subscribe(trial)
        const unsubscribed = await trial.queue(lane)
        for (let n = 0; n < 3; n++) await trial.queue(APP)
        const cancelled = await trial.queue(APP)
        await end(trial, APP, 'delivered')
        const rejected = await end(trial, APP, 'dead')
        await trial.session.cancelDelivery({ deliveryId: cancelled, now: trial.now })
        trial.pass(MINUTE)
        await trial.sweep()
        await trial.session.deleteSubscription({ id: lane.slice('subscription:'.length), now: trial.now })
        await trial.sweep()
        const last = await end(trial, APP, 'dead')
        assert.deepEqual((await readAll(trial, 'readDead')).ids, [rejected, expiring, unsubscribed, last])
        const read = await trial.session.readDead({ limit: 10 })
        assert.deepEqual(
          read.map(({ delivery: { status, reason } }) => `${status}: ${reason}`),
          ['dead: rejected', 'dead: expired', 'dead: unsubscribed', 'dead: rejected'],
        )
        const [first] = read
        assert.deepEqual(first?.delivery, await trial.session.findDelivery({ deliveryId: rejected }))
      },
    },
    {
      title: 'what was read to its end is read on from there, and nothing is missed or read twice',
      async run(trial) {
        for (let n = 0; n < 9; n++) await trial.queue(APP)
        for (const what of ['readAttempts', 'readDead'] as const) {
          const before = await readAll(trial, what)
          const ids = [await end(trial, APP, 'dead'), await end(trial, APP, 'dead')]
          const read = await readAll(trial, what, { after: before.after })
          assert.deepEqual(read.ids, ids)
          assert.deepEqual((await readAll(trial, what, { after: read.after })).ids, [])
          await trial.restart()
          const later = await end(trial, APP, 'dead')
          assert.deepEqual((await readAll(trial, what, { after: read.after })).ids, [later])
        }
      },
    },
    {
      title: 'each may be read for one lane, for one topic, or for both',
      async run(trial) {
        const [lane, other] = [await subscribe(trial), await subscribe(trial)]
        await publish(trial, 'book.lent')
        await fanOut(trial)
        for (const one of [APP, lane] as const) for (let n = 0; n < 3; n++) await trial.queue(one)
        const ids: Record<string, string[]> = {}
        for (const one of [APP, lane, other, lane, APP, lane] as const) {
          ids[one] = [...(ids[one] ?? []), await end(trial, one, 'dead')]
        }
        const [toTopic = ''] = ids[lane] ?? []
        const [toTopicToo = ''] = ids[other] ?? []
        for (const what of ['readAttempts', 'readDead'] as const) {
          for (const one of [APP, lane, other] as const) {
            assert.deepEqual((await readAll(trial, what, { lane: one })).ids, ids[one])
          }
          const topic = 'book.lent'
          assert.deepEqual((await readAll(trial, what, { topic })).ids, [toTopic, toTopicToo])
          assert.deepEqual((await readAll(trial, what, { topic, lane: other })).ids, [toTopicToo])
          assert.deepEqual((await readAll(trial, what, { topic: 'book' })).ids, [])
        }
      },
    },
    {
      title: 'attempts may be read for one delivery, in pages and on from a cursor',
      async run(trial) {
        const [first, second] = [await trial.queue(APP), await trial.queue(APP)]
        const attempt = async (next: 'due' | 'delivered') => {
          const { claimed } = await claimAll(trial, APP)
          for (const claim of claimed) {
            await trial.record(claim, next === 'due' ? { status: next, dueAt: trial.now } : { status: next })
          }
        }
        for (let n = 0; n < 3; n++) await attempt('due')
        const three = [first, first, first]
        const read = await readAll(trial, 'readAttempts', { deliveryId: first })
        assert.deepEqual(read.ids, three)
        assert.deepEqual((await readAll(trial, 'readAttempts', { deliveryId: first, lane: APP })).ids, three)
        const logged = await trial.session.readAttempts({ deliveryId: second, limit: 10 })
        assert.deepEqual(
          logged,
          (await trial.session.readAttempts({ limit: 10 })).filter(({ deliveryId }) => deliveryId === second),
        )
        assert.deepEqual(
          logged.map(({ number }) => number),
          [1, 2, 3],
        )
        await attempt('delivered')
        const from = { deliveryId: first, after: read.after }
        assert.deepEqual((await readAll(trial, 'readAttempts', from)).ids, [first])
        for (const nobody of [{ deliveryId: 'dlv_nobody' }, { deliveryId: first, topic: 't' }] as const) {
          assert.deepEqual((await readAll(trial, 'readAttempts', nobody)).ids, [])
        }
        assert.deepEqual((await readAll(trial, 'readAttempts', { deliveryId: first, lane: ORIGIN })).ids, [])
      },
    },
    {
      title: 'they go with their deliveries, and a cursor from before misses nothing that comes after',
      async run(trial) {
        await trial.queue(APP)
        await end(trial, APP, 'dead')
        const [attempts, deaths] = [await readAll(trial, 'readAttempts'), await readAll(trial, 'readDead')]
        trial.pass(30 * DAY)
        await trial.sweep()
        assert.deepEqual((await readAll(trial, 'readAttempts')).ids, [])
        assert.deepEqual((await readAll(trial, 'readDead')).ids, [])
        await trial.queue(APP)
        const id = await end(trial, APP, 'dead')
        assert.deepEqual((await readAll(trial, 'readAttempts', { after: attempts.after })).ids, [id])
        assert.deepEqual((await readAll(trial, 'readDead', { after: deaths.after })).ids, [id])
      },
    },
    {
      title: 'what nobody got as a cursor is refused',
      async run(trial) {
        for (const after of ['', 'x', '-1', '1.5', '1 ']) {
          await assert.rejects(trial.session.readAttempts({ after, limit: 1 }), { code: 'invalid_options' })
          await assert.rejects(trial.session.readDead({ after, limit: 1 }), { code: 'invalid_options' })
        }
      },
    },
  ],
}
