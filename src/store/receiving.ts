import type {
  CallbackRecord,
  Claim,
  ClaimedCallback,
  FailedRecord,
  FailureReason,
  StoredAnswer,
} from '../model/callback.js'
import type { Failure } from '../model/failure.js'
import type { MemoryKey } from '../model/memory.js'
import type { ReceiverRecord, ReceiverState, ReceiverSummary, SettingsPatch } from '../model/receiver.js'

// Receivers and what they hold.
//
//   S1. The receiver's row is the lock: `spawn`, `accept` and `close` of one receiver happen one after the other, and
//       `seq` is given under it, so the order of `seq` is the order of commits.
//   S2. A request is accepted once for each delivery id within its window, also when the mailbox is full or closed.
//   S3. A claimed callback is handed to nobody else until its claim is given up or its epoch is over.
//   S4. Every write about a claim names its epoch and fence; if either is no longer true it changes nothing: `false`.

export interface ReceiverCommands {
  /**
   * Makes a receiver, or finds the one with that key and changes its settings. A receiver whose id is the one given was
   * made by this very command: it is `created` as before, and nothing is changed. A keyless one whose epoch is over is
   * closed from the start. Settings that expired receivers get do not open them: only `reopen` does.
   */
  spawn(input: SpawnInput): SpawnOutcome

  /**
   * The receiver behind a token, ended ones included. Its `state` here and everywhere is the one at `now`: it is
   * `closed` when its node is lost (src/store/nodes.ts), unless it had expired before anybody closed it.
   */
  findReceiver(input: { readonly token: string; readonly now: number }): ReceiverRecord | undefined

  /** A page of the registry, in order of id, after the id `after`. */
  listReceivers(input: {
    readonly now: number
    readonly limit: number
    readonly after?: string
    readonly key?: string
    readonly state?: ReceiverState
  }): readonly ReceiverSummary[]

  /**
   * Stores a callback, or says why not. Judged in this order: version, duplicate, ended, content, capacity; before all
   * of them, a `callbackId` that is stored already was this very command, and is `accepted` as before.
   */
  accept(input: AcceptInput): AcceptOutcome

  /**
   * Closes, for good unless reopened, and lists what is unread in order of `seq` without taking it, what is in
   * somebody's hands included. An expired one stays expired.
   */
  closeReceiver(input: { readonly receiverId: string; readonly now: number }): readonly CallbackRecord[]

  /** Remembers what a sender was answered. The first answer stands: `false` if there is one already. */
  answer(input: AnswerInput): boolean

  /** The answer to a callback that is stored. A repetition is told with its `duplicate`, however long that is gone. */
  findAnswer(input: { readonly callbackId: string }): StoredAnswer | undefined
}

export interface SpawnInput {
  /** Used only when the receiver is new. */
  readonly id: string
  readonly token: string
  readonly key?: string
  /** Binds a receiver without a key to its node. */
  readonly epoch?: number
  /** A new one is forgotten some time after its end, like one without a key. */
  readonly temporary?: true
  readonly now: number
  readonly patch: SettingsPatch
  /** Opens a closed or expired one again; its `ttl` counts from here. */
  readonly reopen: boolean
}

export type SpawnOutcome =
  | { readonly type: 'spawned'; readonly receiver: ReceiverRecord; readonly created: boolean }
  | { readonly type: 'conflict'; readonly message: string }

export interface AcceptInput {
  readonly callbackId: string
  readonly receiverId: string
  /** The version of the settings by which the request was judged; left out, any will do. */
  readonly version?: number
  readonly now: number
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: string
  readonly body: Uint8Array
  readonly deliveryId?: string
  /** Until when a repetition is recognised. */
  readonly dedupeUntil: number
  /** What the sender will be answered, when that is known already; remembered for repetitions. */
  readonly answer?: StoredAnswer
  /** `refused`: the caller found the content wanting, and asks whether anything that goes before speaks first. */
  readonly content: 'good' | 'refused'
  readonly capacity: number
}

export type AcceptOutcome =
  /** `resumes`: a parked run that waited for it is due. */
  | { readonly type: 'accepted'; readonly seq: number; readonly resumes?: true }
  /** The same delivery id was accepted before. Without an answer its first sender is still waiting for one. */
  | {
      readonly type: 'duplicate'
      readonly callbackId: string
      readonly receivedAt: number
      readonly answer?: StoredAnswer
    }
  /** The settings have changed since the request was judged: judge it again by these. */
  | { readonly type: 'stale'; readonly receiver: ReceiverRecord }
  | { readonly type: 'ended'; readonly state: 'closed' | 'expired' }
  | { readonly type: 'refused' }
  | { readonly type: 'full' }
  | { readonly type: 'unknown' }

export interface AnswerInput {
  readonly callbackId: string
  readonly answer: StoredAnswer
  /** Until when repetitions may ask for it. */
  readonly until: number
}

export interface CallbackCommands {
  /**
   * Takes up to `limit` callbacks: first what was delayed and is due by now, then what is ready, each in order of `seq`.
   * With `ordered`, only callbacks whose group is known are taken: of those without one, as many as are missing to
   * `limit` are returned as `ungrouped`, in order of `seq`, to be named in the `groups` of the next call. `groups` is
   * heeded for callbacks that could be taken now, before anything is taken; a group, once given, stays.
   *
   * A store may hand out fewer than it could, or none, where the bodies would be too many at once: `lookAgainAt` says so.
   *
   * Under an epoch that is over, and of a receiver of an open scope, nothing is taken or named; under the former only
   * `state` and `unread` are told.
   */
  claim(input: ClaimInput): ClaimOutcome

  /** Ends claims whose callbacks were handled, and their scopes. */
  acknowledge(input: { readonly claims: readonly Claim[]; readonly now: number }): {
    /** For each claim, in order: whether it was still valid. */
    readonly done: readonly boolean[]
    /**
     * Receivers in which the next of a group became ready, or that ended and have nothing unread any more; of exchanges,
     * all that ended.
     */
    readonly receiverIds: readonly string[]
  }

  /** Gives a claim back. */
  release(input: ReleaseInput): boolean

  /**
   * Gives back, uncounted, what this epoch has claimed of a receiver without anybody knowing: every callback whose id is
   * not in `held`. For whoever sent a `claim` that never had its reply. Returns how many; none under an epoch that is over.
   */
  reclaim(input: ReclaimInput): number

  /** Sets a claimed callback aside, with its reason. `blames`: the memory of its scope whose failure it is. */
  giveUp(input: {
    readonly claim: Claim
    readonly now: number
    readonly reason: FailureReason
    readonly error: Failure
    readonly blames?: MemoryKey
  }): boolean

  /** A page of what was set aside, in order of `seq`, after `after`. */
  listFailed(input: {
    readonly receiverId: string
    readonly limit: number
    readonly after?: number
  }): readonly FailedRecord[]

  /**
   * Hands a failed callback out again, its failures and crashes forgotten, `attempt` counting on. It is ready, or takes
   * its place in its group. Its scope forgets as a run's does (`retryRun`). `false` if it is not among the failed.
   */
  retryFailed(input: FailedInput): boolean

  /** Ends its scope, too. */
  discardFailed(input: FailedInput): boolean

  /**
   * Which of these deserve a look: receivers with something ready or due or that are no longer open, deliveries that
   * ended, callbacks that have their answer, runs that ended or whose cancellation is requested. What a process asks once
   * each poll interval, for all who wait in it.
   */
  news(input: NewsInput): NewsOutcome
}

export interface ClaimInput {
  readonly receiverId: string
  readonly epoch: number
  readonly limit: number
  readonly now: number
  readonly ordered: boolean
  readonly groups?: readonly { readonly callbackId: string; readonly group: string }[]
}

export interface ClaimOutcome {
  readonly callbacks: readonly ClaimedCallback[]
  readonly ungrouped: readonly CallbackRecord[]
  /** The receiver's state at `now`; `closed` also when it is not there any more. */
  readonly state: ReceiverState
  /** Something is still unread: ready, delayed, queued or in hands, what this call took included. */
  readonly unread: boolean
  /**
   * When there may be more without any wake-up: a delay is over, or the open receiver expires, whichever is first. At
   * or before `now` when something due was left for the next call.
   */
  readonly lookAgainAt?: number
}

export interface ReleaseInput {
  readonly claim: Claim
  readonly now: number
  /** Not to be handed out before. Without it the callback comes again before anything newer. */
  readonly dueAt?: number
  /**
   * `uncounted`: as if it had never been handed out; `failure`: counts among the failures of its handler. The other two
   * end a row of crashes.
   */
  readonly as: 'counted' | 'uncounted' | 'failure'
}

export interface ReclaimInput {
  readonly receiverId: string
  readonly epoch: number
  /** The callbacks of this receiver that are in somebody's hands under this epoch. */
  readonly held: readonly string[]
  readonly now: number
}

export interface FailedInput {
  readonly receiverId: string
  readonly callbackId: string
  readonly now: number
}

export interface NewsInput {
  readonly now: number
  readonly receiverIds: readonly string[]
  readonly deliveryIds: readonly string[]
  readonly callbackIds: readonly string[]
  readonly runIds: readonly string[]
}

export interface NewsOutcome {
  readonly receiverIds: readonly string[]
  readonly deliveryIds: readonly string[]
  readonly callbackIds: readonly string[]
  readonly runIds: readonly string[]
}
