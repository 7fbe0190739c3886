import assert from 'node:assert/strict'
import { EnteredCallback, enterCallback, handle } from './entered-callback.js'
import { APP, endOf, placeAt, textOf, value } from './entered-scope.js'
import { NOTHING_SWEPT, sweepAll } from './sweeps.js'
import { type Area, DAY, HOUR, LEASE, MINUTE, SECOND, type Trial, texts } from './trial.js'

/** The scope of a callback: from the first thing it remembers until the callback is acknowledged or discarded. */
export const handling: Area = {
  title: 'scopes of callbacks',
  cases: [
    {
      title: 'a callback that comes again remembers what was done for it, however its hand-out ended',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'order')
        let scope = await handle(trial, receiver)
        assert.equal(scope.callback.remembers, false)
        await scope.remember('book', 'booked')
        const reply = await scope.spawn('reply')
        await trial.fill(reply, 'yes')
        const answer = await scope.read('reply', reply)
        const memories = await scope.memories()
        const ends: readonly (() => Promise<unknown>)[] = [
          () => trial.release(scope.callback),
          () => trial.release(scope.callback, { as: 'uncounted' }),
          () => trial.release(scope.callback, { as: 'failure' }),
          () => trial.leave(scope.epoch),
          async () => trial.pass(2_000 * DAY),
          async () => {
            await trial.leave(scope.epoch)
            await trial.restart()
          },
          async () => {
            await trial.giveUp(scope.callback)
            await retry(trial, scope)
          },
        ]
        for (const end of ends) {
          await end()
          trial.epoch = await trial.join({ leaseMs: 1_000 * DAY })
          await trial.takeOver()
          scope = await handle(trial, receiver)
          assert.equal(scope.callback.remembers, true)
          assert.deepEqual(await scope.memories(), memories)
          assert.deepEqual(await scope.read('reply', reply), answer)
        }
        assert.equal((await trial.post(reply, 'more')).type, 'accepted')
      },
    },
    {
      title: 'a callback of which nothing is remembered says so, whatever looked and found nothing',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        const [a, b] = await trial.take(receiver)
        assert.ok(a && b)
        const scope = new EnteredCallback(trial, b)
        await scope.spawn('reply')
        for (const callback of [a, b]) await trial.release(callback)
        const again = await trial.take(receiver)
        assert.deepEqual(
          again.map(({ remembers }) => remembers),
          [false, true],
        )
      },
    },
    {
      title: 'it began when it was handed out first, however often and for whatever reason it comes again',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'order')
        trial.pass(HOUR)
        const { now } = trial
        let callback = await trial.takeOne(receiver)
        const ends: readonly (() => Promise<unknown>)[] = [
          () => trial.release(callback),
          () => trial.release(callback, { as: 'uncounted' }),
          () => trial.release(callback, { as: 'failure', dueAt: trial.now + SECOND }),
          async () => {
            await trial.leave()
            await trial.restart()
          },
          async () => trial.pass(2_000 * DAY),
          async () => {
            await trial.giveUp(callback)
            await retry(trial, { callback })
          },
        ]
        assert.equal(callback.startedAt, now)
        for (const end of ends) {
          await end()
          trial.pass(MINUTE)
          trial.epoch = await trial.join({ leaseMs: 1_000 * DAY })
          await trial.takeOver()
          callback = await trial.takeOne(receiver)
          assert.equal(callback.startedAt, now)
        }
      },
    },
    {
      title: 'acknowledging ends its scope: nothing is remembered, and its receivers close',
      async run(trial) {
        const scope = await enterCallback(trial)
        await scope.remember('book', 'booked')
        const reply = await scope.spawn('reply')
        await trial.fill(reply, 'read', 'unread')
        await scope.read('reply', reply)
        const deliveryId = await scope.send('notify')
        assert.equal(await scope.acknowledge(), true)
        assert.deepEqual(await scope.memories(), [])
        assert.deepEqual(await trial.post(reply, 'late'), { type: 'ended', state: 'closed' })
        assert.equal((await trial.takeDelivery(APP)).delivery.id, deliveryId)
        assert.deepEqual((await trial.sweep()).ended, [{ receiverId: reply.id, unread: 1 }])
        assert.deepEqual(await trial.sweep(), NOTHING_SWEPT)
      },
    },
    {
      title: 'acknowledging many at once ends the scope of each whose claim still holds',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c')
        const scopes = (await trial.take(receiver)).map(callback => new EnteredCallback(trial, callback))
        const replies = await Promise.all(scopes.map(scope => scope.spawn('reply')))
        const [a, b, c] = scopes
        assert.ok(a && b && c)
        await trial.release(b.callback)
        const claims = scopes.map(({ callback }) => trial.toClaim(callback))
        const { done } = await trial.session.acknowledge({ claims, now: trial.now })
        assert.deepEqual(done, [true, false, true])
        const states = await Promise.all(replies.map(({ token }) => trial.find(token)))
        assert.deepEqual(
          states.map(({ state }) => state),
          ['closed', 'open', 'closed'],
        )
      },
    },
    {
      title: 'a callback that was set aside keeps its scope, until it is discarded',
      async run(trial) {
        const scope = await enterCallback(trial)
        const reply = await scope.spawn('reply')
        await trial.giveUp(scope.callback)
        assert.equal((await scope.memories()).length, 1)
        assert.equal((await trial.post(reply, 'late')).type, 'accepted')
        const { receiverId, id: callbackId } = scope.callback
        await trial.session.discardFailed({ receiverId, callbackId, now: trial.now })
        assert.deepEqual(await scope.memories(), [])
        assert.deepEqual(await trial.post(reply, 'late'), { type: 'ended', state: 'closed' })
        assert.deepEqual((await trial.sweep()).ended, [{ receiverId: reply.id, unread: 1 }])
      },
    },
    {
      title: 'what is done for a callback that was read from a receiver of a scope is remembered beside it',
      async run(trial) {
        const scope = await enterCallback(trial)
        const reply = await scope.spawn('reply')
        await trial.fill(reply, 'one', 'two')
        const parts: string[] = []
        for (const n of [1, 2]) {
          const end = endOf(await scope.read(placeAt('reply', n), reply))
          assert.equal(end.type, 'callback')
          parts.push(end.callback.id)
          await scope.remember(placeAt('book', 0, end.callback.id), `booked ${n}`)
        }
        const [one, two] = parts
        const nested = await scope.spawn(placeAt('reply', 0, one))
        await trial.fill(nested, 'nested')
        assert.equal(textOf(await scope.read(placeAt('reply', 1, one), nested)), 'nested')
        await trial.release(scope.callback)
        const again = new EnteredCallback(
          trial,
          await trial.takeOne({ ...reply, id: scope.callback.receiverId }),
        )
        const booked = await again.remember(placeAt('book', 0, two), 'again')
        assert.deepEqual(booked, { type: 'remembered', memory: { verb: 'step', result: value('booked 2') } })
        assert.equal(textOf(await again.read(placeAt('reply', 1, one), nested)), 'nested')
        await again.acknowledge()
        assert.deepEqual(await again.memories(), [])
        assert.equal((await trial.find(nested.token)).state, 'closed')
      },
    },
    {
      title: 'a callback whose scope waits through a hundred orderly restarts is not set aside',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'patient')
        const deadlineAt = trial.now + 100 * DAY
        for (let day = 0; day < 100; day += 1) {
          const scope = await handle(trial, receiver)
          assert.equal(scope.callback.attempt, 1)
          assert.equal((await scope.sleep('sleep', deadlineAt)).type, 'waiting')
          await trial.leave()
          trial.pass(DAY)
          if (day % 20 === 0) await trial.restart()
          else trial.epoch = await trial.join({ leaseMs: 1_000 * DAY })
          await trial.takeOver({ maxCrashes: 3 })
        }
        const scope = await handle(trial, receiver)
        assert.deepEqual(endOf(await scope.sleep('sleep', deadlineAt)), { type: 'timed_out' })
      },
    },
    {
      title:
        'a callback that kills its process again and again is set aside only if nothing new was remembered',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'order')
        const crash = async (work: (scope: EnteredCallback) => Promise<unknown>) => {
          const epoch = await trial.join()
          await work(await handle(trial, receiver, { epoch }))
          trial.pass(LEASE)
          await trial.takeOver({ maxCrashes: 3 })
        }
        const writes: readonly ((scope: EnteredCallback) => Promise<unknown>)[] = [
          scope => scope.remember('book', 'booked'),
          scope => scope.spawn('reply'),
          scope => scope.send('notify'),
          scope => scope.exchange('ask'),
          scope => scope.sleep('sleep', trial.now + HOUR),
        ]
        for (const write of writes) {
          await crash(async () => {})
          await crash(write)
        }
        assert.deepEqual(await trial.failedOf(receiver), [])
        await crash(async scope => assert.equal((await scope.sleep('sleep', 0)).type, 'waiting'))
        assert.deepEqual(await trial.failedOf(receiver), [])
        await crash(async scope => scope.remember('book', 'again'))
        assert.deepEqual(await trial.failedOf(receiver), ['order'])
      },
    },
    {
      title: 'a callback that is delayed for longer than every retention goes on where it was',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'order')
        const scope = await handle(trial, receiver)
        const reply = await scope.spawn('reply', { ttlMs: HOUR })
        await trial.fill(reply, 'read', 'unread')
        const read = await scope.read('reply', reply)
        const deliveryId = await scope.send('notify')
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        await trial.release(scope.callback, { dueAt: trial.now + 300 * DAY })
        trial.pass(300 * DAY)
        const told = await sweepAll(trial)
        assert.deepEqual(told.flatMap(({ dropped }) => dropped).length, 0)
        const again = await handle(trial, receiver)
        assert.deepEqual(texts([again.callback]), ['order'])
        assert.deepEqual(await again.read('reply', reply), read)
        assert.equal(textOf(await again.read(placeAt('reply', 2), reply)), 'unread')
        assert.equal(await again.send('notify'), deliveryId)
        assert.equal((await trial.session.findDelivery({ deliveryId }))?.status, 'delivered')
      },
    },
  ],
}

async function retry(trial: Trial, { callback }: Pick<EnteredCallback, 'callback'>): Promise<void> {
  const { receiverId, id: callbackId } = callback
  assert.equal(await trial.session.retryFailed({ receiverId, callbackId, now: trial.now }), true)
}
