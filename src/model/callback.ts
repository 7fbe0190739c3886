import type { Failure } from './failure.js'

/**
 * The life of one callback.
 *
 *   accept ──▶ ready ──claim──▶ claimed ──acknowledge──▶ done
 *                ▲                 │ │
 *                ├──release────────┘ ├──give up──▶ failed ──discard──▶ discarded
 *                │                   │               │
 *                └──due── delayed ◀──┘           retry ──▶ ready
 *
 * A receiver read in groups (`orderBy`) keeps one callback of a group in `ready`, `claimed` or `delayed`; those behind
 * it are `queued`, and the next by `seq` becomes `ready` when it is `done`, `failed` or dropped. A callback that joins
 * its group late (retried, or named late) takes the place of a `ready` one with a higher `seq`, which is `queued`
 * again; else it is queued itself.
 *
 * A callback of a scope's receiver is `taken` when it is read, which is for good: it is `done` when the scope ends.
 *
 * `ready`, `delayed`, `queued` and `claimed` are unread: they count against the capacity, and retention leaves them alone
 * while their receiver is open.
 */
export type CallbackState =
  | 'ready'
  | 'delayed'
  | 'queued'
  | 'claimed'
  | 'taken'
  | 'done'
  | 'failed'
  | 'discarded'

export type FailureReason = 'handler' | 'schema' | 'crashes'

/** The error of a callback that is set aside for `crashes`. */
export function crashFailure(crashes: number): Failure {
  const message = `Its process ended ${crashes} times in a row while the callback was in hand`
  return { name: 'Error', message }
}

/** One request, as it was accepted. */
export interface CallbackRecord {
  readonly id: string
  readonly receiverId: string
  readonly seq: number
  readonly deliveryId?: string
  readonly receivedAt: number
  readonly method: string
  /** What followed the receiver's URL, still encoded: `''` or `/status`. */
  readonly path: string
  /** Without the question mark, as received. */
  readonly query: string
  /** A JSON array of strings, name and value in turn, as received. Read it with `decodeHeaders`. */
  readonly headers: string
  readonly body: Uint8Array
}

/** A callback in somebody's hands. `fence` is the number of this hand-out; every write about it must name it. */
export interface ClaimedCallback extends CallbackRecord {
  readonly attempt: number
  /** How many hand-outs ended with a handler that threw. */
  readonly failures: number
  readonly fence: number
  /** When it was first handed out. */
  readonly startedAt: number
  /** Something is remembered of how it was handled before. */
  readonly remembers: boolean
}

/** Who holds a callback: what a write about it has to show. */
export interface Claim {
  readonly receiverId: string
  readonly callbackId: string
  readonly epoch: number
  readonly fence: number
}

export interface FailedRecord extends CallbackRecord {
  readonly attempt: number
  readonly reason: FailureReason
  readonly error: Failure
}

/** The answer that a sender got, kept for its repetitions. The body is cut at 16 KiB. */
export interface StoredAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
}
