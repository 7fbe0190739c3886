import assert from 'node:assert/strict'
import { toText, utf8 } from '../../core/bytes.js'
import { enterRun } from './entered-run.js'
import { LOST, placeAt } from './entered-scope.js'
import { type Area, DAY, MINUTE } from './trial.js'
import { takeAll, takenLanes, toList, toMany, toTopic } from './trial-topics.js'

const APP = 'endpoint:app'
const PARTNER = 'endpoint:partner'
const ORIGIN = 'origin:https://a.example'
const TARGETS = [
  { lane: APP },
  { lane: ORIGIN, url: 'https://a.example/1' },
  { lane: ORIGIN, url: 'https://a.example/2' },
] as const

/** Messages to many. */
export const publishing: Area = {
  title: 'publishing',
  cases: [
    {
      title: 'a message to a list is one message, with a delivery for each, which knows where it goes',
      async run(trial) {
        const message = toMany(trial, 'list:', { body: utf8('{"a":"ä"}'), type: 'book.created' })
        const publication = toList(trial, TARGETS, { message })
        const outcome = await trial.session.publish(publication)
        assert.deepEqual(outcome, { type: 'published', messageId: message.id, created: true })
        await trial.restart()
        const claimed = await takeAll(trial, { lanes: { [APP]: 10 } })
        assert.deepEqual(
          claimed
            .map(({ delivery: { lane, url } }) => ({ lane, ...(url === undefined ? {} : { url }) }))
            .sort(byUrl),
          TARGETS,
        )
        for (const { message: sent, delivery } of claimed) {
          assert.deepEqual({ ...sent, body: toText(sent.body) }, { ...message, body: '{"a":"ä"}' })
          assert.equal(delivery.messageId, message.id)
        }
        const { to } = publication
        assert.equal(to.type, 'list')
        assert.deepEqual(
          claimed.map(({ delivery }) => delivery.id).sort(),
          to.deliveries.map(({ deliveryId }) => deliveryId).sort(),
        )
      },
    },
    {
      title: 'a message to one that was written out has its URL with its delivery, too',
      async run(trial) {
        const url = 'https://a.example/hook'
        const message = trial.message(ORIGIN, { url })
        const sent = await trial.send(message)
        assert.equal(sent.type, 'sent')
        assert.equal((await trial.session.findDelivery({ deliveryId: sent.deliveryId }))?.url, url)
        assert.equal((await takeAll(trial))[0]?.delivery.url, url)
      },
    },
    {
      title: 'each delivery of a publication ends for itself',
      async run(trial) {
        await trial.session.publish(toList(trial, [{ lane: APP }, { lane: PARTNER }]))
        const [one, other] = [await trial.takeDelivery(APP), await trial.takeDelivery(PARTNER)]
        await trial.record(one, { status: 'dead', reason: 'rejected' })
        assert.equal(await trial.record(other, { status: 'delivered' }), 'recorded')
        const status = async (deliveryId: string) =>
          (await trial.session.findDelivery({ deliveryId }))?.status
        assert.deepEqual(
          [await status(one.delivery.id), await status(other.delivery.id)],
          ['dead', 'delivered'],
        )
      },
    },
    {
      title: 'a key has one publication, whoever publishes it again and at the same moment',
      async run(trial) {
        const outcomes = await Promise.all(
          Array.from({ length: 8 }, () => trial.session.publish(toList(trial, TARGETS, { key: 'book/7' }))),
        )
        const published = outcomes.filter(outcome => outcome.type === 'published')
        assert.equal(published.length, 8)
        assert.equal(new Set(published.map(({ messageId }) => messageId)).size, 1)
        assert.equal(published.filter(({ created }) => created).length, 1)
        assert.equal((await takeAll(trial, { lanes: { [APP]: 100 } })).length, TARGETS.length)
        await trial.restart()
        trial.pass(DAY)
        const again = await trial.session.publish(toList(trial, [], { key: 'book/7' }))
        assert.deepEqual(again, { ...published[0], created: false })
      },
    },
    {
      title: 'a publication that is repeated with the same ids is there once, and is told that it was made',
      async run(trial) {
        for (const key of [{}, { key: 'book/7' }]) {
          for (const publication of [
            toList(trial, TARGETS, key),
            toTopic(trial, 'book.created', { key: 'book/8' }),
          ]) {
            const first = await trial.session.publish(publication)
            assert.deepEqual(await trial.session.publish(publication), first)
            assert.equal(first.type, 'published')
            if (key.key !== undefined) continue
            assert.equal(first.created, true)
          }
        }
        assert.equal((await takeAll(trial, { lanes: { [APP]: 100 } })).length, 2 * TARGETS.length)
      },
    },
    {
      title: 'a key of a publication is none of a message with one target',
      async run(trial) {
        const key = 'book/7'
        await trial.send(trial.message(APP, { key }))
        const outcome = await trial.session.publish(toList(trial, [{ lane: APP }], { key }))
        assert.equal(outcome.type, 'published')
        assert.equal(outcome.created, true)
        const sent = await trial.send(trial.message(APP, { key }))
        assert.equal(sent.type, 'sent')
        assert.notEqual(sent.messageId, outcome.messageId)
        assert.equal((await takeAll(trial, { lanes: { [APP]: 100 } })).length, 2)
      },
    },
    {
      title:
        'a key that has a publication to something else is a conflict that names it, and publishes nothing',
      async run(trial) {
        const key = 'book/7'
        await trial.session.publish(toTopic(trial, 'book.created', { key }))
        const conflict = { type: 'conflict', lane: 'topic:book.created' }
        assert.deepEqual(await trial.session.publish(toTopic(trial, 'book.lent', { key })), conflict)
        assert.deepEqual(await trial.session.publish(toList(trial, TARGETS, { key })), conflict)
        assert.deepEqual(await takenLanes(trial), [])
      },
    },
    {
      title: 'a message to nobody is kept as long as it would be with deliveries, from when it was created',
      async run(trial) {
        const { message, ...publication } = toList(trial, [])
        await trial.session.publish({ message, ...publication, key: 'nobody' })
        const messageId = message.id
        trial.pass(30 * DAY - 1)
        await trial.sweep()
        assert.equal((await trial.session.findMessage({ messageId }))?.id, messageId)
        trial.pass(1)
        await trial.sweep()
        assert.equal(await trial.session.findMessage({ messageId }), undefined)
        const again = await trial.session.publish(toList(trial, [{ lane: APP }], { key: 'nobody' }))
        assert.equal(again.type, 'published')
        assert.equal(again.created, true)
      },
    },
    {
      title: 'a publication is kept as long as the last of its deliveries',
      async run(trial) {
        const publication = toList(trial, [{ lane: APP }, { lane: PARTNER }], { key: 'book/7' })
        const messageId = publication.message.id
        await trial.session.publish(publication)
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        trial.pass(20 * DAY)
        const late = await trial.takeDelivery(PARTNER)
        await trial.record(late, { status: 'delivered' })
        trial.pass(10 * DAY)
        await trial.sweep()
        assert.equal((await trial.session.findMessage({ messageId }))?.id, messageId)
        const again = await trial.session.publish(toList(trial, [], { key: 'book/7' }))
        assert.deepEqual(again, { type: 'published', messageId, created: false })
        assert.equal(
          (await trial.session.findDelivery({ deliveryId: late.delivery.id }))?.status,
          'delivered',
        )
        trial.pass(20 * DAY)
        await trial.sweep()
        assert.equal(await trial.session.findMessage({ messageId }), undefined)
      },
    },
    {
      title: 'wakes whoever sends after a publication to a list, and whoever fans out after one to a topic',
      async run(trial) {
        const lists = trial.listen()
        await trial.session.publish(toList(trial, TARGETS))
        await lists.expect({ kind: 'outbox' })
        const topics = trial.listen()
        await trial.session.publish(toTopic(trial, 'book.created'))
        await topics.expect({ kind: 'fanOuts' })
      },
    },
    {
      title: 'a scope that publishes remembers that it did: entered again, it publishes nothing',
      async run(trial) {
        const scope = await enterRun(trial)
        const publishHere = (place = 'tell') =>
          trial.session.publishInScope({
            entry: scope.entry,
            at: placeAt(place),
            publish: toList(trial, TARGETS, { key: 'not used' }),
            now: trial.now,
          })
        const first = await publishHere()
        assert.equal(first.type, 'published')
        assert.deepEqual(await publishHere(), first)
        assert.equal((await publishHere('tell again')).type, 'published')
        assert.deepEqual(await scope.memoryAt('tell'), { verb: 'publish', messageId: first.messageId })
        assert.equal((await takeAll(trial, { lanes: { [APP]: 100 } })).length, 2 * TARGETS.length)
        const free = await trial.session.publish(toList(trial, [], { key: 'not used' }))
        assert.equal(free.type, 'published')
        assert.equal(free.created, true)
      },
    },
    {
      title: 'a scope publishes nothing where it remembers another verb, or when its claim is over',
      async run(trial) {
        const scope = await enterRun(trial)
        await scope.remember('step', 'done')
        const publishAt = (place: string) =>
          trial.session.publishInScope({
            entry: scope.entry,
            at: placeAt(place),
            publish: toTopic(trial, 'book.created'),
            now: trial.now,
          })
        const known = await publishAt('step')
        assert.equal(known.type, 'known')
        assert.equal(known.memory.verb, 'step')
        await trial.leave()
        assert.deepEqual(await publishAt('tell'), LOST)
        assert.deepEqual(await trial.session.claimFanOut({ now: trial.now, holdMs: MINUTE, limit: 1 }), {})
      },
    },
    {
      title: 'what a scope has published ends and is forgotten like anything else, while it is open',
      async run(trial) {
        const scope = await enterRun(trial)
        const publish = toList(trial, [{ lane: APP }])
        await trial.session.publishInScope({
          entry: scope.entry,
          at: placeAt('tell'),
          publish,
          now: trial.now,
        })
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        trial.pass(30 * DAY)
        await trial.sweep()
        assert.equal(await trial.session.findMessage({ messageId: publish.message.id }), undefined)
        assert.notEqual(await scope.memoryAt('tell'), undefined)
      },
    },
  ],
}

function byUrl(a: { readonly url?: string }, b: { readonly url?: string }): number {
  return (a.url ?? '') < (b.url ?? '') ? -1 : 1
}
