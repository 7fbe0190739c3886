import type {
  AttemptRecord,
  DeathReason,
  DeliveryRecord,
  DeliveryStatus,
  Lane,
  MessageRecord,
} from '../model/delivery.js'
import type { SubscriptionRecord } from '../model/subscription.js'
import type { NewDelivery, SendInput } from './sending.js'

// What happened to messages: lists, streams, ends that somebody has to be told of, and sending again.
//
//   S29. A list is in order of ids, newest or oldest first, and a cursor is a place in that order.
//   S30. A stream (`readAttempts`, `readDead`) is in an order of commits: what has been read to its end never has anything
//        inserted before it. Where commands may commit in another order than they began, it ends below the oldest that has not.
//   S31. An end that is to be told is there until it is settled, in one commit with the message that tells of it.

export interface HistoryCommands {
  /** By id: the oldest first, or with `newest` the other way round. Everything that is given must hold. */
  listDeliveries(input: ListDeliveriesInput): readonly DeliveryRecord[]

  /** Attempts in the order in which they were recorded. Everything that is given must hold. */
  readAttempts(input: {
    readonly after?: string
    readonly limit: number
    readonly lane?: Lane
    readonly topic?: string
    readonly deliveryId?: string
  }): readonly LoggedAttempt[]

  /** Deliveries that died, in the order in which they did; those that were cancelled are not among them. */
  readDead(input: {
    readonly after?: string
    readonly limit: number
    readonly lane?: Lane
    readonly topic?: string
  }): readonly LoggedDeath[]

  findMessage(input: { readonly messageId: string }): MessageRecord | undefined

  /**
   * Another delivery of the same message to the same target. `known`: that was done before, and this is the delivery.
   * `stripped`: its body is not kept any more. `pending`: it has not ended.
   */
  redeliver(input: {
    readonly deliveryId: string
    readonly again: NewDelivery
    readonly now: number
  }): RedeliverOutcome
}

export interface EndCommands {
  /**
   * Ends that nobody has been told of: deliveries that were recorded with `tells`, or died of their deadline, oldest turn first.
   * Those of endpoints only where their lane is among `lanes`: who has not the code that it takes leaves them, and their turns, to
   * whoever has. Those of subscriptions always. Not those whose message follows the end of another. Each has its next turn after
   * `holdMs`; one that has had turns before after as long as it had been waiting by then, so that its turns grow apart, but not
   * after more than `holdMostMs`.
   */
  claimEnds(input: {
    readonly now: number
    readonly holdMs: number
    readonly holdMostMs: number
    readonly limit: number
    readonly lanes: readonly Lane[]
  }): ClaimEndsOutcome

  /** It was told, or there is nobody to tell: stores the message, if there is one. `false` when it was settled before. */
  settleEnd(input: { readonly deliveryId: string; readonly send?: SendInput; readonly now: number }): boolean
}

export interface ListDeliveriesInput {
  readonly after?: string
  /** Only what sorts behind this, in whichever order it is listed. Nothing before it is looked at. */
  readonly behind?: string
  readonly newest?: boolean
  readonly limit: number
  readonly status?: DeliveryStatus
  readonly reason?: DeathReason
  readonly lane?: Lane
  /** Of messages to that very topic. */
  readonly topic?: string
  readonly messageId?: string
  /** When its message was created: at or after this, … */
  readonly since?: number
  /** … and before that. */
  readonly until?: number
}

export interface LoggedAttempt {
  readonly cursor: string
  readonly deliveryId: string
  readonly messageId: string
  readonly lane: Lane
  /** 1 is the first of its delivery. */
  readonly number: number
  readonly attempt: AttemptRecord
}

export interface LoggedDeath {
  readonly cursor: string
  readonly delivery: DeliveryRecord
}

export type RedeliverOutcome =
  | { readonly type: 'redelivered' | 'known'; readonly deliveryId: string; readonly messageId: string }
  | { readonly type: 'pending' | 'stripped' | 'unknown' }

export interface ClaimEndsOutcome {
  readonly ends: readonly {
    readonly delivery: DeliveryRecord
    readonly message: MessageRecord
    /** The last attempt that had an answer, else the last. */
    readonly attempt?: AttemptRecord
    readonly subscription?: SubscriptionRecord
  }[]
  /** When the next one has its turn, these left aside. */
  readonly nextAt?: number
}
