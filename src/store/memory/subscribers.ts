import { type Lane, subscriptionIdOf } from '../../model/delivery.js'
import { afterProof, healthyLane, type LaneRecord } from '../../model/lane.js'
import type { SubscriptionRecord } from '../../model/subscription.js'
import type { Data } from './data.js'
import type { SubscriptionRow } from './rows.js'

// Subscriptions and their two lanes, as far as more than one command needs to know of them.

type SubscriptionLane = `subscription:${string}`

export function laneOf({ record: { id } }: SubscriptionRow): SubscriptionLane {
  return `subscription:${id}`
}

export function lanesOf(id: string): readonly Lane[] {
  return [`subscription:${id}`, `proof:${id}`]
}

/** The subscription that a lane belongs to, if it does and if that is there. */
export function subscriptionOf(data: Data, lane: Lane): SubscriptionRow | undefined {
  const id = subscriptionIdOf(lane)
  return id === undefined ? undefined : data.subscriptions.get(id)
}

export function hasRetired(data: Data, subscription: SubscriptionRow): boolean {
  return data.laneStates.of(laneOf(subscription))?.pause === 'retired'
}

/** Whether a lane belongs to a subscription that was deleted or has retired. */
export function isForsaken(data: Data, lane: Lane): boolean {
  if (subscriptionIdOf(lane) === undefined) return false
  const subscription = subscriptionOf(data, lane)
  return subscription === undefined || hasRetired(data, subscription)
}

export function toSubscription(data: Data, subscription: SubscriptionRow): SubscriptionRecord {
  const pause = data.laneStates.of(laneOf(subscription))?.pause
  return pause === undefined ? subscription.record : { ...subscription.record, pause }
}

/** What is known of a lane from now on. Of one whose subscription was deleted nothing is kept. */
export function putLaneState(data: Data, lane: Lane, state: LaneRecord): void {
  const id = subscriptionIdOf(lane)
  if (id !== undefined && !data.subscriptions.has(id)) return
  data.laneStates.put(lane, state)
  if (id !== undefined && state.pause === 'retired') forsake(data, id)
}

/** What waits for the subscription is to die. */
export function forsake(data: Data, id: string): void {
  for (const lane of lanesOf(id)) if (data.lanes.has(lane)) data.forsakenLanes.add(lane)
}

/** An unproven subscription has proven itself. `false` when it is not unproven. */
export function prove(data: Data, subscription: SubscriptionRow): boolean {
  const lane = laneOf(subscription)
  const proven = afterProof(data.laneStates.of(lane) ?? healthyLane)
  if (proven === undefined) return false
  data.laneStates.put(lane, proven)
  subscription.proof = undefined
  return true
}
