import type { Addressee, Lane, MessageRecord } from '../model/delivery.js'
import type { SubscriptionRecord } from '../model/subscription.js'

// One message to many.
//
//   S26. A message to a list and all its deliveries are one commit; a message to a topic and its place in the list of
//        subscriptions are, from which deliveries follow in batches, each batch and the new place in one commit.
//   S27. Keys of publications are kept apart from those of messages with one target.
//   S28. Fan-outs take turns, so a large one delays a small one by a batch. Two nodes may take the same one: whoever comes
//        second with a batch from the same place writes nothing.

export interface PublicationCommands {
  /**
   * Stores a message to many, or finds the one with that key, or with that very id. One to a topic has a fan-out, also when
   * nobody subscribes to it.
   */
  publish(input: PublishInput): PublishOutcome

  /**
   * The fan-out whose turn it is, with the page of its message's subscribers that comes next: those with one of its patterns, in
   * the order in which they subscribed, that have not retired. It has its next turn at `now + holdMs`, or as soon as
   * `fanOut` has written its batch.
   */
  claimFanOut(input: {
    readonly now: number
    readonly holdMs: number
    readonly limit: number
  }): ClaimFanOutOutcome

  /**
   * Stores deliveries of a message to a topic, and where its fan-out goes on: behind `to`, or nowhere when `done`. A
   * subscription that was deleted or has retired meanwhile gets none. `false` when the fan-out does not stand at `from`: then
   * nothing is written.
   */
  fanOut(input: FanOutInput): boolean
}

export interface PublishInput {
  /** Without a key of its own. To a topic (`topic:<id>`) or to a list (`list:`). */
  readonly message: MessageRecord & { readonly lane: Exclude<Addressee, Lane> }
  readonly key?: string
  readonly to: Publishing
}

export type Publishing =
  | {
      readonly type: 'topic'
      /** Every pattern that matches it. */
      readonly patterns: readonly string[]
      /** Of each delivery. */
      readonly dueAt: number
      readonly deadlineAt: number
    }
  | { readonly type: 'list'; readonly deliveries: readonly ListedDelivery[] }

export interface ListedDelivery {
  readonly deliveryId: string
  readonly lane: Lane
  readonly url?: string
  readonly dueAt: number
  readonly deadlineAt: number
}

export type PublishOutcome =
  | { readonly type: 'published'; readonly messageId: string; readonly created: boolean }
  /** The key has a publication to another topic, or to a list and not to a topic; lists are all the same. */
  | { readonly type: 'conflict'; readonly lane: Addressee }

export interface ClaimFanOutOutcome {
  readonly fanOut?: {
    readonly message: MessageRecord
    /** The number of the last subscription that has its delivery; 0 before the first batch. */
    readonly from: number
    readonly dueAt: number
    readonly deadlineAt: number
    readonly page: readonly { readonly no: number; readonly subscription: SubscriptionRecord }[]
    /** There is nobody behind this page. */
    readonly last: boolean
  }
  /** When the next one has its turn, this one left aside. */
  readonly nextAt?: number
}

export interface FanOutInput {
  readonly messageId: string
  readonly from: number
  readonly to: number
  readonly done: boolean
  readonly deliveries: readonly {
    readonly deliveryId: string
    readonly subscriptionId: string
    readonly dueAt: number
    readonly deadlineAt: number
  }[]
  readonly now: number
}
