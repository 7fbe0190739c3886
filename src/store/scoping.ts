import type { Decision, Entry, Memory, MemoryKey, Race, WaitEnd, WaitTarget } from '../model/memory.js'
import type { ReceiverRecord, SettingsPatch } from '../model/receiver.js'
import type { Result } from '../model/run.js'
import type { PublishInput } from './publishing.js'
import type { NewDelivery, SendInput } from './sending.js'

// What a scope does and remembers. A scope is a callback in somebody's hands, or a run.
//
//   S14. Every command but `recall` names an entry. Where that is over (its epoch, its fence, its scope), nothing is
//        written, and the outcome is `lost`.
//   S15. What is remembered under a key stays. A command that finds its key taken by the same verb returns what is there,
//        whatever it brought; by another verb, that is `known`, and nothing is written. So is a verb at which the
//        cancellation of the run was thrown: it never begins.
//   S16. What a scope owns (its receivers, what it read from them, what it sent, the runs it started) is left alone by
//        retention while the scope is open. When the scope ends (acknowledged, discarded, done, cancelled) its receivers
//        close, as closed by themselves, what it read is done, and what it remembered is gone. A failed one keeps all of
//        it.
//   S17. Anything written for an entry ends the row of crashes of its scope.

export interface ScopeCommands {
  /**
   * A page of what a scope remembers, in the order in which it was first remembered: from its beginning, from the memory at
   * `from` on, or after the place `after`. Nothing when there is no memory at `from`. At most `limit`, and fewer where the
   * values would be too many at once; `next` is the `after` of the following page, if there is one.
   */
  recall(input: RecallInput): RecallOutcome

  /** Remembers the result of a step, or the decision of a race that no wait of the scope decided. */
  remember(input: RememberInput): RememberOutcome

  /** Makes a receiver of the scope. It has no key, and belongs to no node. */
  spawnInScope(input: {
    readonly entry: Entry
    readonly at: MemoryKey
    readonly receiver: NewReceiver
    readonly now: number
  }): { readonly type: 'spawned'; readonly receiver: ReceiverRecord } | Conflict | Known | Lost

  /** Stores a message and its delivery. `message.key` is not used: the key of the scope says that there is one. */
  sendInScope(input: {
    readonly entry: Entry
    readonly at: MemoryKey
    readonly send: SendInput
    readonly now: number
  }): { readonly type: 'sent'; readonly messageId: string; readonly deliveryId: string } | Known | Lost

  /**
   * Stores a message to many, as `publish` does; `publish.key` is not used. What is kept of it is that it was published:
   * its deliveries end and are forgotten like any others.
   */
  publishInScope(input: {
    readonly entry: Entry
    readonly at: MemoryKey
    readonly publish: PublishInput
    readonly now: number
  }): { readonly type: 'published'; readonly messageId: string } | Known | Lost

  /** A receiver, a message and a wait for the answer, in one move. */
  exchangeInScope(input: {
    readonly entry: Entry
    readonly at: MemoryKey
    readonly receiver: NewReceiver
    readonly send: SendInput
    readonly deadlineAt?: number
    readonly now: number
  }): BegunExchange | Conflict | Known | Lost

  /**
   * Makes an exchange whole again whose end a retry by hand has forgotten: from now on it has this deadline, and is to be
   * sent again no more. Unless its answer is there already, its receiver is open again; and where its delivery is dead,
   * the same message has a new one, and the old one stays as it is. An exchange that is not to be sent again, or at which
   * the cancellation of the run was thrown, is left alone.
   *
   * Rejects with `InvalidOptionsError` where nothing is remembered.
   */
  resendInScope(input: {
    readonly entry: Entry
    readonly at: MemoryKey
    /** Used only when it is needed. */
    readonly delivery: NewDelivery
    readonly deadlineAt?: number
    readonly now: number
  }): BegunExchange | Known | Lost

  /**
   * Looks whether a wait has ended, and ends it: one fact, decided here. In this order: an end that is remembered; the
   * races it is part of; what the target has; the deadline. A receiver's oldest unread callback is taken, also past the
   * deadline; it is then the scope's, and unread no more. Of a receiver that has ended, and is empty, the end is
   * remembered.
   *
   * An exchange ends with the answer, whereupon its receiver closes and no further attempt is made; else with its dead
   * delivery, whereupon its receiver closes; else with the end of its receiver; else with its deadline, whereupon no further
   * attempt is made.
   *
   * Rejects with `InvalidOptionsError` where another verb is remembered, or an exchange that has not begun, or that a retry
   * by hand has forgotten and `resendInScope` has not made whole again.
   */
  decide(input: DecideInput): DecideOutcome

  /**
   * Throws the cancellation of a run, if one is requested, at this place, which may be a wait without an end, or a verb
   * that has not begun. `false` when none is, when something else is remembered there already or one of `decides` has
   * been decided, or the entry is over.
   */
  throwCancel(input: {
    readonly entry: Entry
    readonly at: MemoryKey
    /** The verb at that place. */
    readonly verb: Memory['verb']
    readonly decides: readonly Race[]
    readonly now: number
  }): boolean
}

export interface BegunExchange {
  readonly type: 'begun'
  readonly receiver: ReceiverRecord
  readonly messageId: string
  readonly deliveryId: string
  readonly deadlineAt?: number
}

export interface NewReceiver {
  readonly id: string
  readonly token: string
  readonly patch: SettingsPatch
}

export interface RecallInput {
  readonly scopeId: string
  readonly from?: MemoryKey
  readonly after?: number
  readonly limit: number
  readonly now: number
}

export interface RecallOutcome {
  readonly memories: readonly Remembered[]
  /** The `after` of the next page. */
  readonly next?: number
}

export interface Remembered {
  readonly at: MemoryKey
  readonly memory: Memory
}

export interface RememberInput {
  readonly entry: Entry
  readonly at: MemoryKey
  readonly memory:
    | { readonly verb: 'step'; readonly result: Result }
    | { readonly verb: 'race' | 'any'; readonly decision: Decision }
  readonly now: number
}

export type RememberOutcome = { readonly type: 'remembered'; readonly memory: Memory } | Known | Lost

export interface DecideInput {
  readonly entry: Entry
  readonly at: MemoryKey
  /** `wait` for n ≥ 1. */
  readonly verb: 'wait' | 'sleep' | 'exchange'
  readonly target: WaitTarget
  /**
   * Fixed by the first look that brings one; later ones are not heeded, unless they are of a `wait` whose innermost race
   * is another: that lost its race, and gave its number back. An exchange that was begun with one has it from then; it
   * gets a new one with `resendInScope`, after a retry that forgot it.
   */
  readonly deadlineAt?: number
  /** A wait of this number was given up before in this entry: nothing of it is heeded. */
  readonly anew: boolean
  /** The races that its end decides, the innermost first. */
  readonly decides: readonly Race[]
  readonly now: number
}

export type DecideOutcome =
  | { readonly type: 'ended'; readonly end: WaitEnd }
  /** One of its races was decided by another branch; nothing was taken. */
  | { readonly type: 'raced' }
  /** `lookAgainAt`: the deadline, or when the receiver expires, whichever is first. */
  | { readonly type: 'waiting'; readonly deadlineAt?: number; readonly lookAgainAt?: number }
  | Lost

/** Why the settings of a receiver cannot be. */
export interface Conflict {
  readonly type: 'conflict'
  readonly message: string
}

/** The key is another verb's. */
export interface Known {
  readonly type: 'known'
  readonly memory: Memory
}

export interface Lost {
  readonly type: 'lost'
}
