import { afterDoubt, healthyLane, isUnproven } from '../../model/lane.js'
import type { SubscriptionRecord } from '../../model/subscription.js'
import type { PutSubscriptionInput, PutSubscriptionOutcome, SubscriptionCommands } from '../subscribing.js'
import type { Data } from './data.js'
import { frozenCopy } from './frozen.js'
import { send } from './outbox.js'
import type { SubscriptionRow } from './rows.js'
import { forsake, hasRetired, laneOf, lanesOf, prove, toSubscription } from './subscribers.js'
import { joinTopic, leaveTopic } from './topics.js'

type Commands = Pick<
  SubscriptionCommands,
  'putSubscription' | 'findSubscription' | 'listSubscriptions' | 'deleteSubscription' | 'proveSubscription'
>

/** Who wants topics. */
export function subscriptionCommands(data: Data): Commands {
  return {
    putSubscription(input) {
      return put(data, input)
    },

    findSubscription({ id }) {
      const subscription = data.subscriptions.get(id)
      return subscription === undefined ? undefined : toSubscription(data, subscription)
    },

    listSubscriptions({ topic, url, after, limit }) {
      const page: SubscriptionRecord[] = []
      for (const subscription of data.subscriptionList.from(after)) {
        if (page.length >= limit) break
        const { record } = subscription
        const isWanted = (topic ?? record.topic) === record.topic && (url ?? record.url) === record.url
        if (isWanted) page.push(toSubscription(data, subscription))
      }
      return page
    },

    deleteSubscription({ id }) {
      const subscription = data.subscriptions.get(id)
      if (subscription === undefined) return false
      leaveTopic(data, subscription)
      data.subscriptions.delete(id)
      data.subscriptionList.delete(subscription)
      data.subscriptionsByTarget.delete(toTarget(subscription.record))
      for (const lane of lanesOf(id)) data.laneStates.forget(lane)
      forsake(data, id)
      return true
    },

    proveSubscription({ id, url }) {
      const subscription = data.subscriptions.get(id)
      if (subscription === undefined || (url !== undefined && subscription.record.url !== url)) return false
      return prove(data, subscription)
    },
  }
}

function put(
  data: Data,
  { subscription: given, ifVersion, keepsRetired, proof, now }: PutSubscriptionInput,
): PutSubscriptionOutcome {
  const other = data.subscriptionsByTarget.get(toTarget(given))
  const known = data.subscriptions.get(given.id) ?? other
  if (ifVersion !== undefined && (known?.record.version ?? 0) !== ifVersion) return { type: 'stale' }
  if (other !== undefined && other !== known) return { type: 'elsewhere' }
  if (known === undefined && data.lanes.has(`subscription:${given.id}`)) return { type: 'leaving' }
  const hasMoved = known !== undefined && known.record.url !== given.url
  const subscription = known === undefined ? add(data, given) : change(data, known, given)
  const lane = laneOf(subscription)
  const wasUnproven = isUnproven(data.laneStates.of(lane) ?? healthyLane)
  if (keepsRetired === undefined && hasRetired(data, subscription)) data.laneStates.forget(lane)
  const mustProve = known === undefined || hasMoved || wasUnproven
  const sent = proof !== undefined && mustProve ? askForProof(data, subscription, proof, now) : {}
  return {
    type: 'put',
    subscription: toSubscription(data, subscription),
    created: known === undefined,
    ...sent,
  }
}

/** What an earlier proof may still bring does not count any more. */
function askForProof(
  data: Data,
  subscription: SubscriptionRow,
  { message, ...delivery }: Exclude<PutSubscriptionInput['proof'], undefined>,
  now: number,
): { readonly proofDeliveryId?: string } {
  const lane = laneOf(subscription)
  data.laneStates.put(lane, afterDoubt(data.laneStates.of(lane) ?? healthyLane, now))
  const proofLane = `proof:${subscription.record.id}` as const
  data.laneStates.forget(proofLane)
  const sent = send(data, { message: { ...message, lane: proofLane }, ...delivery })
  if (sent.type !== 'sent') return {}
  subscription.proof = sent.messageId
  return { proofDeliveryId: sent.deliveryId }
}

function add(data: Data, given: PutSubscriptionInput['subscription']): SubscriptionRow {
  data.lastSubscription += 1
  const record = frozenCopy({ ...given, version: 1 })
  const subscription: SubscriptionRow = { no: data.lastSubscription, record, proof: undefined }
  data.subscriptions.set(given.id, subscription)
  data.subscriptionList.add(subscription)
  data.subscriptionsByTarget.set(toTarget(record), subscription)
  joinTopic(data, subscription)
  return subscription
}

/** It keeps its id, its number and when it came to be. */
function change(
  data: Data,
  subscription: SubscriptionRow,
  given: PutSubscriptionInput['subscription'],
): SubscriptionRow {
  const { id, version, createdAt, url } = subscription.record
  // What another URL may still prove says nothing of this one.
  if (url !== given.url) subscription.proof = undefined
  leaveTopic(data, subscription)
  data.subscriptionsByTarget.delete(toTarget(subscription.record))
  subscription.record = frozenCopy({ ...given, id, createdAt, version: version + 1 })
  data.subscriptionsByTarget.set(toTarget(subscription.record), subscription)
  joinTopic(data, subscription)
  return subscription
}

function toTarget({ topic, url }: Pick<SubscriptionRecord, 'topic' | 'url'>): string {
  return `${topic} ${url}`
}
