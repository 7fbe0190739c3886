import assert from 'node:assert/strict'
import { type Area, SECOND, texts } from './trial.js'

/** Commands as such: their order, their independence, and the end of a session. */
export const sessions: Area = {
  title: 'commands and sessions',
  cases: [
    {
      title: 'commands take effect in the order in which they were sent, without being awaited',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const accepted = Array.from({ length: 200 }, (_, index) => trial.post(receiver, `${index}`))
        const claimed = trial.claim(receiver, { limit: 150 })
        const closed = trial.close(receiver)
        const late = trial.post(receiver, 'late')
        const outcomes = await Promise.all(accepted)
        assert.deepEqual(
          outcomes,
          outcomes.map((_, index) => ({ type: 'accepted', seq: index + 1 })),
        )
        assert.deepEqual(
          texts((await claimed).callbacks),
          Array.from({ length: 150 }, (_, index) => `${index}`),
        )
        assert.equal((await closed).length, 200)
        assert.deepEqual(await late, { type: 'ended', state: 'closed' })
      },
    },
    {
      title: 'an acknowledgement and the claim sent right after it are seen in that order',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2')
        const { ungrouped } = await trial.claim(receiver, { ordered: true })
        const groups = ungrouped.map(({ id }) => ({ callbackId: id, group: 'a' }))
        const [a1] = await trial.take(receiver, { ordered: true, groups })
        assert.ok(a1)
        const acknowledged = trial.acknowledge(a1)
        const claimed = trial.take(receiver, { ordered: true })
        assert.equal(await acknowledged, true)
        assert.deepEqual(texts(await claimed), ['a2'])
      },
    },
    {
      title: 'commands of every kind may be under way at the same moment',
      async run(trial) {
        const receivers = await Promise.all(
          Array.from({ length: 40 }, (_, index) =>
            trial.spawn(`orders/${index % 20}`, { capacity: index + 1 }),
          ),
        )
        const work = receivers.flatMap((receiver, index) => [
          trial.post(receiver, `${index}`, { deliveryId: `evt-${index % 20}` }),
          trial.claim(receiver, { limit: 1 }),
          trial.queue(index % 2 === 0 ? 'endpoint:app' : 'origin:https://a.example'),
          trial.claimDeliveries({ limit: 1, lanes: { 'endpoint:app': 1 }, originRoom: 1 }),
          trial.find(receiver.token),
          trial.session.renew({ epoch: trial.epoch, now: trial.now, leaseMs: SECOND * 1_000_000 }),
          trial.takeOver(),
          trial.sweep(),
        ])
        await Promise.all(work)
        const page = await trial.session.listReceivers({ now: trial.now, limit: 100 })
        assert.deepEqual(
          page.map(({ unread }) => unread),
          Array.from({ length: 20 }, () => 1),
        )
      },
    },
    {
      title: 'a batch with one row that the store refuses stores the others',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const requests = Array.from({ length: 20 }, (_, index) => trial.request(receiver, `${index}`))
        const odd = [
          trial.request(receiver, 'NUL', { deliveryId: 'a\0b' }),
          trial.request(receiver, 'half a pair', { deliveryId: '\ud800', path: '/\udfff', query: '\ud83d' }),
          trial.request(receiver, 'headers', { headers: '["x","\0\ud800"]' }),
        ]
        const mixed = [...requests.slice(0, 10), ...odd, ...requests.slice(10)]
        const settled = await Promise.allSettled(mixed.map(request => trial.session.accept(request)))
        const bodies = texts(await trial.take(receiver))
        for (const [index, request] of mixed.entries()) {
          const [result, text] = [settled[index], Buffer.from(request.body).toString()]
          const accepted = result?.status === 'fulfilled' && result.value.type === 'accepted'
          if (!odd.includes(request)) assert.ok(accepted, `${text} was not accepted`)
          assert.equal(bodies.includes(text), accepted)
        }
        assert.equal((await trial.post(receiver, 'after')).type, 'accepted')
      },
    },
    {
      title: 'what was told is what is stored: everything accepted before a restart is there after it',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const accepting = Array.from({ length: 100 }, (_, index) => trial.post(receiver, `${index}`))
        const outcomes = await Promise.all(accepting)
        assert.ok(outcomes.every(({ type }) => type === 'accepted'))
        await trial.restart()
        assert.equal((await trial.take(receiver)).length, 100)
        assert.deepEqual(await trial.post(receiver, 'next'), { type: 'accepted', seq: 101 })
      },
    },
    {
      title: 'closing waits for the commands under way: they have their outcome, and are there afterwards',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const accepting = Array.from({ length: 50 }, (_, index) => trial.post(receiver, `${index}`))
        await trial.restart()
        const outcomes = await Promise.all(accepting)
        assert.ok(outcomes.every(({ type }) => type === 'accepted'))
        assert.equal((await trial.take(receiver)).length, 50)
      },
    },
    {
      title:
        'a session that was closed rejects every command as unavailable, and closing it again does nothing',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const { session } = trial
        await trial.restart()
        await assert.rejects(session.accept(trial.request(receiver, 'late')), { code: 'store_unavailable' })
        await assert.rejects(session.findReceiver({ token: receiver.token, now: trial.now }), {
          code: 'store_unavailable',
        })
        await session.close()
        assert.deepEqual(await trial.take(receiver), [])
        assert.equal((await trial.post(receiver, 'in time')).type, 'accepted')
      },
    },
    {
      title: 'a fresh store is empty',
      async run(trial) {
        assert.deepEqual(await trial.session.listReceivers({ now: trial.now, limit: 10 }), [])
        assert.deepEqual(await trial.takeOver(), { callbacks: 0, deliveries: 0, runs: 0, receiverIds: [] })
        assert.equal(await trial.session.countDue({ now: trial.now }), 0)
        assert.deepEqual(await trial.claimDeliveries({ originRoom: 10 }), { claimed: [] })
      },
    },
  ],
}
