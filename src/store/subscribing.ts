import type { Lane } from '../model/delivery.js'
import type { LaneRecord, Rate } from '../model/lane.js'
import type { SubscriptionRecord, TopicRecord } from '../model/subscription.js'
import type { SendInput } from './sending.js'

// Topics, who wants them, and the lanes of those and of all others.
//
//   S24. Subscriptions are numbered in the order in which they came to be, and the number of the last one is read by
//        `publish` in its own commit: who subscribes later has a higher one.
//   S25. A subscription is known by its id, and by its topic and URL together: there is never a second one with the same.

export interface SubscriptionCommands {
  /** Declares a topic, or gives it another name, or none. */
  putTopic(input: { readonly id: string; readonly name?: string; readonly now: number }): void

  /** Declared ones, and those that a subscription names (patterns are none), by id. */
  listTopics(input: { readonly after?: string; readonly limit: number }): readonly TopicRecord[]

  /** `subscriptions`: it is wanted, and stays. `unknown`: nobody declared it. */
  deleteTopic(input: {
    readonly id: string
  }):
    | { readonly type: 'deleted' | 'unknown' }
    | { readonly type: 'subscribed'; readonly subscriptions: number }

  /**
   * Makes a subscription, or changes the one with that id, or with that topic and URL. What is changed keeps its id, its number and
   * what waits for it. With `proof` a new one, one that has another URL now, and one that is not proven yet are unproven
   * from then on, and that message is sent; else `proof` is not used. One that had retired is open again; one that somebody
   * had paused is paused again when it has proven itself, unless it is resumed before.
   *
   * A proof makes what was known of the lane of proofs void, and those before it: when they are delivered after it was asked
   * for, or after the URL has changed, they prove nothing.
   *
   * `ifVersion`: only if it has that version, 0 if there is none; `stale` otherwise. `elsewhere`: its new topic and URL are
   * those of another subscription. `leaving`: one with this id was deleted, and what waited for it has not died yet.
   */
  putSubscription(input: PutSubscriptionInput): PutSubscriptionOutcome

  findSubscription(input: { readonly id: string }): SubscriptionRecord | undefined

  /** By id. `topic` is a topic or a pattern, as it was given. */
  listSubscriptions(input: {
    readonly topic?: string
    readonly url?: string
    readonly after?: string
    readonly limit: number
  }): readonly SubscriptionRecord[]

  /** It gets nothing any more, and nothing is known of its lanes from then on, whatever is recorded; its id is not given again. What waits for it dies as `unsubscribed`, by sweeps. `false` when there is none. */
  deleteSubscription(input: { readonly id: string; readonly now: number }): boolean

  /** An unproven subscription has proven itself, and what waits for it is sent, unless somebody had paused it. `false` when it is not unproven, or has another URL. */
  proveSubscription(input: { readonly id: string; readonly url?: string; readonly now: number }): boolean

  /** What is known of a lane, if anything is. */
  findLane(input: { readonly lane: Lane }): LaneRecord | undefined

  /** Nothing of the lane is attempted until it is resumed. `false` when it is paused already, for whatever reason. */
  pauseLane(input: { readonly lane: Lane; readonly now: number }): boolean

  /**
   * What waits in the lane is sent again, no faster than `catchUp` until nothing is due in it; it counts as healthy, and rests no
   * more. One that is unproven only a proof opens: nothing else holds it back from then on. `false` when it is not paused,
   * or by nothing but that.
   */
  resumeLane(input: { readonly lane: Lane; readonly catchUp: Rate; readonly now: number }): boolean
}

export interface PutSubscriptionInput {
  readonly subscription: Omit<SubscriptionRecord, 'version' | 'pause'>
  readonly ifVersion?: number
  /** It is changed, and nothing more: one that has retired stays so. */
  readonly keepsRetired?: true
  /** In the lane `proof:<id>`, where `<id>` is that of the subscription given here; it is sent in that of the one it is for. */
  readonly proof?: SendInput
  readonly now: number
}

export type PutSubscriptionOutcome =
  | {
      readonly type: 'put'
      readonly subscription: SubscriptionRecord
      readonly created: boolean
      /** Of the proof that was sent. */
      readonly proofDeliveryId?: string
    }
  | { readonly type: 'stale' | 'elsewhere' | 'leaving' }
