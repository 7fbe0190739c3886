import type { PauseReason, Rate } from './lane.js'

/** An endpoint that wants a topic, as it is stored. Its deliveries queue in the lane `subscription:<id>`. */
export interface SubscriptionRecord {
  readonly id: string
  /** A topic, or a pattern of topics. */
  readonly topic: string
  readonly url: string
  /** 1 at first, and one higher each time it is put. Its pause is no part of it. */
  readonly version: number
  /** The policy, secrets and filter in JSON, as they were given; the store does not look into it. */
  readonly options: string
  /** Attempts under way at the same moment, on each node. */
  readonly concurrency?: number
  readonly rate?: Rate
  readonly createdAt: number
  /** Nothing is attempted until it is resumed, or proven. */
  readonly pause?: PauseReason
}

export interface TopicRecord {
  readonly id: string
  readonly name?: string
  /** Somebody declared it; else it is there for as long as somebody subscribes to it. */
  readonly declared: boolean
  /** Those that name it; patterns are not counted. */
  readonly subscriptions: number
}
