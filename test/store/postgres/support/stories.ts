import {
  cancelRun,
  claimRuns,
  enterRun,
  reenter,
  retryRun,
} from '../../../../src/testing/conformance/entered-run.js'
import {
  onDelivery,
  onExchange,
  onReceiver,
  onRun,
  placeAt,
  TIME,
} from '../../../../src/testing/conformance/entered-scope.js'
import { DAY, LEASE, MINUTE, SECOND, type Trial } from '../../../../src/testing/conformance/trial.js'
import { beginExchange } from './exchange.js'
import { PUBLISHING_STORIES } from './publishing-stories.js'

/** What a store is asked all day, in a schema that was filled by filled-schema.ts: every hot statement is in one of them. */
export const STORIES: readonly [string, (trial: Trial) => Promise<unknown>][] = [
  [
    'receives, hands out and acknowledges',
    async trial => {
      const receiver = await trial.spawn('orders')
      await trial.post(receiver, 'a', { deliveryId: 'evt-1' })
      await trial.post(receiver, 'a', { deliveryId: 'evt-1' })
      await trial.acknowledge(await trial.takeOne(receiver))
      await trial.fill(receiver, 'b', 'c')
      const [b, c] = await trial.take(receiver)
      if (b !== undefined) await trial.release(b, { dueAt: trial.now + SECOND })
      if (c !== undefined) await trial.giveUp(c)
      await trial.session.listFailed({ receiverId: receiver.id, limit: 10 })
      await trial.find(receiver.token)
      await trial.close(receiver)
    },
  ],
  [
    'hands out from a mailbox with thousands unread',
    async trial => {
      await trial.session.claim({
        receiverId: 'rcv_full',
        epoch: trial.epoch,
        now: trial.now,
        limit: 10,
        ordered: false,
      })
      await trial.session.claim({
        receiverId: 'rcv_full',
        epoch: trial.epoch,
        now: trial.now,
        limit: 10,
        ordered: true,
      })
    },
  ],
  [
    'sends, claims what is due and records it',
    async trial => {
      await trial.queue('endpoint:app')
      await trial.queue('origin:https://new.example')
      const room = { lanes: { 'endpoint:app': 10, 'endpoint:flood': 10 }, originRoom: 10 } as const
      const { claimed } = await trial.claimDeliveries({ limit: 20, ...room })
      for (const delivery of claimed.slice(0, 3)) await trial.record(delivery, { status: 'delivered' })
      const held = claimed.slice(3, 5).map(({ delivery }) => delivery.id)
      await trial.session.reclaimDeliveries({ epoch: trial.epoch, held, now: trial.now })
      for (const deliveryId of held) {
        await trial.session.cancelDelivery({ deliveryId, now: trial.now })
        await trial.session.listAttempts({ deliveryId })
      }
    },
  ],
  [
    'remembers, waits and decides in a run',
    async trial => {
      const scope = await enterRun(trial)
      const receiver = await scope.spawn('reply')
      await scope.remember('book', 'booked')
      const deliveryId = await scope.send('notify')
      const begun = await scope.exchange('ask')
      const race = { at: placeAt('first'), verb: 'race', branch: 'reply', wins: ['callback'] } as const
      const deadlineAt = trial.now + MINUTE
      await scope.read('reply', receiver, { deadlineAt, decides: [race] })
      await trial.fill(receiver, 'yes')
      await scope.read('reply', receiver, { deadlineAt, decides: [race] })
      await scope.hear('ask', begun)
      await trial.post(begun.receiver, 'yes')
      await scope.hear('ask', begun)
      await scope.wait('notify', onDelivery(deliveryId))
      await scope.recall({ from: placeAt('ask'), limit: 2 })
    },
  ],
  [
    'sends an exchange of a scope again',
    async trial => {
      const scope = await enterRun(trial)
      const begun = await scope.exchange('ask')
      await trial.session.cancelDelivery({ deliveryId: begun.deliveryId, now: trial.now })
      await scope.hear('ask', begun)
      await scope.fail(placeAt('ask'))
      await retryRun(trial, scope.id)
      const again = await reenter(trial, scope.id)
      await again.hear('ask', await again.resend('ask'))
      await again.fail()
      await cancelRun(trial, scope.id)
    },
  ],
  [
    'begins an exchange, finds it, takes its answer, and lets go of it',
    async trial => {
      const begun = await beginExchange(trial)
      await beginExchange(trial)
      const look = { deliveryId: begun.deliveryId, receiverId: begun.receiver.id, epoch: trial.epoch }
      await trial.session.takeAnswer({ ...look, now: trial.now })
      await trial.post(begun.receiver, 'yes')
      const taken = await trial.session.takeAnswer({ ...look, now: trial.now })
      if (taken.type === 'taken') await trial.acknowledge(taken.callback)
      await trial.session.takeAnswer({ ...look, now: trial.now })
      trial.pass(SECOND)
      await trial.sweep({ keylessMs: 0 })
      await trial.sweep({ keylessMs: 0, callbacksMs: SECOND })
    },
  ],
  [
    'recalls a page of many',
    async trial => {
      const page = { scopeId: 'run_big', limit: 100, now: trial.now }
      const { next } = await trial.session.recall(page)
      await trial.session.recall({ ...page, after: next ?? 0 })
      await trial.session.recall({ ...page, from: { part: '', key: 'step 3000', n: 0 } })
    },
  ],
  [
    'starts, parks, resumes, ends, retries and cancels runs',
    async trial => {
      const child = await enterRun(trial, { workflow: 'bill' })
      const scope = await enterRun(trial)
      const receiver = await scope.spawn('reply')
      const begun = await scope.exchange('ask')
      const { workflow, key } = child.run
      const start = { entry: scope.entry, at: placeAt('child') }
      const { id: runId, input } = child.run
      await trial.session.startRun({
        runId,
        workflow,
        key,
        input,
        dueAt: trial.now,
        now: trial.now,
        in: start,
      })
      const targets = [TIME, onReceiver(receiver), onExchange(begun), onRun(child.id)]
      await scope.park(targets.map((target, index) => ({ at: placeAt(`${index}`, 1), target })))
      await scope.find()
      await child.end()
      const again = await reenter(trial, scope.id)
      await again.parkOn(onReceiver(receiver))
      await cancelRun(trial, scope.id, 'no more')
      const cancelled = await reenter(trial, scope.id)
      await cancelled.throwCancel('last', 'step')
      await cancelled.fail()
      await retryRun(trial, scope.id)
      await (await reenter(trial, scope.id)).release()
      await (await reenter(trial, scope.id)).end()
    },
  ],
  [
    'claims from a long queue, and lists',
    async trial => {
      const { claimed } = await claimRuns(trial, { limit: 10, workflows: { flood: 10, ship: 10, none: 10 } })
      const held = claimed.slice(0, 5).map(({ run }) => run.id)
      await trial.session.reclaimRuns({ epoch: trial.epoch, held, now: trial.now })
      await trial.session.listRuns({ workflow: 'ship', status: 'done', limit: 10 })
      await trial.session.listRuns({ workflow: 'ship', after: 'run_5', limit: 10 })
      await trial.session.listRuns({ workflow: 'flood', limit: 10 })
      await trial.session.findRun({ workflow: 'ship', key: 'key/5' })
      await trial.session.reclaimRuns({ epoch: trial.epoch, held: [], now: trial.now })
    },
  ],
  [
    'lists, looks for news and does the upkeep',
    async trial => {
      await trial.session.listReceivers({ now: trial.now, limit: 10 })
      await trial.session.listReceivers({ now: trial.now, limit: 10, state: 'closed' })
      await trial.session.listReceivers({ now: trial.now, limit: 10, state: 'open' })
      const names = Array.from({ length: 20 }, (_, n) => n)
      await trial.session.news({
        now: trial.now,
        receiverIds: [...names.map(n => `rcv_${n}`), 'rcv_full'],
        deliveryIds: names.flatMap(n => [`dlv_done_${n}`, `dlv_waits_${n}`]),
        callbackIds: names.map(n => `cb_${n}`),
        runIds: names.flatMap(n => [`run_${n}`, `run_done_${n}`]),
      })
      await trial.session.countDue({ now: trial.now - DAY })
      const lost = await trial.join()
      await trial.session.renew({ epoch: trial.epoch, now: trial.now, leaseMs: DAY })
      const receiver = await trial.spawn(undefined, {}, { epoch: lost })
      await trial.fill(receiver, 'a')
      await trial.take(receiver, { epoch: lost })
      await trial.claimDeliveries({ epoch: lost, lanes: { 'endpoint:flood': 10 } })
      trial.pass(LEASE)
      await trial.takeOver({ limit: 100 })
      const leaving = await trial.join()
      await trial.claimDeliveries({ epoch: leaving, lanes: { 'endpoint:flood': 10 } })
      await trial.leave(leaving)
    },
  ],
  [
    'sweeps',
    async trial => {
      await trial.sweep({ limit: 100 })
      trial.pass(8 * DAY)
      await trial.sweep({ limit: 100 })
      trial.pass(60 * DAY)
      await trial.sweep({ limit: 100 })
    },
  ],
  ...PUBLISHING_STORIES,
]
