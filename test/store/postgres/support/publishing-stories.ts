import { createId } from '../../../../src/core/ids.js'
import type { ClaimedDelivery } from '../../../../src/model/delivery.js'
import type { Input } from '../../../../src/store/store.js'
import { DAY, MINUTE, SECOND, type Trial } from '../../../../src/testing/conformance/trial.js'

/** The same of what is sent to many, of lanes, and of the history. */
export const PUBLISHING_STORIES: readonly [string, (trial: Trial) => Promise<unknown>][] = [
  [
    'sends beside many lanes that are paused, rest, have a rate or have failed',
    async trial => {
      const { session, now, epoch } = trial
      const lanes = { 'endpoint:app': 10, 'endpoint:flood': 3 } as const
      const rates = { 'endpoint:flood': { count: 100, perMs: SECOND } }
      const strikeMs = MINUTE
      const { claimed } = await trial.claimDeliveries({ limit: 20, lanes, rates, originRoom: 10 })
      const [first, second, third] = claimed
      const record = (
        { delivery, fence }: ClaimedDelivery,
        news: Input<'recordAttempt'>['news'],
        next: Input<'recordAttempt'>['next'],
      ) =>
        session.recordAttempt({
          claim: { deliveryId: delivery.id, epoch, fence },
          now,
          attempt: { at: now, durationMs: 1, status: 200 },
          next,
          tells: true,
          ...(news === undefined ? {} : { news }),
        })
      if (first !== undefined) await record(first, { type: 'answered' }, { status: 'delivered' })
      if (second !== undefined) {
        await record(second, { type: 'failed', strikeMs }, { status: 'due', dueAt: now })
      }
      if (third !== undefined) await record(third, { type: 'gone' }, { status: 'dead', reason: 'rejected' })
      await session.pauseLane({ lane: 'endpoint:app', now })
      await session.findLane({ lane: 'endpoint:app' })
      await session.resumeLane({ lane: 'endpoint:app', catchUp: { count: 1, perMs: SECOND }, now })
      await trial.claimDeliveries({ limit: 20, lanes, originRoom: 10 })
    },
  ],
  [
    'declares topics, and puts, proves, lists and deletes subscriptions',
    async trial => {
      const { session, now } = trial
      await session.putTopic({ id: 'order', now })
      await session.listTopics({ after: 'topic.5', limit: 10 })
      await session.deleteTopic({ id: 'order' })
      const put = (id: string, proof: boolean) => {
        const message = trial.message(`proof:${id}`)
        const due = { dueAt: now, deadlineAt: now + DAY }
        return session.putSubscription({
          subscription: { id, topic: 'order', url: `https://${id}.example`, options: '{}', createdAt: now },
          now,
          ...(proof ? { proof: { message, deliveryId: createId('dlv', now), ...due } } : {}),
        })
      }
      await put('sub_new', true)
      await put('sub_new', false)
      await session.proveSubscription({ id: 'sub_new', now })
      await session.findSubscription({ id: 'sub_new' })
      const url = 'https://5.example'
      await session.listSubscriptions({ limit: 10, after: 'sub_5' })
      await session.listSubscriptions({ limit: 10, topic: 'flood' })
      await session.listSubscriptions({ limit: 10, url })
      await session.listSubscriptions({ limit: 10, topic: 'flood', url })
      await session.deleteSubscription({ id: 'sub_new', now })
    },
  ],
  [
    'publishes, and fans out in batches',
    async trial => {
      const { session, now } = trial
      const due = { dueAt: now, deadlineAt: now + DAY }
      const message = { ...trial.message('endpoint:app'), lane: 'topic:flood.small' } as const
      const to = { type: 'topic', patterns: ['flood.small', 'flood', 'flood.*', '*'], ...due } as const
      await session.publish({ message, key: 'once', to })
      await session.publish({ message: { ...message, id: 'msg_again' }, key: 'once', to })
      for (let turn = 0; turn < 2; turn++) {
        const { fanOut } = await session.claimFanOut({ now, holdMs: MINUTE, limit: 100 })
        if (fanOut === undefined) throw new Error('no fan-out has its turn')
        const deliveries = fanOut.page.map(({ subscription: { id: subscriptionId } }) => ({
          deliveryId: createId('dlv', now),
          subscriptionId,
          ...due,
        }))
        await session.fanOut({
          messageId: fanOut.message.id,
          from: fanOut.from,
          to: fanOut.page.at(-1)?.no ?? 0,
          done: turn > 0,
          deliveries,
          now,
        })
      }
      await trial.claimDeliveries({ limit: 50, originRoom: 1 })
    },
  ],
  [
    'lists deliveries, reads what happened, tells of ends and sends again',
    async trial => {
      const { session, now } = trial
      for (const newest of [true, false]) {
        const page = { limit: 10, newest }
        await session.listDeliveries(page)
        await session.listDeliveries({ ...page, after: 'dlv_flood_5', lane: 'endpoint:flood' })
        await session.listDeliveries({ ...page, lane: 'endpoint:flood', status: 'due' })
        await session.listDeliveries({ ...page, topic: 'flood' })
        await session.listDeliveries({ ...page, topic: 'none' })
        await session.listDeliveries({ ...page, status: 'dead' })
        await session.listDeliveries({ ...page, reason: 'expired' })
        await session.listDeliveries({ ...page, messageId: 'msg_5' })
        // Of what there is, the messages are older: without the place, all of it would be looked at.
        const late = { ...page, since: now + DAY }
        await session.listDeliveries({ ...late, behind: 'dlv_waits_9' })
        await session.listDeliveries({ ...late, behind: 'dlv_flood_9', lane: 'endpoint:flood' })
        await session.listDeliveries({ ...late, behind: 'dlv_dead_9', topic: 'flood' })
        await session.listDeliveries({ ...late, behind: 'dlv_waits_9', status: 'due' })
        await session.listDeliveries({ ...late, behind: 'dlv_dead_9', status: 'dead' })
      }
      for (const filter of [
        {},
        { lane: 'endpoint:flood' },
        { lane: 'endpoint:none' },
        { topic: 'none' },
      ] as const) {
        const [attempt] = await session.readAttempts({ ...filter, limit: 10 })
        if (attempt !== undefined) await session.readAttempts({ ...filter, after: attempt.cursor, limit: 10 })
        const [death] = await session.readDead({ ...filter, limit: 10 })
        if (death !== undefined) await session.readDead({ ...filter, after: death.cursor, limit: 10 })
      }
      await session.findMessage({ messageId: 'msg_5' })
      await session.redeliver({
        deliveryId: 'dlv_done_5',
        again: { deliveryId: createId('dlv', now), dueAt: now, deadlineAt: now + DAY },
        now,
      })
      const { ends } = await session.claimEnds({
        ...{ now, holdMs: MINUTE, holdMostMs: 5 * MINUTE },
        ...{ limit: 10, lanes: ['endpoint:flood'] },
      })
      for (const { delivery } of ends) await session.settleEnd({ deliveryId: delivery.id, now })
    },
  ],
]
