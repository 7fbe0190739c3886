import assert from 'node:assert/strict'
import { type Area, DAY, MINUTE } from './trial.js'
import { given, laneOf, proofFor, put, subscribe, takeAll, takenLanes, URL_A, URL_B } from './trial-topics.js'

/** Topics, and who wants them. */
export const subscribing: Area = {
  title: 'subscribing',
  cases: [
    {
      title:
        'a topic is there from when it is declared until it is deleted, and can have another name or none',
      async run(trial) {
        const { session, now } = trial
        await session.putTopic({ id: 'book.created', name: 'New books', now })
        await session.putTopic({ id: 'book.lent', now })
        const lent = { id: 'book.lent', declared: true, subscriptions: 0 }
        const created = { id: 'book.created', declared: true, subscriptions: 0 }
        const topics = () => trial.session.listTopics({ limit: 10 })
        assert.deepEqual(await topics(), [{ ...created, name: 'New books' }, lent])
        await session.putTopic({ id: 'book.created', name: 'Books', now })
        await trial.restart()
        assert.deepEqual(await topics(), [{ ...created, name: 'Books' }, lent])
        await trial.session.putTopic({ id: 'book.created', now })
        assert.deepEqual(await trial.session.deleteTopic({ id: 'book.lent' }), { type: 'deleted' })
        assert.deepEqual(await topics(), [created])
        assert.deepEqual(await trial.session.deleteTopic({ id: 'book.lent' }), { type: 'unknown' })
      },
    },
    {
      title:
        'topics are listed in pages, by id: those declared and those that somebody names, but no patterns',
      async run(trial) {
        const { session, now } = trial
        for (const id of ['e', 'b', 'd']) await session.putTopic({ id, now })
        for (const topic of ['a', 'c.x', 'b', 'b', 'c.*', '*']) await subscribe(trial, topic)
        const pages = []
        for (let after: string | undefined; ; ) {
          const page = await session.listTopics({ limit: 2, ...(after === undefined ? {} : { after }) })
          if (page.length === 0) break
          assert.ok(page.length <= 2)
          pages.push(...page)
          after = page.at(-1)?.id
        }
        assert.deepEqual(pages, [
          { id: 'a', declared: false, subscriptions: 1 },
          { id: 'b', declared: true, subscriptions: 2 },
          { id: 'c.x', declared: false, subscriptions: 1 },
          { id: 'd', declared: true, subscriptions: 0 },
          { id: 'e', declared: true, subscriptions: 0 },
        ])
      },
    },
    {
      title:
        'a topic that somebody wants cannot be deleted; one that nobody declared is gone with the last who does',
      async run(trial) {
        const { session, now } = trial
        await session.putTopic({ id: 'declared', now })
        const ids: string[] = []
        for (const topic of ['declared', 'declared', 'wanted']) ids.push((await subscribe(trial, topic)).id)
        await subscribe(trial, '*')
        assert.deepEqual(await session.deleteTopic({ id: 'declared' }), {
          type: 'subscribed',
          subscriptions: 2,
        })
        assert.deepEqual(await session.deleteTopic({ id: 'wanted' }), {
          type: 'subscribed',
          subscriptions: 1,
        })
        for (const id of ids) assert.equal(await session.deleteSubscription({ id, now }), true)
        assert.deepEqual(await session.listTopics({ limit: 10 }), [
          { id: 'declared', declared: true, subscriptions: 0 },
        ])
        assert.deepEqual(await session.deleteTopic({ id: 'wanted' }), { type: 'unknown' })
        assert.deepEqual(await session.deleteTopic({ id: 'declared' }), { type: 'deleted' })
        assert.deepEqual(await session.listTopics({ limit: 10 }), [])
      },
    },
    {
      title: 'a subscription is found as it was put, in its first version, also after a restart',
      async run(trial) {
        const options = '{"secret":"kept","filter":{"a":"ä"}}'
        const full = given(trial, 'book.*', { options, concurrency: 3, rate: { count: 5, perMs: 1_000 } })
        const plain = given(trial, 'book.created')
        assert.deepEqual(await put(trial, full), {
          type: 'put',
          subscription: { ...full, version: 1 },
          created: true,
        })
        await put(trial, plain)
        await trial.restart()
        const { session } = trial
        assert.deepEqual(await session.findSubscription({ id: full.id }), { ...full, version: 1 })
        assert.deepEqual(await session.findSubscription({ id: plain.id }), { ...plain, version: 1 })
        assert.equal(await session.findSubscription({ id: 'sub_nobody' }), undefined)
      },
    },
    {
      title: 'what is put again, by its id or by its topic and URL, is changed and keeps its id and its age',
      async run(trial) {
        const { createdAt, ...first } = given(trial, 'book.created', { url: URL_A, concurrency: 3 })
        await put(trial, { ...first, createdAt })
        trial.pass(MINUTE)
        const { concurrency: _, ...open } = first
        const second = { ...open, topic: 'book.*', url: URL_B, options: '{"v":2}', createdAt: trial.now }
        assert.deepEqual(await put(trial, second), {
          type: 'put',
          subscription: { ...second, createdAt, version: 2 },
          created: false,
        })
        const third = given(trial, 'book.*', { url: URL_B, rate: { count: 1, perMs: 50 } })
        const changed = { ...third, id: first.id, createdAt, version: 3 }
        assert.deepEqual(await put(trial, third), { type: 'put', subscription: changed, created: false })
        assert.deepEqual(await trial.session.listSubscriptions({ limit: 10 }), [changed])
        assert.deepEqual(
          (await trial.session.listTopics({ limit: 10 })).map(({ id }) => id),
          [],
        )
      },
    },
    {
      title: 'there is one subscription of a URL to a topic, also when many ask for it at the same moment',
      async run(trial) {
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, () => put(trial, given(trial, 'book.created', { url: URL_A }))),
        )
        const made = outcomes.filter(outcome => outcome.type === 'put')
        assert.equal(made.filter(({ created }) => created).length, 1)
        assert.equal(new Set(made.map(({ subscription }) => subscription.id)).size, 1)
        assert.deepEqual(
          made.map(({ subscription }) => subscription.version).sort(),
          [1, 2, 3, 4, 5, 6, 7, 8],
        )
        await subscribe(trial, 'book.created', { url: URL_B })
        await subscribe(trial, 'book.lent', { url: URL_A })
        assert.equal((await trial.session.listSubscriptions({ limit: 10 })).length, 3)
      },
    },
    {
      title: 'a change for another version than it has is stale, and so is one of what is not there',
      async run(trial) {
        const first = given(trial, 'book.created')
        assert.deepEqual(await put(trial, first, { ifVersion: 1 }), { type: 'stale' })
        assert.equal(await trial.session.findSubscription({ id: first.id }), undefined)
        await put(trial, first)
        const changed = { ...first, options: '{"v":2}' }
        assert.deepEqual(await put(trial, changed, { ifVersion: 2 }), { type: 'stale' })
        const both = await Promise.all([
          put(trial, changed, { ifVersion: 1 }),
          put(trial, { ...changed, options: '{"v":3}' }, { ifVersion: 1 }),
        ])
        assert.deepEqual(both.map(({ type }) => type).sort(), ['put', 'stale'])
        assert.equal((await trial.session.findSubscription({ id: first.id }))?.version, 2)
      },
    },
    {
      title: 'a subscription cannot become another one: a topic and URL that are taken change nothing',
      async run(trial) {
        await subscribe(trial, 'book.created', { url: URL_A })
        const other = await subscribe(trial, 'book.lent', { url: URL_A })
        const { version: _, ...record } = other
        assert.deepEqual(await put(trial, { ...record, topic: 'book.created' }), { type: 'elsewhere' })
        assert.deepEqual(await trial.session.findSubscription({ id: other.id }), other)
        assert.equal((await put(trial, { ...record, topic: 'book.created', url: URL_B })).type, 'put')
        await subscribe(trial, 'book.lent', { url: URL_A })
      },
    },
    {
      title: 'subscriptions are listed in pages, by id, of a topic or pattern as it was given, and of a URL',
      async run(trial) {
        for (const topic of ['book.created', 'book.*', '*']) {
          for (const url of [URL_A, URL_B]) await subscribe(trial, topic, { url })
        }
        const { session } = trial
        const all = await session.listSubscriptions({ limit: 10 })
        assert.deepEqual(
          all.map(({ id }) => id),
          all.map(({ id }) => id).sort(),
        )
        assert.equal(all.length, 6)
        const [, , third] = all
        assert.ok(third !== undefined)
        assert.deepEqual(await session.listSubscriptions({ limit: 2, after: third.id }), all.slice(3, 5))
        const ofTopic = await session.listSubscriptions({ limit: 10, topic: 'book.*' })
        assert.deepEqual(
          ofTopic,
          all.filter(({ topic }) => topic === 'book.*'),
        )
        const ofUrl = await session.listSubscriptions({ limit: 10, url: URL_B })
        assert.deepEqual(
          ofUrl,
          all.filter(({ url }) => url === URL_B),
        )
        const ofBoth = await session.listSubscriptions({ limit: 10, url: URL_B, topic: '*' })
        assert.deepEqual(
          ofBoth,
          all.filter(({ url, topic }) => url === URL_B && topic === '*'),
        )
        assert.deepEqual(await session.listSubscriptions({ limit: 10, after: all.at(-1)?.id ?? '' }), [])
      },
    },
    {
      title:
        'what is handed out for a subscription comes with it as it stands then, and no more than it has room for',
      async run(trial) {
        const first = given(trial, 'book.created', { concurrency: 2 })
        await put(trial, first)
        const lane = laneOf(first)
        for (let index = 0; index < 4; index += 1) await trial.queue(lane)
        const changed = { ...first, options: '{"v":2}' }
        await put(trial, changed)
        const claimed = await takeAll(trial, { originRoom: 1 })
        assert.deepEqual(
          claimed.map(({ subscription }) => subscription),
          [1, 2].map(() => ({ ...changed, version: 2 })),
        )
        assert.equal((await takeAll(trial, { lanes: { [lane]: 2 } })).length, 0)
        assert.equal((await takeAll(trial, { lanes: { [lane]: 1 } })).length, 1)
      },
    },
    {
      title: 'a deleted subscription gets nothing any more: what waits for it dies, and a sweep tells of it',
      async run(trial) {
        const { id } = await subscribe(trial, 'book.created')
        const other = await subscribe(trial, 'book.created')
        const waiting = [await trial.queue(`subscription:${id}`), await trial.queue(`proof:${id}`)]
        await trial.queue(laneOf(other))
        const { session, now } = trial
        assert.equal(await session.deleteSubscription({ id, now }), true)
        assert.equal(await session.deleteSubscription({ id, now }), false)
        assert.equal(await session.findSubscription({ id }), undefined)
        assert.deepEqual(await takenLanes(trial), [laneOf(other)])
        trial.pass(MINUTE)
        const log = trial.listen()
        const swept = await trial.sweep()
        assert.deepEqual([...swept.unsubscribedDeliveryIds].sort(), [...waiting].sort())
        assert.deepEqual(swept.expiredDeliveryIds, [])
        for (const deliveryId of waiting) {
          const delivery = await session.findDelivery({ deliveryId })
          assert.equal(delivery?.reason, 'unsubscribed')
          assert.equal(delivery.endedAt, trial.now)
          await log.expect({ kind: 'dead', deliveryId })
        }
        assert.deepEqual((await trial.sweep()).unsubscribedDeliveryIds, [])
      },
    },
    {
      title:
        'what is under way when its subscription is deleted ends as its attempt does, and is not tried again',
      async run(trial) {
        const { id } = await subscribe(trial, 'book.created')
        const lane = `subscription:${id}` as const
        for (let index = 0; index < 2; index += 1) await trial.queue(lane)
        const [delivered, failed] = await takeAll(trial)
        assert.ok(delivered !== undefined && failed !== undefined)
        await trial.session.deleteSubscription({ id, now: trial.now })
        assert.deepEqual((await trial.sweep()).unsubscribedDeliveryIds, [])
        assert.equal(await trial.record(delivered, { status: 'delivered' }), 'recorded')
        const claim = trial.toDeliveryClaim(failed)
        await trial.session.recordAttempt({
          claim,
          now: trial.now,
          attempt: { at: trial.now, durationMs: 1 },
          next: { status: 'due', dueAt: trial.now },
          news: { type: 'failed', strikeMs: MINUTE, restsUntil: trial.now + DAY },
        })
        assert.equal(await trial.session.findLane({ lane }), undefined)
        assert.deepEqual(await takeAll(trial), [])
        assert.deepEqual((await trial.sweep()).unsubscribedDeliveryIds, [failed.delivery.id])
      },
    },
    {
      title:
        'a sweep keeps to its limit with those that die with their subscription, and says that there are more',
      async run(trial) {
        const { id } = await subscribe(trial, 'book.created')
        for (let index = 0; index < 5; index += 1) await trial.queue(`subscription:${id}`)
        await trial.session.deleteSubscription({ id, now: trial.now })
        const sweeps = [
          await trial.sweep({ limit: 2 }),
          await trial.sweep({ limit: 2 }),
          await trial.sweep({ limit: 2 }),
        ]
        assert.deepEqual(
          sweeps.map(({ unsubscribedDeliveryIds, more }) => [unsubscribedDeliveryIds.length, more]),
          [
            [2, true],
            [2, true],
            [1, false],
          ],
        )
      },
    },
    {
      title: 'one whose endpoint is gone for good has retired: what waits for it dies, until it is put again',
      async run(trial) {
        const first = given(trial, 'book.created')
        await put(trial, first)
        const [lane, partner] = [laneOf(first), 'endpoint:partner' as const]
        const early = await trial.queue(lane, { dueAt: trial.now + MINUTE })
        for (const one of [lane, partner]) {
          const dying = await trial.queue(one)
          const [claimed] = await takeAll(trial, { lanes: { [partner]: 1 } })
          assert.equal(claimed?.delivery.id, dying)
          await trial.session.recordAttempt({
            claim: trial.toDeliveryClaim(claimed),
            now: trial.now,
            attempt: { at: trial.now, durationMs: 1, status: 410 },
            next: { status: 'dead', reason: 'rejected' },
            news: { type: 'gone' },
          })
        }
        assert.equal((await trial.session.findSubscription({ id: first.id }))?.pause, 'retired')
        assert.deepEqual((await trial.sweep()).unsubscribedDeliveryIds, [early])
        const waiting = await trial.queue(lane)
        await trial.queue(partner)
        assert.deepEqual(await takeAll(trial, { lanes: { [partner]: 10 } }), [])
        assert.deepEqual((await trial.sweep()).unsubscribedDeliveryIds, [waiting])
        const again = await put(trial, first, { proof: proofFor(trial, first.id) })
        assert.deepEqual(again, {
          type: 'put',
          subscription: { ...first, version: 2 },
          created: false,
        })
        await trial.queue(lane)
        assert.deepEqual(await takenLanes(trial), [lane])
      },
    },
  ],
}
