import type { Lane } from '../model/delivery.js'
import type { Leftover } from '../model/receiver.js'

// Nodes, their leases, and the upkeep that any of them does.
//
// A node works under an *epoch*, a number the store gave it. Whatever it holds (callbacks handed out, deliveries being
// sent, receivers without a key) names that epoch, so one row, renewed, keeps all of it. An epoch is over when its
// node left or its lease ran out; a store that only one process can open (`exclusive`) also ends, when it is opened,
// every epoch from before. A write that shows an epoch which is over changes nothing and says so. An epoch that
// `takeOver` found to be over stays over, also when the clock goes back; one that never was is over, too.
//
// Where other processes may be at the store, a lease that ran out may only mean that nobody could reach it. So there a
// node is lost, and its keyless receivers are closed, not before `takeOver` has found it to be.

export interface NodeCommands {
  /**
   * Begins an epoch for a node. Its lease runs until `now + leaseMs`, in every store: who will not renew it asks for
   * one that outlasts the process, such as a hundred years.
   *
   * `moves`: an epoch of this same node that it could not renew in time. In the same command, what was held under it and
   * nobody has taken goes back uncounted, as by `leave`; its keyless receivers are bound to the new epoch and open, unless
   * their end was written down before; and it is over. So is every other epoch of a node of that name: of one that it began
   * in between it may never have heard.
   */
  join(input: {
    readonly node: string
    readonly now: number
    readonly leaseMs: number
    readonly moves?: number
  }): { readonly epoch: number }

  /** Lengthens the lease. `false`: the epoch is over, everything it held belongs to others by now. */
  renew(input: { readonly epoch: number; readonly now: number; readonly leaseMs: number }): boolean

  /**
   * Ends an epoch in good order: what it held goes back uncounted (the next hand-out has the same `attempt`), and its
   * keyless receivers are closed. Returns those of them in which something was left unread; `sweep` does not tell of
   * them again.
   */
  leave(input: { readonly epoch: number; readonly now: number }): readonly Leftover[]

  /**
   * Takes back what is held under epochs that are over. Each callback so found counts one crash, and with `maxCrashes`
   * in a row it is failed for `crashes` instead, with `crashFailure`; so does each run. Deliveries and runs are due again at
   * once, as they were.
   * `limit` bounds the rows touched.
   */
  takeOver(input: { readonly now: number; readonly maxCrashes: number; readonly limit: number }): TakenOver

  /**
   * Lets go of what retention no longer keeps, at most `limit` rows of each kind:
   * - callbacks, `callbacksMs` after they were done, failed or discarded; unread ones `callbacksMs` after the end of
   *   their receiver was told (on request, by `leave`, or by a sweep), unless they are in somebody's hands;
   * - ids of repeated requests past their window, and answers past theirs;
   * - keyless and temporary receivers `keylessMs` after their end was told, once nothing unread or failed is left in them;
   * - deliveries with their attempts, `messagesMs` after they ended, and with the last of them their message, unless it has a
   *   fan-out; messages that were published and have none, `messagesMs` after they were created, once their fan-out is done;
   * - what is large in them, `bodiesMs` after a delivery ended: bodies of messages that have deliveries of which none is
   *   pending and none ended later, and no fan-out, and bodies of answers, where there are any. Where somebody is still to be
   *   told of the end (`claimEnds`), they stay until that is settled;
   * - lanes of which nothing is known any more that a healthy lane would not have;
   * - runs, `runsMs` after they ended. The scope of one that had failed ends with it.
   *
   * Nothing that an open scope owns is among them: a scope is open from the first thing it remembers until it ends.
   *
   * Ends deliveries past their deadline (dead, `expired`), also those being sent, and those that wait in the lane of a
   * subscription that was deleted or has retired (dead, `unsubscribed`). Marks receivers that expired or lost
   * their node, and tells of each what was left unread in it, nothing included, once for each end.
   *
   * Pauses lanes that have been failing for `failingMs`, with at least three strikes, and tells of them, and once of those
   * that have been failing for half of it, with two. What failed once, and was not tried for a week, is forgiven.
   */
  sweep(input: {
    readonly now: number
    readonly callbacksMs: number
    readonly messagesMs: number
    readonly bodiesMs: number
    readonly failingMs: number
    readonly keylessMs: number
    readonly runsMs: number
    readonly limit: number
  }): Swept

  /** What is due by now: callbacks whose delay is over, deliveries to be sent, runs to be entered. A number for `health`. */
  countDue(input: { readonly now: number }): number
}

export interface TakenOver {
  /** Those that failed for it included. */
  readonly callbacks: number
  readonly deliveries: number
  readonly runs: number
  /** Receivers with something to read again. */
  readonly receiverIds: readonly string[]
}

/** A lane that keeps failing: told once at half of the time it may, and again when it is paused. */
export interface TroubledLane {
  readonly lane: Lane
  readonly what: 'failing' | 'paused'
  readonly failingSince: number
}

export interface Swept {
  /** Receivers that ended by themselves since the last sweep. */
  readonly ended: readonly Leftover[]
  /** Unread or failed callbacks let go of, by receiver. */
  readonly dropped: readonly { readonly receiverId: string; readonly callbacks: number }[]
  /** Deliveries that died of their deadline, … */
  readonly expiredDeliveryIds: readonly string[]
  /** … or with their subscription. */
  readonly unsubscribedDeliveryIds: readonly string[]
  readonly lanes: readonly TroubledLane[]
  /** Something was left for the next call. */
  readonly more: boolean
}
