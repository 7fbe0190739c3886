import type { Leftover } from '../model/receiver.js'

// Nodes, their leases, and the upkeep that any of them does.
//
// A node works under an *epoch*, a number the store gave it. Whatever it holds (callbacks handed out, deliveries being
// sent, receivers without a key) names that epoch, so one row, renewed, keeps all of it. An epoch is over when its
// node left or its lease ran out; a store that only one process can open (`exclusive`) also ends, when it is opened,
// every epoch from before. A write that shows an epoch which is over changes nothing and says so.

export interface NodeCommands {
  /** Begins an epoch for a node. Its lease runs until `now + leaseMs`. */
  join(input: { readonly node: string; readonly now: number; readonly leaseMs: number }): {
    readonly epoch: number
  }

  /** Lengthens the lease. `false`: the epoch is over, everything it held belongs to others by now. */
  renew(input: { readonly epoch: number; readonly now: number; readonly leaseMs: number }): boolean

  /**
   * Ends an epoch in good order: what it held goes back uncounted (the next hand-out has the same `attempt`), and its
   * keyless receivers are closed. Returns those of them in which something was left unread.
   */
  leave(input: { readonly epoch: number; readonly now: number }): readonly Leftover[]

  /**
   * Takes back what is held under epochs that are over. Each callback so found counts one crash, and with `maxCrashes`
   * in a row it is failed for `crashes` instead. Deliveries are due again at once. `limit` bounds the rows touched.
   */
  takeOver(input: { readonly now: number; readonly maxCrashes: number; readonly limit: number }): TakenOver

  /**
   * Lets go of what retention no longer keeps, at most `limit` rows of each kind: callbacks that ended, unread ones of
   * receivers that ended, ids of repeated requests past their window, answers, keyless receivers past `keylessMs`,
   * deliveries past their deadline (dead, `expired`), messages with their attempts. Marks receivers that expired or
   * lost their node, and tells of each what was left unread in it, once.
   */
  sweep(input: {
    readonly now: number
    readonly callbacksMs: number
    readonly messagesMs: number
    readonly keylessMs: number
    readonly limit: number
  }): Swept

  /** What is due by now: callbacks whose delay is over and deliveries to be sent. A number for `health`. */
  countDue(input: { readonly now: number }): number
}

export interface TakenOver {
  readonly callbacks: number
  readonly deliveries: number
  /** Receivers with something to read again. */
  readonly receiverIds: readonly string[]
}

export interface Swept {
  /** Receivers that ended by themselves since the last sweep. */
  readonly ended: readonly Leftover[]
  /** Unread or failed callbacks let go of, by receiver. */
  readonly dropped: readonly { readonly receiverId: string; readonly callbacks: number }[]
  /** Deliveries that died of their deadline. */
  readonly expiredDeliveryIds: readonly string[]
  /** Something was left for the next call. */
  readonly more: boolean
}
