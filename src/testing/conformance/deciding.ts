import assert from 'node:assert/strict'
import { enterReading, reenter } from './entered-run.js'
import { endOf, placeAt, textOf } from './entered-scope.js'
import { type Area, DAY, HOUR, MINUTE } from './trial.js'

const TIMED_OUT = { type: 'ended', end: { type: 'timed_out' } } as const

/** How a wait ends, which is decided once. */
export const deciding: Area = {
  title: 'deciding waits',
  cases: [
    {
      title: 'a read takes the oldest unread callback, as it was accepted, and the n-th read has the n-th',
      async run(trial) {
        const { scope, receiver } = await enterReading(trial)
        const request = trial.request(receiver, 'a', { deliveryId: 'evt-1', path: '/status', query: 'x=1' })
        await trial.session.accept(request)
        await trial.fill(receiver, 'b', 'c')
        trial.pass(MINUTE)
        const end = endOf(await scope.read('reply', receiver))
        assert.equal(end.type, 'callback')
        const { body, ...record } = end.callback
        assert.equal(Buffer.from(body).toString(), 'a')
        assert.deepEqual(record, {
          id: request.callbackId,
          receiverId: receiver.id,
          seq: 1,
          deliveryId: 'evt-1',
          receivedAt: request.now,
          method: 'POST',
          path: '/status',
          query: 'x=1',
          headers: request.headers,
        })
        assert.equal(textOf(await scope.read(placeAt('reply', 2), receiver)), 'b')
        assert.equal(textOf(await scope.read(placeAt('reply', 3), receiver)), 'c')
        assert.equal((await scope.read(placeAt('reply', 4), receiver)).type, 'waiting')
      },
    },
    {
      title: 'what was read is read again as the same, in every later entry',
      async run(trial) {
        const { scope, receiver } = await enterReading(trial)
        await trial.fill(receiver, 'a', 'b')
        const first = await scope.read('reply', receiver)
        assert.equal(textOf(first), 'a')
        assert.deepEqual(await scope.read('reply', receiver), first)
        await trial.leave()
        await trial.restart()
        const again = await reenter(trial, scope.id)
        assert.deepEqual(again.memory, await again.recall())
        assert.deepEqual(await again.endAt(placeAt('reply', 1)), endOf(first))
        assert.deepEqual(await again.read('reply', receiver), first)
        assert.equal(textOf(await again.read(placeAt('reply', 2), receiver)), 'b')
      },
    },
    {
      title: 'two looks at the same moment take two callbacks for two waits, and one for one',
      async run(trial) {
        const { scope, receiver } = await enterReading(trial)
        await trial.fill(receiver, 'a', 'b', 'c')
        const looks = await Promise.all([1, 1, 2].map(n => scope.read(placeAt('reply', n), receiver)))
        assert.deepEqual(looks.map(textOf), ['a', 'a', 'b'])
        assert.equal(await trial.unreadOf(receiver), 1)
      },
    },
    {
      title: 'a callback that is there goes before the deadline, also when that has passed',
      async run(trial) {
        const { scope, receiver } = await enterReading(trial)
        await scope.read('reply', receiver, { deadlineAt: trial.now + MINUTE })
        trial.pass(MINUTE - 1)
        await trial.fill(receiver, 'before')
        trial.pass(DAY)
        assert.equal(textOf(await scope.read('reply', receiver)), 'before')
        await scope.read(placeAt('reply', 2), receiver, { deadlineAt: trial.now + MINUTE })
        trial.pass(DAY)
        await trial.fill(receiver, 'after')
        assert.equal(textOf(await scope.read(placeAt('reply', 2), receiver)), 'after')
      },
    },
    {
      title: 'a wait times out at its deadline and not before, and with none left looks once',
      async run(trial) {
        const { scope, receiver } = await enterReading(trial)
        const deadlineAt = trial.now + MINUTE
        assert.equal((await scope.read('reply', receiver, { deadlineAt })).type, 'waiting')
        trial.pass(MINUTE - 1)
        assert.equal((await scope.read('reply', receiver)).type, 'waiting')
        trial.pass(1)
        assert.deepEqual(await scope.read('reply', receiver), TIMED_OUT)
        assert.deepEqual(
          await scope.read(placeAt('reply', 2), receiver, { deadlineAt: trial.now }),
          TIMED_OUT,
        )
        await trial.fill(receiver, 'a')
        assert.equal(textOf(await scope.read(placeAt('reply', 3), receiver, { deadlineAt: trial.now })), 'a')
      },
    },
    {
      title:
        'a wait that timed out times out again on re-entry, though the callback has come, which the next has',
      async run(trial) {
        const { scope, receiver } = await enterReading(trial)
        await scope.read('reply', receiver, { deadlineAt: trial.now })
        await trial.fill(receiver, 'late')
        assert.deepEqual(await scope.read('reply', receiver), TIMED_OUT)
        await scope.release()
        const again = await reenter(trial, scope.id)
        assert.deepEqual(await again.read('reply', receiver, { deadlineAt: trial.now + DAY }), TIMED_OUT)
        assert.equal(await trial.unreadOf(receiver), 1)
        assert.equal(textOf(await again.read(placeAt('reply', 2), receiver)), 'late')
      },
    },
    {
      title: 'a deadline is fixed by the first look that brings one, whatever later ones bring',
      async run(trial) {
        const { scope, receiver } = await enterReading(trial)
        const deadlineAt = trial.now + HOUR
        assert.equal((await scope.read('reply', receiver)).type, 'waiting')
        const fixed = { type: 'waiting', deadlineAt, lookAgainAt: deadlineAt }
        assert.deepEqual(await scope.read('reply', receiver, { deadlineAt }), fixed)
        for (const other of [trial.now, trial.now + MINUTE, trial.now + DAY]) {
          assert.deepEqual(await scope.read('reply', receiver, { deadlineAt: other }), fixed)
        }
        assert.deepEqual(await scope.memoryAt(placeAt('reply', 1)), { verb: 'wait', deadlineAt })
        await scope.release()
        const again = await reenter(trial, scope.id)
        trial.pass(HOUR - 1)
        assert.deepEqual(await again.read('reply', receiver, { deadlineAt: trial.now + DAY }), fixed)
        trial.pass(1)
        assert.deepEqual(await again.read('reply', receiver, { deadlineAt: trial.now + DAY }), TIMED_OUT)
      },
    },
    {
      title:
        'a wait of three days that is restarted every day ends after three days; a sleep of thirty does not end at once',
      async run(trial) {
        const begun = await enterReading(trial)
        const { receiver } = begun
        let { scope } = begun
        const types: string[] = []
        for (let day = 0; day <= 3; day += 1) {
          const wait = await scope.read('reply', receiver, { deadlineAt: trial.now + 3 * DAY })
          const sleep = await scope.sleep('sleep', trial.now + 30 * DAY)
          types.push(`${wait.type} ${sleep.type}`)
          trial.pass(DAY)
          await trial.leave()
          await trial.restart()
          scope = await reenter(trial, scope.id)
        }
        assert.deepEqual(types, ['waiting waiting', 'waiting waiting', 'waiting waiting', 'ended waiting'])
        trial.pass(26 * DAY)
        assert.deepEqual(await scope.sleep('sleep', trial.now + 30 * DAY), TIMED_OUT)
      },
    },
    {
      title: 'a deadline that nobody looked at for long has passed, and one set back by the clock has not',
      async run(trial) {
        const { scope } = await enterReading(trial)
        const deadlineAt = trial.now + MINUTE
        await scope.sleep('sleep', deadlineAt)
        trial.pass(-DAY)
        assert.deepEqual(await scope.sleep('sleep', deadlineAt), {
          type: 'waiting',
          deadlineAt,
          lookAgainAt: deadlineAt,
        })
        trial.pass(300 * DAY)
        assert.deepEqual(await scope.sleep('sleep', deadlineAt), TIMED_OUT)
        trial.pass(-300 * DAY)
        assert.deepEqual(await scope.sleep('sleep', deadlineAt), TIMED_OUT)
      },
    },
    {
      title:
        'a wait that was given up lends its number to another one: its deadline is not heeded, its end is',
      async run(trial) {
        const { scope, receiver } = await enterReading(trial)
        const [soon, late] = [trial.now + MINUTE, trial.now + HOUR]
        await scope.read('reply', receiver, { deadlineAt: soon })
        const anew = await scope.read('reply', receiver, { deadlineAt: late, anew: true })
        assert.deepEqual(anew, { type: 'waiting', deadlineAt: late, lookAgainAt: late })
        trial.pass(MINUTE)
        assert.equal((await scope.read('reply', receiver)).type, 'waiting')
        assert.deepEqual(await scope.read('reply', receiver, { anew: true }), { type: 'waiting' })
        assert.equal(await scope.memoryAt(placeAt('reply', 1)), undefined)
        trial.pass(DAY)
        assert.equal((await scope.read('reply', receiver)).type, 'waiting')
        const last = { deadlineAt: trial.now, anew: true }
        assert.deepEqual(await scope.read('reply', receiver, last), TIMED_OUT)
        await trial.fill(receiver, 'late')
        const never = { deadlineAt: trial.now + DAY, anew: true }
        assert.deepEqual(await scope.read('reply', receiver, never), TIMED_OUT)
      },
    },
  ],
}
