import assert from 'node:assert/strict'
import type { CallbackRecord } from '../../model/callback.js'
import type { ReceiverRecord } from '../../model/receiver.js'
import type { ClaimInput } from '../../store/receiving.js'
import { type Area, MINUTE, SECOND, type Trial, texts } from './trial.js'

/** What a reader in groups does: asks, names the groups of what it is shown, and asks again. The group is the letter. */
async function takeGrouped(
  trial: Trial,
  receiver: ReceiverRecord,
  { limit = 100, ...changes }: Partial<ClaimInput> = {},
): Promise<Awaited<ReturnType<Trial['take']>>> {
  const ask = { limit, ordered: true, ...changes }
  let outcome = await trial.claim(receiver, ask)
  let found = outcome.callbacks
  while (outcome.ungrouped.length > 0 && found.length < limit) {
    const groups = toGroups(outcome.ungrouped)
    outcome = await trial.claim(receiver, { ...ask, limit: limit - found.length, groups })
    found = [...found, ...outcome.callbacks]
  }
  return found
}

function toGroups(
  callbacks: readonly CallbackRecord[],
): { readonly callbackId: string; readonly group: string }[] {
  return callbacks.map(callback => ({
    callbackId: callback.id,
    group: (texts([callback])[0] ?? '').charAt(0),
  }))
}

/** One callback of a group at a time, for all readers together. */
export const grouping: Area = {
  title: 'ordering by group',
  cases: [
    {
      title: 'hands out one callback of each group, and the next when it was handled',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2', 'b1', 'a3', 'b2')
        const [a1, b1, ...more] = await takeGrouped(trial, receiver)
        assert.ok(a1 && b1)
        assert.deepEqual(texts([a1, b1, ...more]), ['a1', 'b1'])
        assert.deepEqual(await takeGrouped(trial, receiver), [])
        await trial.acknowledge(a1)
        assert.deepEqual(texts(await takeGrouped(trial, receiver)), ['a2'])
        await trial.acknowledge(b1)
        assert.deepEqual(texts(await takeGrouped(trial, receiver)), ['b2'])
      },
    },
    {
      title: 'keeps the order of arrival within each group to the end',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'b1', 'a2', 'c1', 'a3', 'b2', 'c2', 'b3', 'a4')
        const handled: string[] = []
        for (;;) {
          const [callback] = await takeGrouped(trial, receiver, { limit: 1 })
          if (callback === undefined) break
          handled.push(...texts([callback]))
          await trial.acknowledge(callback)
        }
        assert.equal(handled.length, 9)
        for (const group of ['a', 'b', 'c']) {
          const ofGroup = handled.filter(text => text.startsWith(group))
          assert.deepEqual(ofGroup, [...ofGroup].sort())
        }
      },
    },
    {
      title: 'shows what has no group yet in order of arrival, as many as are missing, and takes none of it',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'b1', 'c1', 'd1', 'e1')
        const first = await trial.claim(receiver, { ordered: true, limit: 2 })
        assert.deepEqual([texts(first.callbacks), texts(first.ungrouped)], [[], ['a1', 'b1']])
        const again = await trial.claim(receiver, { ordered: true, limit: 3 })
        assert.deepEqual(texts(again.ungrouped), ['a1', 'b1', 'c1'])
        const groups = toGroups(again.ungrouped.slice(0, 1))
        const named = await trial.claim(receiver, { ordered: true, limit: 3, groups })
        assert.deepEqual([texts(named.callbacks), texts(named.ungrouped)], [['a1'], ['b1', 'c1']])
      },
    },
    {
      title: 'shows the next page of what has no group when a page brought nothing to take',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', ...Array.from({ length: 25 }, (_, index) => `a${index + 2}`), 'b1')
        assert.deepEqual(texts(await takeGrouped(trial, receiver, { limit: 1 })), ['a1'])
        assert.deepEqual(texts(await takeGrouped(trial, receiver, { limit: 1 })), ['b1'])
      },
    },
    {
      title: 'a group, once given, stays',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2')
        const { ungrouped } = await trial.claim(receiver, { ordered: true })
        const [a1] = await trial.take(receiver, { ordered: true, groups: toGroups(ungrouped) })
        assert.ok(a1)
        const renamed = ungrouped.map(({ id }) => ({ callbackId: id, group: id }))
        assert.deepEqual(await trial.take(receiver, { ordered: true, groups: renamed }), [])
        await trial.restart()
        await trial.takeOver()
        assert.deepEqual(texts(await trial.take(receiver, { ordered: true, groups: renamed })), ['a1'])
      },
    },
    {
      title: 'the same groups named by two readers at the same moment hand out each callback once',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2', 'b1')
        const { ungrouped } = await trial.claim(receiver, { ordered: true })
        const ask = { ordered: true, groups: toGroups(ungrouped) }
        const both = await Promise.all([trial.take(receiver, ask), trial.take(receiver, ask)])
        assert.deepEqual(both.flatMap(texts).sort(), ['a1', 'b1'])
      },
    },
    {
      title: 'names of callbacks that are in hand, elsewhere or nowhere are not heeded',
      async run(trial) {
        const [receiver, other] = [await trial.spawn('orders'), await trial.spawn('other')]
        await trial.fill(receiver, 'a1', 'a2')
        await trial.fill(other, 'x1')
        const held = await trial.takeOne(receiver)
        const { ungrouped } = await trial.claim(other, { ordered: true })
        const groups = [...toGroups([held, ...ungrouped]), { callbackId: 'cb_nobody', group: 'n' }]
        await trial.claim(receiver, { ordered: true, groups })
        assert.deepEqual(texts((await trial.claim(other, { ordered: true })).ungrouped), ['x1'])
        await trial.release(held)
        assert.deepEqual(texts((await trial.claim(receiver, { ordered: true })).ungrouped), ['a1', 'a2'])
      },
    },
    {
      title: 'a delayed callback holds up its own group only, and goes first when it is due',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2', 'b1', 'b2')
        const [a1, b1] = await takeGrouped(trial, receiver)
        assert.ok(a1 && b1)
        await trial.release(a1, { as: 'failure', dueAt: trial.now + MINUTE })
        await trial.acknowledge(b1)
        const [b2, ...others] = await takeGrouped(trial, receiver)
        assert.ok(b2)
        assert.deepEqual(texts([b2, ...others]), ['b2'])
        await trial.acknowledge(b2)
        assert.deepEqual(await takeGrouped(trial, receiver), [])
        trial.pass(MINUTE)
        const [again] = await takeGrouped(trial, receiver)
        assert.ok(again)
        assert.deepEqual([texts([again]), again.failures], [['a1'], 1])
        await trial.acknowledge(again)
        assert.deepEqual(texts(await takeGrouped(trial, receiver)), ['a2'])
      },
    },
    {
      title: 'a callback that is given back stays the first of its group',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2')
        const [a1] = await takeGrouped(trial, receiver)
        assert.ok(a1)
        let held = a1
        for (const as of ['counted', 'uncounted', 'failure'] as const) {
          await trial.release(held, { as })
          const again = await takeGrouped(trial, receiver)
          assert.deepEqual(texts(again), ['a1'])
          held = again[0] ?? held
        }
      },
    },
    {
      title: 'the next of a group follows one that was given up, and says so by its receiver',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2', 'a3')
        const [a1] = await takeGrouped(trial, receiver)
        assert.ok(a1)
        await trial.giveUp(a1)
        const [a2] = await takeGrouped(trial, receiver)
        assert.ok(a2)
        assert.deepEqual(texts([a2]), ['a2'])
        const outcome = await trial.session.acknowledge({ claims: [trial.toClaim(a2)], now: trial.now })
        assert.deepEqual(outcome, { done: [true], receiverIds: [receiver.id] })
      },
    },
    {
      title:
        'a failed callback that is retried while its group is busy waits for its turn, before anything newer',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2', 'a3')
        const [a1] = await takeGrouped(trial, receiver)
        assert.ok(a1)
        await trial.giveUp(a1)
        const [a2] = await takeGrouped(trial, receiver)
        assert.ok(a2)
        const retried = { receiverId: receiver.id, callbackId: a1.id, now: trial.now }
        assert.equal(await trial.session.retryFailed(retried), true)
        assert.deepEqual(await takeGrouped(trial, receiver), [])
        await trial.acknowledge(a2)
        const [again] = await takeGrouped(trial, receiver)
        assert.ok(again)
        assert.deepEqual(texts([again]), ['a1'])
        await trial.acknowledge(again)
        assert.deepEqual(texts(await takeGrouped(trial, receiver)), ['a3'])
      },
    },
    {
      title: 'a failed callback that is retried goes before a newer one of its group that nobody has in hand',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2', 'a3')
        const [a1] = await takeGrouped(trial, receiver)
        assert.ok(a1)
        await trial.giveUp(a1)
        await trial.session.retryFailed({ receiverId: receiver.id, callbackId: a1.id, now: trial.now })
        const [again] = await takeGrouped(trial, receiver)
        assert.ok(again)
        assert.deepEqual(texts([again]), ['a1'])
        await trial.acknowledge(again)
        assert.deepEqual(texts(await takeGrouped(trial, receiver)), ['a2'])
      },
    },
    {
      title:
        'an older callback that is named late goes before a newer one of its group that nobody has in hand',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2')
        const held = await trial.takeOne(receiver)
        const { ungrouped } = await trial.claim(receiver, { ordered: true })
        await trial.claim(receiver, { ordered: true, limit: 0, groups: toGroups(ungrouped) })
        await trial.release(held)
        const shown = await trial.claim(receiver, { ordered: true, limit: 0 })
        assert.deepEqual(shown.callbacks, [])
        const named = await trial.take(receiver, { ordered: true, groups: toGroups([held]) })
        assert.deepEqual(texts(named), ['a1'])
      },
    },
    {
      title: 'readers without groups keep to the groups that were given, and take the rest as it comes',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2', 'b1')
        const [a1, b1] = await takeGrouped(trial, receiver)
        assert.ok(a1 && b1)
        await trial.fill(receiver, 'a3', 'c1')
        assert.deepEqual(texts(await trial.take(receiver)), ['a3', 'c1'])
        await trial.release(b1)
        assert.deepEqual(texts(await trial.take(receiver)), ['b1'])
        await trial.acknowledge(a1)
        assert.deepEqual(texts(await trial.take(receiver)), ['a2'])
      },
    },
    {
      title: 'a queued callback is unread: it counts against the capacity and is listed by close',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2', 'a3')
        await takeGrouped(trial, receiver)
        assert.equal((await trial.post(receiver, 'a4', { capacity: 3 })).type, 'full')
        assert.equal(await trial.unreadOf(receiver), 3)
        assert.deepEqual(texts(await trial.close(receiver)), ['a1', 'a2', 'a3'])
        assert.equal((await trial.claim(receiver, { ordered: true })).unread, true)
      },
    },
    {
      title: 'equal groups of different receivers do not hinder each other',
      async run(trial) {
        const [one, other] = [await trial.spawn('one'), await trial.spawn('other')]
        await trial.fill(one, 'a1', 'a2')
        await trial.fill(other, 'a1', 'a2')
        assert.deepEqual(texts(await takeGrouped(trial, one)), ['a1'])
        assert.deepEqual(texts(await takeGrouped(trial, other)), ['a1'])
      },
    },
    {
      title: 'the first of a group that its node lost goes before the rest of the group again',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2')
        const epoch = await trial.join()
        assert.deepEqual(texts(await takeGrouped(trial, receiver, { epoch })), ['a1'])
        trial.pass(20 * SECOND)
        await trial.takeOver()
        const [a1] = await takeGrouped(trial, receiver)
        assert.ok(a1)
        assert.deepEqual([texts([a1]), a1.attempt], [['a1'], 2])
      },
    },
    {
      title: 'the next of a group follows one that was set aside for its crashes',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a1', 'a2')
        const epoch = await trial.join()
        await takeGrouped(trial, receiver, { epoch })
        trial.pass(20 * SECOND)
        const taken = await trial.takeOver({ maxCrashes: 1 })
        assert.deepEqual(taken.receiverIds, [receiver.id])
        assert.deepEqual(texts(await takeGrouped(trial, receiver)), ['a2'])
      },
    },
  ],
}
