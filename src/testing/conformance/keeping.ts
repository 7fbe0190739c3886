import assert from 'node:assert/strict'
import { cancelRun, enterRun, findRun, reenter, retryRun, startRun } from './entered-run.js'
import { APP, placeAt, TIME, textOf, value } from './entered-scope.js'
import { NOTHING_SWEPT, sweepAll } from './sweeps.js'
import { type Area, DAY, HOUR, texts } from './trial.js'

const AT_ONCE = { callbacksMs: 0, messagesMs: 0, keylessMs: 0, runsMs: 0 }

/** Which runs are kept, and what with them: open scopes keep all that they own. */
export const keeping: Area = {
  title: 'keeping runs and scopes',
  cases: [
    {
      title: 'runs that have not ended are kept for ever, whatever they wait for',
      async run(trial) {
        const due = await startRun(trial, { dueAt: trial.now + 900 * DAY })
        const running = await enterRun(trial)
        const parked = await enterRun(trial)
        await parked.parkOn(TIME, { deadlineAt: trial.now + 900 * DAY })
        trial.pass(300 * DAY)
        assert.deepEqual(await trial.sweep(AT_ONCE), NOTHING_SWEPT)
        const statuses = await Promise.all([due, running, parked].map(({ id }) => findRun(trial, id)))
        assert.deepEqual(
          statuses.map(({ status }) => status),
          ['due', 'running', 'parked'],
        )
      },
    },
    {
      title: 'a run that failed and is retried in time keeps its scope',
      async run(trial) {
        const scope = await enterRun(trial)
        const reply = await scope.spawn('reply')
        await trial.fill(reply, 'a')
        await scope.fail()
        trial.pass(29 * DAY)
        await retryRun(trial, scope.id)
        trial.pass(300 * DAY)
        assert.deepEqual(await trial.sweep(AT_ONCE), NOTHING_SWEPT)
        const again = await reenter(trial, scope.id)
        assert.equal(textOf(await again.read('reply', reply)), 'a')
      },
    },
    {
      title:
        'of what an open scope owns nothing is let go of, though retention keeps nothing else for a moment',
      async run(trial) {
        const scope = await enterRun(trial)
        const expired = await scope.spawn('expired', { ttlMs: HOUR })
        await trial.fill(expired, 'read', 'unread')
        const read = await scope.read('expired', expired)
        const deliveryId = await scope.send('notify')
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        const asked = await scope.exchange('ask')
        await trial.fill(asked.receiver, 'yes')
        const answer = await scope.hear('ask', asked)
        const child = await startRun(trial, {
          workflow: 'bill',
          in: { entry: scope.entry, at: placeAt('bill') },
        })
        await cancelRun(trial, child.id)
        for (let time = 0; time < 3; time += 1) {
          trial.pass(DAY)
          const told = await sweepAll(trial, AT_ONCE)
          assert.deepEqual(
            told.flatMap(({ dropped }) => dropped),
            [],
          )
        }
        assert.deepEqual(await scope.read('expired', expired), read)
        assert.equal(textOf(await scope.read(placeAt('expired', 2), expired)), 'unread')
        assert.deepEqual(await scope.hear('ask', asked), answer)
        for (const id of [deliveryId, asked.deliveryId]) {
          assert.ok((await trial.session.findDelivery({ deliveryId: id })) !== undefined)
        }
        assert.equal((await trial.session.listAttempts({ deliveryId })).length, 1)
        assert.equal((await findRun(trial, child.id)).status, 'cancelled')
        for (const { token } of [expired, asked.receiver]) await trial.find(token)
      },
    },
    {
      title:
        'a run that a scope found ended is kept for it as well, until all scopes that know it have ended',
      async run(trial) {
        const child = { workflow: 'bill', key: 'order/7' }
        const { id: runId } = await startRun(trial, child)
        await cancelRun(trial, runId)
        const scopes = [await enterRun(trial), await enterRun(trial)]
        for (const { entry } of scopes)
          await startRun(trial, { ...child, in: { entry, at: placeAt('bill') } })
        for (const scope of scopes) {
          trial.pass(60 * DAY)
          await sweepAll(trial)
          assert.equal((await findRun(trial, runId)).status, 'cancelled')
          await scope.end()
        }
        await sweepAll(trial)
        assert.equal(await trial.session.findRun({ runId }), undefined)
      },
    },
    {
      title: 'what a scope has read is kept while it is open, and then as long as what was handled',
      async run(trial) {
        const scope = await enterRun(trial)
        const reply = await scope.spawn('reply')
        const request = trial.request(reply, 'a')
        const accept = async () => (await trial.session.accept({ ...request, now: trial.now })).type
        await accept()
        await scope.read('reply', reply)
        trial.pass(300 * DAY)
        await sweepAll(trial)
        await scope.end()
        trial.pass(7 * DAY - 1)
        await sweepAll(trial)
        assert.equal(await accept(), 'accepted')
        trial.pass(1)
        await sweepAll(trial)
        assert.equal(await accept(), 'ended')
      },
    },
    {
      title:
        'a repeated request to a receiver of a scope is known for its window, though the callback was read',
      async run(trial) {
        const scope = await enterRun(trial)
        const reply = await scope.spawn('reply')
        const post = () => trial.post(reply, 'a', { deliveryId: 'evt-1', dedupeUntil: trial.now + HOUR })
        await post()
        await scope.read('reply', reply)
        trial.pass(HOUR - 1)
        await sweepAll(trial, AT_ONCE)
        assert.equal((await post()).type, 'duplicate')
        await scope.end({ status: 'done', result: value('done') })
        assert.equal((await post()).type, 'duplicate')
        assert.deepEqual(texts(await trial.take(reply)), [])
      },
    },
  ],
}
