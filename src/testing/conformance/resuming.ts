import assert from 'node:assert/strict'
import { createId } from '../../core/ids.js'
import {
  claimedIds,
  claimRuns,
  type EnteredRun,
  enterRun,
  findRun,
  reenter,
  startRun,
  tryStartRun,
} from './entered-run.js'
import {
  APP,
  bytesOf,
  failure,
  onDelivery,
  onExchange,
  onReceiver,
  onRun,
  placeAt,
  TIME,
  textOf,
  value,
} from './entered-scope.js'
import { sweepAll } from './sweeps.js'
import { type Area, DAY, HOUR, MINUTE } from './trial.js'

/** What makes a parked run due, and what does not. */
export const resuming: Area = {
  title: 'resuming parked runs',
  cases: [
    {
      title: 'a callback says that it resumes a parked run, and only the one that does',
      async run(trial) {
        const scope = await enterRun(trial)
        const receiver = await scope.spawn('reply')
        assert.deepEqual(await trial.post(receiver, 'nobody waits'), { type: 'accepted', seq: 1 })
        await scope.read('reply', receiver)
        await scope.parkOn(onReceiver(receiver))
        const first = { deliveryId: 'evt-1' }
        assert.deepEqual(await trial.post(receiver, 'yes', first), {
          type: 'accepted',
          seq: 2,
          resumes: true,
        })
        assert.equal((await trial.post(receiver, 'yes', first)).type, 'duplicate')
        assert.deepEqual(await trial.post(receiver, 'another'), { type: 'accepted', seq: 3 })
      },
    },
    {
      title: 'a run parked on many things is due for the first, and not again for the others',
      async run(trial) {
        const scope = await enterRun(trial)
        const [left, right] = [await scope.spawn('left'), await scope.spawn('right')]
        const deliveryId = await scope.send('notify')
        const claimed = await trial.takeDelivery(APP)
        const waits = [onReceiver(left), onReceiver(right), onDelivery(deliveryId)]
        const parkOnAll = (entry: EnteredRun) =>
          entry.park(waits.map((target, index) => ({ at: placeAt(`${index}`, 1), target })))
        assert.equal(await parkOnAll(scope), 'parked')
        await trial.fill(right, 'yes')
        const again = await reenter(trial, scope.id)
        await again.read('right', right)
        assert.equal((await trial.post(left, 'late')).type, 'accepted')
        await trial.record(claimed, { status: 'delivered' })
        assert.deepEqual(await claimedIds(trial), [])
        assert.equal((await again.find()).status, 'running')
        assert.equal(await parkOnAll(again), 'ready')
      },
    },
    {
      title: 'a parked run is due at the earliest of its deadlines, and of the ends of its receivers',
      async run(trial) {
        const { now } = trial
        const park = async (ttlMs: number, ...deadlines: readonly number[]) => {
          const scope = await enterRun(trial)
          const receiver = await scope.spawn('reply', { ttlMs })
          const onTime = deadlines.map((ms, index) => ({
            at: placeAt(`sleep ${index}`),
            target: TIME,
            deadlineAt: now + ms,
          }))
          await scope.park([{ at: placeAt('reply', 1), target: onReceiver(receiver) }, ...onTime])
          return scope
        }
        const byDeadline = await park(HOUR, DAY, MINUTE)
        const byExpiry = await park(2 * MINUTE, DAY, HOUR)
        assert.deepEqual(
          [(await byDeadline.find()).dueAt, (await byExpiry.find()).dueAt],
          [now + MINUTE, now + 2 * MINUTE],
        )
        trial.pass(MINUTE - 1)
        assert.deepEqual(await claimRuns(trial), { claimed: [], nextDueAt: now + MINUTE })
        trial.pass(1)
        assert.deepEqual(await claimedIds(trial), [byDeadline.id])
        trial.pass(MINUTE)
        assert.deepEqual(await claimedIds(trial), [byExpiry.id])
      },
    },
    {
      title: 'an attempt that failed, a message delivered and a run to be tried again resume nobody',
      async run(trial) {
        const scope = await enterRun(trial)
        const begun = await scope.exchange('ask')
        const exchanged = await trial.takeDelivery(APP)
        const deliveryId = await scope.send('notify')
        const sent = await trial.takeDelivery(APP)
        const child = await enterRun(trial, { workflow: 'bill' })
        const targets = [onExchange(begun), onDelivery(deliveryId), onRun(child.id)]
        await scope.park(targets.map((target, index) => ({ at: placeAt(`${index}`, 1), target })))
        await trial.record(exchanged, { status: 'delivered' })
        await trial.record(sent, { status: 'due', dueAt: trial.now + DAY })
        await child.end({ status: 'due', result: failure('not yet'), dueAt: trial.now })
        assert.deepEqual(await claimedIds(trial), [])
        assert.equal((await scope.find()).status, 'parked')
        await (await reenter(trial, child.id, { workflow: 'bill' })).end()
        assert.deepEqual(await claimedIds(trial), [scope.id])
      },
    },
    {
      title:
        'a parked run whose receiver is looked up by its token is resumed for whichever node has its code',
      async run(trial) {
        const scope = await enterRun(trial, { epoch: await trial.join() })
        const receiver = await scope.spawn('reply', { source: 'partner' })
        await scope.parkOn(onReceiver(receiver), { key: 'reply' })
        await trial.leave(scope.claim.epoch)
        trial.pass(DAY)
        await trial.restart()
        const found = await trial.find(receiver.token)
        assert.deepEqual([found.state, found.settings.source], ['open', 'partner'])
        const request = trial.request(found, 'signed', { version: found.version })
        assert.deepEqual(await trial.session.accept(request), { type: 'accepted', seq: 1, resumes: true })
        const again = await reenter(trial, scope.id, { epoch: await trial.join() })
        assert.equal(textOf(await again.read('reply', receiver)), 'signed')
      },
    },
    {
      title: 'several runs wait for one thing, and all of them are due for it',
      async run(trial) {
        const child = await enterRun(trial, { workflow: 'bill' })
        const parents = await Promise.all([1, 2, 3].map(() => startRun(trial)))
        const { claimed } = await claimRuns(trial)
        assert.equal(claimed.length, 3)
        for (const { run, fence } of claimed) {
          const claim = { runId: run.id, epoch: trial.epoch, fence }
          const waits = [{ at: placeAt('child', 1), target: onRun(child.id) }]
          assert.equal(await trial.session.park({ claim, waits, now: trial.now }), 'parked')
        }
        await child.end({ status: 'done', result: value('billed') })
        assert.deepEqual([...(await claimedIds(trial))].sort(), parents.map(({ id }) => id).sort())
      },
    },
    {
      title: 'a run parked for longer than every retention continues, and sends nothing twice',
      async run(trial) {
        const scope = await enterRun(trial)
        const reply = await scope.spawn('reply', { ttlMs: HOUR })
        await trial.post(reply, 'read', { deliveryId: 'evt-1' })
        const read = await scope.read('reply', reply)
        await trial.fill(reply, 'unread')
        const deliveryId = await scope.send('notify')
        await trial.record(await trial.takeDelivery(APP), { status: 'delivered' })
        const child = await startRun(trial, {
          in: { entry: scope.entry, at: placeAt('child') },
          workflow: 'bill',
        })
        const childEntry = await reenter(trial, child.id, { workflow: 'bill' })
        await childEntry.end({ status: 'done', result: value('billed') })
        await scope.remember('book', 'booked')
        const wakeAt = trial.now + 1_000 * DAY
        assert.equal((await scope.sleep('sleep', wakeAt)).type, 'waiting')
        const parked = await scope.park([
          { at: placeAt('sleep'), target: { type: 'time' }, deadlineAt: wakeAt },
        ])
        assert.equal(parked, 'parked')

        for (let year = 0; year < 3; year += 1) {
          trial.pass(333 * DAY)
          await trial.restart()
          await trial.takeOver()
          const told = await sweepAll(trial)
          assert.deepEqual(
            told.flatMap(({ dropped }) => dropped),
            [],
          )
        }
        trial.pass(DAY)
        const again = await reenter(trial, scope.id)
        assert.deepEqual((await again.sleep('sleep', trial.now + DAY)).type, 'ended')
        assert.deepEqual(await again.read('reply', reply), read)
        assert.equal(textOf(await again.read(placeAt('reply', 2), reply)), 'unread')
        assert.equal(await again.send('notify'), deliveryId)
        assert.deepEqual((await again.wait('notify', onDelivery(deliveryId))).type, 'ended')
        assert.deepEqual((await trial.claimDeliveries({ lanes: { [APP]: 9 } })).claimed, [])
        const found = await tryStartRun(trial, {
          runId: createId('run', trial.now),
          workflow: 'bill',
          in: { entry: again.entry, at: placeAt('child') },
        })
        assert.equal(found.type, 'started')
        assert.deepEqual([found.run.id, found.run.status], [child.id, 'done'])
        const ended = await again.wait('child', onRun(child.id))
        assert.deepEqual(ended, { type: 'ended', end: { type: 'run_done', result: value('billed') } })
        const booked = await again.memoryAt('book')
        assert.ok(booked)
        assert.equal(Buffer.from(bytesOf(booked)).toString(), 'booked')
        assert.equal((await findRun(trial, scope.id)).attempt, 2)
      },
    },
  ],
}
