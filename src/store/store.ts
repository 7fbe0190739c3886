import type { Transaction } from '../model/joining.js'
import type { ExchangeCommands } from './exchanging.js'
import type { EndCommands, HistoryCommands } from './history.js'
import type { JoinedCommands } from './joining.js'
import type { NodeCommands } from './nodes.js'
import type { PublicationCommands } from './publishing.js'
import type { CallbackCommands, ReceiverCommands } from './receiving.js'
import type { RunCommands } from './running.js'
import type { ScopeCommands } from './scoping.js'
import type { OutboxCommands } from './sending.js'
import type { SubscriptionCommands } from './subscribing.js'

// The contract between the library and the place where its state lives. Everything else is a function over it that can
// be killed at any instant.
//
//   S8.  A command is a value: plain data in, plain data out, no functions. It happens wholly or not at all.
//   S9.  When a command's promise resolves, what it wrote is on disk (where there is a disk).
//   S10. Commands sent by one process to one session take effect in the order in which they were sent.
//   S11. Ids and instants come with the command, so one whose outcome is unknown may be sent again: what it adds (`spawn`,
//        `accept`, `answer`, `send`, `publish`, `beginExchange`) is there once, and a claim it ends (`acknowledge`, `release`, `giveUp`,
//        `recordAttempt`) is ended once, whereupon the repetition is told that it no longer holds. Not so `claim`,
//        `takeAnswer`, `claimDeliveries` and `claimRuns`: what they took nobody knows of. Whoever sent one without learning its outcome
//        sends `reclaim`, `reclaimDeliveries` or `reclaimRuns` first, with what it does hold.
//   S12. A command that rejects with `StoreUnusableError` or `InvalidOptionsError` has written nothing. One that rejects
//        with `StoreUnavailableError` may have been done: the store could not be asked, or its answer was lost.
//   S13. A wake-up carries no data. It may be lost, repeated or early; whoever waits also asks `news` now and then.

/** Every command, as an engine carries it out. The conformance suite in `longline/testing` says the same in tests. */
export interface Commands
  extends NodeCommands,
    ReceiverCommands,
    CallbackCommands,
    OutboxCommands,
    SubscriptionCommands,
    PublicationCommands,
    HistoryCommands,
    EndCommands,
    ExchangeCommands,
    ScopeCommands,
    RunCommands {}

export type CommandName = keyof Commands
export type Input<N extends CommandName> = Parameters<Commands[N]>[0]
export type Outcome<N extends CommandName> = ReturnType<Commands[N]>

/**
 * Something may have changed: look again. `outbox`: a delivery may be due; `runs`: a run may be; `fanOuts`: a message may
 * wait for its deliveries; `ends`: somebody may have to be told of an end.
 */
export type Wake =
  | { readonly kind: 'receiver'; readonly receiverId: string }
  | { readonly kind: 'answer'; readonly callbackId: string }
  | { readonly kind: 'delivery' | 'dead'; readonly deliveryId: string }
  | { readonly kind: 'run'; readonly runId: string }
  | { readonly kind: 'outbox' }
  | { readonly kind: 'runs' }
  | { readonly kind: 'fanOuts' }
  | { readonly kind: 'ends' }

/** The store, opened: every command, as a promise. */
export type StoreSession = {
  readonly [N in CommandName]: (input: Input<N>) => Promise<Outcome<N>>
} & {
  /** Calls back, after the commit, for what this or another node changed. Returns how to stop. */
  subscribe(listener: (wake: Wake) => void): () => void
  /** Commands as part of a transaction of the caller's, where the store is in his database. */
  readonly within?: (transaction: Transaction) => JoinedCommands
  /** What the operator should know about how the store runs here; it is logged when the server opens. */
  readonly note?: string
  /** Where a server is to ask at other times than it does by default. */
  readonly pace?: Pace
  /** Waits for the commands under way, then lets go of the store. */
  close(): Promise<void>
}

/** How often a server asks its store for what no wake-up and no timer of its own has told it, and how long it may be away. */
export interface Pace {
  readonly pollMs: number
  readonly leaseMs: number
  readonly renewMs: number
  readonly sweepMs: number
}

/**
 * Where state lives. Opening it makes the tables or brings them up to date.
 *
 * @throws StoreInUseError when another process holds it and does not leave in time.
 * @throws StoreUnusableError when it is corrupt, read-only, full, or was written by a newer version.
 */
export interface Store {
  readonly name: string
  /**
   * Only one process can have it open, and whoever opens it knows that every earlier epoch is over: nobody needs to
   * renew leases there.
   */
  readonly exclusive: boolean
  open(): Promise<StoreSession>
}
