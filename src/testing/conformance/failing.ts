import assert from 'node:assert/strict'
import { createId } from '../../core/ids.js'
import { type Area, DAY, MINUTE, type Trial, texts } from './trial.js'

/** Callbacks that are set aside, and what can be done about them. */
export const failing: Area = {
  title: 'setting aside',
  cases: [
    {
      title:
        'a callback that is given up is among the failed, with its reason and error, and never comes again by itself',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        await trial.release(await trial.takeOne(receiver), { as: 'failure' })
        const callback = await trial.takeOne(receiver)
        assert.equal(await trial.giveUp(callback, { reason: 'schema' }), true)
        const { failures: _, fence: __, startedAt: ___, remembers: ____, ...record } = callback
        assert.deepEqual(await trial.session.listFailed({ receiverId: receiver.id, limit: 10 }), [
          {
            ...record,
            attempt: 2,
            reason: 'schema',
            error: { name: 'Error', message: 'it does not work', stack: '    at handler' },
          },
        ])
        trial.pass(DAY)
        assert.deepEqual(texts(await trial.take(receiver)), ['b'])
      },
    },
    {
      title: 'keeps the error as it was: without a stack, empty, or with characters of any kind',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        const errors = [
          { name: 'TypeError', message: '' },
          { name: 'Error', message: 'größer als "5" \\ 😀\n\t', stack: '    at a\n    at b' },
        ]
        for (const [index, error] of errors.entries()) {
          await trial.fill(receiver, `${index}`)
          const claim = trial.toClaim(await trial.takeOne(receiver))
          await trial.session.giveUp({ claim, now: trial.now, reason: 'handler', error })
        }
        const failed = await trial.session.listFailed({ receiverId: receiver.id, limit: 10 })
        assert.deepEqual(
          failed.map(({ error }) => error),
          errors,
        )
      },
    },
    {
      title: 'lists the failed in pages, in order of arrival, whatever order they failed in',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b', 'c', 'd', 'e')
        const taken = await trial.take(receiver)
        for (const index of [3, 0, 4, 1, 2]) {
          const callback = taken[index]
          assert.ok(callback)
          await trial.giveUp(callback)
        }
        const page = (after?: number) =>
          trial.session.listFailed({
            receiverId: receiver.id,
            limit: 2,
            ...(after === undefined ? {} : { after }),
          })
        const first = await page()
        assert.deepEqual(texts(first), ['a', 'b'])
        const second = await page(first.at(-1)?.seq)
        assert.deepEqual(texts(second), ['c', 'd'])
        assert.deepEqual(texts(await page(second.at(-1)?.seq)), ['e'])
        assert.deepEqual(await page(5), [])
      },
    },
    {
      title: 'lists of each receiver its own failed callbacks, and of nobody none',
      async run(trial) {
        const [one, other] = [await trial.spawn('one'), await trial.spawn('other')]
        await trial.fill(one, 'a')
        await trial.fill(other, 'b')
        await trial.giveUp(await trial.takeOne(one))
        assert.deepEqual(await trial.failedOf(one), ['a'])
        assert.deepEqual(await trial.failedOf(other), [])
        assert.deepEqual(await trial.session.listFailed({ receiverId: 'rcv_nobody', limit: 10 }), [])
      },
    },
    {
      title:
        'a retried callback comes again before anything newer, its failures forgotten and its attempts counted on',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a', 'b')
        await trial.release(await trial.takeOne(receiver), { as: 'failure' })
        const before = await trial.takeOne(receiver)
        await trial.giveUp(before)
        assert.equal(await retry(trial, before), true)
        assert.deepEqual(await trial.failedOf(receiver), [])
        const again = await trial.takeOne(receiver)
        assert.deepEqual([texts([again]), again.attempt, again.failures], [['a'], 3, 0])
        assert.equal(await trial.acknowledge(before), false)
        assert.equal(await trial.acknowledge(again), true)
      },
    },
    {
      title: 'a discarded callback is gone for good',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const callback = await trial.takeOne(receiver)
        await trial.giveUp(callback)
        assert.equal(await discard(trial, callback), true)
        assert.equal(await discard(trial, callback), false)
        assert.equal(await retry(trial, callback), false)
        assert.deepEqual(await trial.failedOf(receiver), [])
        assert.deepEqual(await trial.take(receiver), [])
      },
    },
    {
      title: 'only what is among the failed of that receiver can be retried or discarded',
      async run(trial) {
        const [receiver, other] = [await trial.spawn('orders'), await trial.spawn('other')]
        await trial.fill(receiver, 'ready', 'held', 'failed')
        const [ready, held, failed] = await trial.take(receiver)
        assert.ok(ready && held && failed)
        await trial.release(ready)
        await trial.giveUp(failed)
        const elsewhere = { ...failed, receiverId: other.id }
        const nowhere = { ...failed, id: createId('cb', trial.now) }
        for (const callback of [ready, held, elsewhere, nowhere]) {
          assert.equal(await retry(trial, callback), false)
          assert.equal(await discard(trial, callback), false)
        }
        assert.deepEqual(await trial.failedOf(receiver), ['failed'])
        assert.equal(await retry(trial, failed), true)
        assert.equal(await retry(trial, failed), false)
      },
    },
    {
      title: 'what failed in a receiver that has ended since can still be retried and read',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        const callback = await trial.takeOne(receiver)
        await trial.giveUp(callback)
        assert.deepEqual(await trial.close(receiver), [])
        trial.pass(MINUTE)
        assert.equal(await retry(trial, callback), true)
        const outcome = await trial.claim(receiver)
        assert.deepEqual([texts(outcome.callbacks), outcome.state], [['a'], 'closed'])
      },
    },
    {
      title: 'failed callbacks survive a restart',
      async run(trial) {
        const receiver = await trial.spawn('orders')
        await trial.fill(receiver, 'a')
        await trial.giveUp(await trial.takeOne(receiver))
        await trial.restart()
        await trial.takeOver()
        assert.deepEqual(await trial.failedOf(receiver), ['a'])
        assert.deepEqual(await trial.take(receiver), [])
      },
    },
  ],
}

interface Named {
  readonly id: string
  readonly receiverId: string
}

function retry(trial: Trial, { id, receiverId }: Named): Promise<boolean> {
  return trial.session.retryFailed({ receiverId, callbackId: id, now: trial.now })
}

function discard(trial: Trial, { id, receiverId }: Named): Promise<boolean> {
  return trial.session.discardFailed({ receiverId, callbackId: id, now: trial.now })
}
