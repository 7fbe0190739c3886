import assert from 'node:assert/strict'
import type { DeliveryRecord, Lane } from '../../model/delivery.js'
import { type Area, DAY, HOUR, MINUTE, SECOND } from './trial.js'
import { end, fanOut, found, list, listInPages, publish, publishTo, redeliver } from './trial-history.js'
import { claimAll, subscribe, takeFrom } from './trial-lanes.js'

const APP = 'endpoint:app'
const OTHER = 'endpoint:other'
const ORIGIN = 'origin:https://a.example'

/** What happened to messages, as a list; and sending one again. */
export const history: Area = {
  title: 'history',
  cases: [
    {
      title: 'deliveries are listed in order of their ids, in pages, forwards and backwards',
      async run(trial) {
        const ids: string[] = []
        for (let index = 0; index < 7; index++) {
          ids.push(await trial.queue(index % 2 === 0 ? APP : ORIGIN, { dueAt: trial.now - index }))
          trial.pass(SECOND)
        }
        ids.sort()
        assert.deepEqual(await list(trial), ids)
        assert.deepEqual(await listInPages(trial, {}), ids)
        assert.deepEqual(await listInPages(trial, { newest: true }), [...ids].reverse())
        assert.deepEqual(await list(trial, { after: ids[6] ?? '' }), [])
        assert.deepEqual(await list(trial, { after: ids[0] ?? '', newest: true }), [])
        assert.deepEqual(await list(trial, { after: `${ids[2]}0`, limit: 1 }), [ids[3]])
      },
    },
    {
      title: 'whatever a list is asked for, all of it must hold, and its pages are those of what does',
      async run(trial) {
        const lane = await subscribe(trial, { topic: 'book.lent' })
        const begin = trial.now
        for (const one of [APP, OTHER, ORIGIN] as const) for (let n = 0; n < 6; n++) await trial.queue(one)
        for (let n = 0; n < 3; n++) {
          await publish(trial, 'book.lent')
          await fanOut(trial)
        }
        for (const one of [APP, OTHER, ORIGIN, lane] as const) {
          await end(trial, one, 'delivered')
          await end(trial, one, 'dead')
        }
        for (const one of [APP, ORIGIN] as const) {
          await takeFrom(trial, one)
        }
        const cancelled = await trial.queue(APP)
        await trial.session.cancelDelivery({ deliveryId: cancelled, now: trial.now })
        trial.pass(MINUTE)
        const late = await trial.queue(APP)

        const all = await trial.session.listDeliveries({ limit: 100 })
        const filters = [
          { status: 'due' },
          { status: 'sending' },
          { status: 'delivered' },
          { status: 'dead' },
          { reason: 'rejected' },
          { reason: 'cancelled', status: 'dead' },
          { lane: APP },
          { lane: APP, status: 'due' },
          { lane: ORIGIN, status: 'sending' },
          { lane: APP, status: 'delivered' },
          { lane: APP, status: 'dead' },
          { lane: APP, status: 'dead', reason: 'rejected' },
          { lane, status: 'dead', topic: 'book.lent' },
          { topic: 'book.lent' },
          { topic: 'book.lent', lane: APP },
          { topic: 'book.lent', status: 'due' },
          { topic: 'book.lent', status: 'dead' },
          { topic: 'book.lost' },
          { messageId: all[3]?.messageId ?? '' },
          { messageId: all[3]?.messageId ?? '', lane: 'endpoint:nobody' },
          { messageId: 'msg_nobody' },
        ] as const
        const topicMessages = new Set<string>()
        for (const { messageId } of all) {
          const message = await trial.session.findMessage({ messageId })
          if (message?.lane === 'topic:book.lent') topicMessages.add(messageId)
        }
        assert.equal(topicMessages.size, 3)
        for (const filter of filters) {
          const { topic, ...same } = filter as { topic?: string } & Record<string, string>
          const wanted = all
            .filter(delivery =>
              Object.entries(same).every(([name, value]) => Reflect.get(delivery, name) === value),
            )
            .filter(
              ({ messageId }) =>
                topic === undefined || (topic === 'book.lent' && topicMessages.has(messageId)),
            )
            .map(({ id }) => id)
          const what = JSON.stringify(filter)
          assert.deepEqual(await listInPages(trial, filter), wanted, what)
          assert.deepEqual(await listInPages(trial, { ...filter, newest: true }), [...wanted].reverse(), what)
        }
        assert.deepEqual(await list(trial, { since: begin + 1 }), [late])
        assert.deepEqual(await list(trial, { until: begin }), [])
        assert.equal((await list(trial, { since: begin, until: begin + 1 })).length, all.length - 1)
        assert.deepEqual(await list(trial, { since: begin + 1, lane: OTHER }), [])
        assert.deepEqual(await list(trial, { since: begin + 1, lane: APP, status: 'due' }), [late])
      },
    },
    {
      title: 'only what sorts behind a place is listed, whatever else is asked for, forwards and backwards',
      async run(trial) {
        for (let n = 0; n < 4; n++) for (const one of [APP, ORIGIN] as const) await trial.queue(one)
        await end(trial, APP, 'dead')
        const { deliveryIds, messageId } = await publishTo(trial, [
          { lane: APP },
          { lane: APP },
          { lane: OTHER },
        ])
        await subscribe(trial, { topic: 'book.lent' })
        for (let n = 0; n < 2; n++) {
          await publish(trial, 'book.lent')
          await fanOut(trial)
        }
        const all = await list(trial)
        const filters = [
          {},
          { lane: APP },
          { topic: 'book.lent' },
          { messageId },
          { status: 'due' },
          { status: 'dead' },
          { lane: APP, status: 'dead' },
          { since: trial.now },
        ] as const
        for (const place of ['', all[0], all[3], deliveryIds[0], all.at(-2), all.at(-1), 'dlv_zz']) {
          for (const filter of filters) {
            const what = `${JSON.stringify(filter)} behind ${place}`
            const behind = place ?? ''
            const wanted = (await list(trial, filter)).filter(id => id > behind)
            const backwards = [...wanted].reverse()
            assert.deepEqual(await listInPages(trial, { ...filter, behind }), wanted, what)
            assert.deepEqual(await listInPages(trial, { ...filter, behind, newest: true }), backwards, what)
          }
        }
        const [first = '', second = '', third = ''] = all
        assert.deepEqual(await list(trial, { after: first, behind: second, limit: 1 }), [third])
        assert.deepEqual(await list(trial, { after: second, behind: first, limit: 1 }), [third])
        assert.deepEqual(await list(trial, { after: third, behind: first, newest: true }), [second])
      },
    },
    {
      title: 'a delivery that is listed is the one that is found',
      async run(trial) {
        await trial.send(trial.message(ORIGIN, { url: 'https://a.example/x' }))
        await end(trial, ORIGIN, 'dead')
        const [listed] = await trial.session.listDeliveries({ limit: 1 })
        assert.deepEqual(listed, await found(trial, listed?.id ?? ''))
        assert.equal(listed?.url, 'https://a.example/x')
      },
    },
    {
      title: 'a delivery says when its message was created, and what that was published to',
      async run(trial) {
        const lane = await subscribe(trial)
        const createdAt = trial.now
        await publish(trial, 'book.lent')
        await trial.queue(APP, { dueAt: trial.now + HOUR })
        trial.pass(MINUTE)
        await fanOut(trial)
        const facts = (delivery: DeliveryRecord | undefined) => [
          delivery?.lane,
          delivery?.topic,
          delivery?.createdAt,
        ]
        const expected = [lane, 'book.lent', createdAt]
        const [claimed] = (await claimAll(trial, lane)).claimed
        assert.deepEqual(facts(claimed?.delivery), expected)
        assert.ok(claimed !== undefined)
        await trial.record(claimed, { status: 'dead', reason: 'rejected' })
        const { id } = claimed.delivery
        const again = await redeliver(trial, id)
        assert.ok(again.type === 'redelivered')
        for (const deliveryId of [id, again.deliveryId]) {
          assert.deepEqual(facts(await trial.session.findDelivery({ deliveryId })), expected)
        }
        const [death] = await trial.session.readDead({ limit: 1 })
        assert.deepEqual(facts(death?.delivery), expected)
        const listed = await trial.session.listDeliveries({ lane: APP, limit: 10 })
        assert.deepEqual(listed.map(facts), [[APP, undefined, createdAt]])
      },
    },
    {
      title: 'a message is found as it was sent, and one that nobody knows is not',
      async run(trial) {
        const message = trial.message(ORIGIN, {
          ...{ url: 'https://a.example/x', key: 'order/7', type: 'order.placed', follows: 'dlv_before' },
        })
        await trial.send(message)
        const stored = await trial.session.findMessage({ messageId: message.id })
        assert.deepEqual({ ...stored, body: undefined }, { ...message, body: undefined })
        assert.deepEqual([...(stored?.body ?? [])], [...message.body])
        assert.equal(await trial.session.findMessage({ messageId: 'msg_nobody' }), undefined)
      },
    },
    {
      title: 'a message is sent again by another delivery, once: whoever asks again is told of that one',
      async run(trial) {
        const url = 'https://a.example/x'
        await trial.send(trial.message(ORIGIN, { url }))
        for (const status of ['dead', 'delivered'] as const) {
          const first = await end(trial, ORIGIN, status)
          const before = await found(trial, first)
          const again = await redeliver(trial, first)
          assert.equal(again.type, 'redelivered')
          assert.deepEqual(await found(trial, first), { ...before, redeliveredAs: again.deliveryId })
          const known = { type: 'known', deliveryId: again.deliveryId, messageId: before.messageId }
          assert.deepEqual(await redeliver(trial, first), known)

          const { claimed } = await claimAll(trial, ORIGIN)
          assert.deepEqual(
            claimed.map(({ delivery: { id, lane, attempts }, message }) => [id, lane, attempts, message.url]),
            [[again.deliveryId, ORIGIN, 0, url]],
          )
          const [one] = claimed
          assert.ok(one !== undefined)
          assert.equal(one.delivery.url, url)
          await trial.session.releaseDelivery({ claim: trial.toDeliveryClaim(one) })
          assert.equal((await trial.session.listAttempts({ deliveryId: first })).length, 1)
        }
      },
    },
    {
      title: 'nothing is sent again that has not ended, or that nobody knows',
      async run(trial) {
        const due = await trial.queue(APP)
        assert.deepEqual(await redeliver(trial, due), { type: 'pending' })
        await trial.takeDelivery(APP)
        assert.deepEqual(await redeliver(trial, due), { type: 'pending' })
        assert.deepEqual(await redeliver(trial, 'dlv_nobody'), { type: 'unknown' })
        assert.deepEqual(await list(trial), [due])
      },
    },
    {
      title: 'of a message to many, the one delivery is sent again, to its own target',
      async run(trial) {
        const lane = await subscribe(trial)
        const messageId = await publish(trial, 'book.lent')
        await fanOut(trial)
        const targets = [{ lane: ORIGIN, url: 'https://a.example/1' }, { lane: APP }] as const
        const listed = await publishTo(trial, targets)
        const expected = [
          { lane, messageId },
          { ...targets[0], messageId: listed.messageId },
          { ...targets[1], messageId: listed.messageId },
        ] as const
        for (const target of expected) {
          const again = await redeliver(trial, await end(trial, target.lane, 'dead'))
          assert.equal(again.type, 'redelivered')
          const { id, lane: to, url, messageId: of } = (await takeFrom(trial, target.lane)).delivery
          assert.equal(id, again.deliveryId)
          assert.deepEqual({ lane: to, messageId: of, ...(url === undefined ? {} : { url }) }, target)
        }
        assert.equal((await list(trial, { topic: 'book.lent' })).length, 2)
        assert.equal((await list(trial, { messageId: listed.messageId })).length, 4)
      },
    },
    {
      title: 'a message is kept as long as any of its deliveries, and finds its way through a restart',
      async run(trial) {
        await trial.queue(APP)
        const first = await end(trial, APP, 'dead')
        trial.pass(29 * DAY)
        const again = await redeliver(trial, first)
        assert.equal(again.type, 'redelivered')
        await trial.restart()
        trial.pass(2 * DAY)
        await trial.sweep()
        assert.deepEqual(await list(trial), [again.deliveryId])
        assert.ok(await trial.session.findMessage({ messageId: again.messageId }))
        assert.equal(await end(trial, APP), again.deliveryId)
        trial.pass(30 * DAY)
        await trial.sweep()
        assert.deepEqual(await list(trial), [])
        assert.equal(await trial.session.findMessage({ messageId: again.messageId }), undefined)
      },
    },
    {
      title: 'a list of a thousand deliveries is read in a few pages, without gaps',
      async run(trial) {
        const ids = await Promise.all(
          Array.from({ length: 1_000 }, (_, index) => trial.queue(`endpoint:${index % 3}` as Lane)),
        )
        trial.pass(HOUR)
        const seen: string[] = []
        for (let page = await list(trial, { newest: true, limit: 300 }); page.length > 0; ) {
          seen.push(...page)
          page = await list(trial, { newest: true, limit: 300, after: seen.at(-1) ?? '' })
        }
        assert.deepEqual(seen, [...ids].sort().reverse())
      },
    },
  ],
}
