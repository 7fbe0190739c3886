import assert from 'node:assert/strict'
import { createId } from '../../core/ids.js'
import { type Area, DAY, MINUTE, SECOND, texts } from './trial.js'

/** Who is handed what, in which order. */
export const claiming: Area = {
  title: 'handing out',
  cases: [
    {
      title: 'hands out what was accepted, as it was accepted, for the first time and without failures',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const request = trial.request(receiver, 'a', { deliveryId: 'evt-1', path: '/status', query: 'x=1' })
        await trial.session.accept(request)
        trial.pass(SECOND)
        const callback = await trial.takeOne(receiver)
        const { fence, body, ...rest } = callback
        assert.deepEqual(texts([callback]), ['a'])
        assert.ok(body instanceof Uint8Array)
        assert.ok(fence > 0)
        assert.deepEqual(rest, {
          id: request.callbackId,
          receiverId: receiver.id,
          seq: 1,
          deliveryId: 'evt-1',
          receivedAt: request.now,
          method: 'POST',
          path: '/status',
          query: 'x=1',
          headers: request.headers,
          attempt: 1,
          failures: 0,
          startedAt: trial.now,
          remembers: false,
        })
      },
    },
    {
      title: 'hands out in order of arrival, as many as are asked for, and each to one reader only',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c', 'd')
        const [first, second] = await Promise.all([
          trial.take(receiver, { limit: 2 }),
          trial.take(receiver, { limit: 1, epoch: await trial.join() }),
        ])
        assert.deepEqual([...texts(first), ...texts(second)].sort(), ['a', 'b', 'c'])
        assert.equal(first.length, 2)
        assert.deepEqual(texts(await trial.take(receiver)), ['d'])
        assert.deepEqual(await trial.take(receiver), [])
      },
    },
    {
      title: 'two consumers waiting on one receiver get one callback each',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const handed = await Promise.all([trial.takeOne(receiver), trial.takeOne(receiver)])
        assert.deepEqual([...texts(handed)].sort(), ['a', 'b'])
      },
    },
    {
      title: 'what was given up comes again before anything newer, with its attempt one higher',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c', 'd')
        const [a, b] = await trial.take(receiver, { limit: 3 })
        assert.ok(a && b)
        assert.equal(await trial.release(b), true)
        assert.equal(await trial.release(a), true)
        const again = await trial.take(receiver)
        assert.deepEqual(texts(again), ['a', 'b', 'd'])
        assert.deepEqual(
          again.map(({ attempt, failures }) => ({ attempt, failures })),
          [
            { attempt: 2, failures: 0 },
            { attempt: 2, failures: 0 },
            { attempt: 1, failures: 0 },
          ],
        )
      },
    },
    {
      title:
        'a callback given back uncounted comes again as if it had never been handed out, under a new fence',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const first = await trial.takeOne(receiver)
        assert.equal(await trial.release(first, { as: 'uncounted' }), true)
        const second = await trial.takeOne(receiver)
        assert.deepEqual([second.attempt, second.failures], [1, 0])
        assert.ok(second.fence > first.fence)
      },
    },
    {
      title: 'counts the hand-outs that ended with a failure, and only those',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        await trial.release(await trial.takeOne(receiver), { as: 'failure' })
        await trial.release(await trial.takeOne(receiver), { as: 'counted' })
        await trial.release(await trial.takeOne(receiver), { as: 'uncounted' })
        await trial.release(await trial.takeOne(receiver), { as: 'failure' })
        const last = await trial.takeOne(receiver)
        assert.deepEqual([last.attempt, last.failures], [4, 2])
      },
    },
    {
      title: 'a callback released with a delay is not handed out before, and at that instant it is',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const dueAt = trial.now + MINUTE
        await trial.release(await trial.takeOne(receiver), { as: 'failure', dueAt })
        assert.deepEqual(texts(await trial.take(receiver)), ['b'])
        trial.pass(MINUTE - 1)
        const early = await trial.claim(receiver)
        assert.deepEqual(early.callbacks, [])
        assert.equal(early.lookAgainAt, dueAt)
        trial.pass(1)
        const due = await trial.claim(receiver)
        assert.deepEqual(texts(due.callbacks), ['a'])
        assert.equal(due.lookAgainAt, undefined)
      },
    },
    {
      title: 'what was delayed and is due comes before what is ready, each in order of arrival',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c', 'd', 'e')
        const [a, b, c, d] = await trial.take(receiver, { limit: 4 })
        assert.ok(a && b && c && d)
        await trial.release(d, { dueAt: trial.now + SECOND })
        await trial.release(b, { dueAt: trial.now + 2 * SECOND })
        await trial.release(a)
        await trial.release(c, { dueAt: trial.now + 3 * SECOND })
        trial.pass(2 * SECOND)
        assert.deepEqual(texts(await trial.take(receiver, { limit: 3 })), ['b', 'd', 'a'])
        assert.deepEqual(texts(await trial.take(receiver)), ['e'])
      },
    },
    {
      title:
        'says when to look again: at the end of the next delay, or when the receiver expires, whichever is first',
      async run(trial) {
        const receiver = await trial.spawn('orders', { ttlMs: 2 * MINUTE })
        const expiresAt = trial.now + 2 * MINUTE
        assert.equal((await trial.claim(receiver)).lookAgainAt, expiresAt)
        await trial.fill(receiver, 'a', 'b')
        const [a, b] = await trial.take(receiver)
        assert.ok(a && b)
        await trial.release(a, { dueAt: trial.now + 3 * MINUTE })
        assert.equal((await trial.claim(receiver)).lookAgainAt, expiresAt)
        await trial.release(b, { dueAt: trial.now + MINUTE })
        assert.equal((await trial.claim(receiver)).lookAgainAt, trial.now + MINUTE)
        trial.pass(2 * MINUTE)
        assert.equal((await trial.claim(receiver)).lookAgainAt, trial.now + MINUTE)
      },
    },
    {
      title: 'asks to look again at once when a limit left something due behind',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        for (const callback of await trial.take(receiver)) {
          await trial.release(callback, { dueAt: trial.now + MINUTE })
        }
        trial.pass(DAY)
        const { callbacks, lookAgainAt } = await trial.claim(receiver, { limit: 1 })
        assert.deepEqual(texts(callbacks), ['a'])
        assert.ok(lookAgainAt !== undefined && lookAgainAt <= trial.now)
      },
    },
    {
      title: 'a clock that goes forward and back again neither loses nor repeats what was delayed',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const [a, b] = await trial.take(receiver)
        assert.ok(a && b)
        await trial.release(a, { dueAt: trial.now + MINUTE })
        await trial.release(b, { dueAt: trial.now + 2 * MINUTE })
        trial.pass(DAY)
        await trial.claim(receiver, { limit: 0 })
        trial.pass(-DAY)
        const early = await trial.take(receiver)
        trial.pass(2 * MINUTE)
        assert.deepEqual(texts([...early, ...(await trial.take(receiver))]), ['a', 'b'])
        assert.deepEqual(await trial.take(receiver), [])
      },
    },
    {
      title: 'tells whether anything is unread, in hands or delayed included',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        assert.equal((await trial.claim(receiver)).unread, false)
        await trial.fill(receiver, 'a')
        const { callbacks, unread } = await trial.claim(receiver)
        assert.equal(unread, true)
        const [callback] = callbacks
        assert.ok(callback)
        assert.equal((await trial.claim(receiver)).unread, true)
        await trial.release(callback, { dueAt: trial.now + MINUTE })
        assert.equal((await trial.claim(receiver)).unread, true)
        trial.pass(MINUTE)
        await trial.acknowledge(await trial.takeOne(receiver))
        assert.equal((await trial.claim(receiver)).unread, false)
      },
    },
    {
      title: 'tells the state of the receiver, and hands out of an ended one what nobody has read',
      async run(trial) {
        const closed = await trial.spawn('closed')
        const expired = await trial.spawn('expired', { ttlMs: MINUTE })
        await trial.fill(closed, 'a')
        await trial.fill(expired, 'b')
        assert.equal((await trial.claim(closed, { limit: 0 })).state, 'open')
        await trial.close(closed)
        trial.pass(MINUTE)
        const ofClosed = await trial.claim(closed)
        assert.deepEqual([ofClosed.state, texts(ofClosed.callbacks)], ['closed', ['a']])
        const ofExpired = await trial.claim(expired)
        assert.deepEqual([ofExpired.state, texts(ofExpired.callbacks)], ['expired', ['b']])
      },
    },
    {
      title: 'a receiver that is not there has nothing to read and counts as closed',
      async run(trial) {
        const receiver = { ...(await trial.spawn('orders')), id: createId('rcv', trial.now) }
        const nothing = { callbacks: [], ungrouped: [], state: 'closed', unread: false }
        assert.deepEqual(await trial.claim(receiver), nothing)
      },
    },
    {
      title: 'a mailbox with thousands of delayed callbacks hands out in order all the same',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const count = 2_000
        await Promise.all(Array.from({ length: count }, (_, index) => trial.post(receiver, `${index}`)))
        const taken = await trial.take(receiver, { limit: count })
        assert.equal(taken.length, count)
        const dueAt = (index: number) => trial.now + MINUTE + ((index * 7919) % count)
        await Promise.all(taken.map((callback, index) => trial.release(callback, { dueAt: dueAt(index) })))
        trial.pass(MINUTE + count / 2)
        const due = await trial.take(receiver, { limit: count })
        assert.deepEqual(
          due.map(({ seq }) => seq),
          due.map(({ seq }) => seq).sort((a, b) => a - b),
        )
        assert.equal(due.length, 1_001)
        trial.pass(DAY)
        assert.equal((await trial.take(receiver, { limit: count })).length, count - 1_001)
      },
    },
  ],
}
