import type { CallbackRecord, Claim } from './callback.js'
import type { ReceiverRecord } from './receiver.js'
import type { Result, RunClaim } from './run.js'

// What a scope remembers, so that its code can be run again from the top.

/** An entry of a scope, as a write of its code has to show it: the callback or the run, its epoch and its fence. */
export type Entry =
  | { readonly type: 'callback'; readonly claim: Claim }
  | { readonly type: 'run'; readonly claim: RunClaim }

/** The outermost scope: what is remembered belongs to it, and is locked by its row. */
export function scopeIdOf(entry: Entry): string {
  return entry.type === 'callback' ? entry.claim.callbackId : entry.claim.runId
}

/** Where in its scope something is remembered. */
export interface MemoryKey {
  /** `''` for the scope itself, else the id of a callback that was read from a receiver of the scope. */
  readonly part: string
  readonly key: string
  /** 0 is the verb under that key; n is its n-th wait: a read of its receiver, a wait for its delivery or run. */
  readonly n: number
}

/** The key as one text: two of them are equal when the keys are. */
export function nameOf({ part, key, n }: MemoryKey): string {
  return `${n}\0${part}\0${key}`
}

export type Verb = Memory['verb']

/** What a verb left that began. */
export type Begun<V extends Verb> = Exclude<Extract<Memory, { readonly verb: V }>, NotBegun>

/** An exchange that can be waited for only when its message has been sent again. */
export function isToResend(memory: Memory): boolean {
  return memory.verb === 'exchange' && hasBegun(memory) && memory.retried === true && memory.end === undefined
}

/** Whether a verb began: if not, the cancellation of the run was thrown in its place. */
export function hasBegun(memory: Memory): memory is Exclude<Memory, NotBegun> {
  switch (memory.verb) {
    case 'exchange':
      return 'receiver' in memory
    case 'wait':
    case 'sleep':
      return true
    default:
      return !('end' in memory)
  }
}

export type Memory =
  | { readonly verb: 'spawn'; readonly receiver: ReceiverRecord }
  | { readonly verb: 'send'; readonly messageId: string; readonly deliveryId: string }
  | { readonly verb: 'publish'; readonly messageId: string }
  | { readonly verb: 'start'; readonly runId: string; readonly workflow: string; readonly key: string }
  | { readonly verb: 'step'; readonly result: Result }
  | { readonly verb: 'race' | 'any'; readonly decision: Decision }
  | ({ readonly verb: 'exchange'; readonly receiver: ReceiverRecord } & Delivered & Timed & Retried)
  | ({ readonly verb: 'sleep' | 'wait' } & Timed)
  /** The cancellation of the run was thrown at this verb before it began. */
  | NotBegun

export interface NotBegun {
  readonly verb: 'spawn' | 'send' | 'publish' | 'start' | 'step' | 'race' | 'any' | 'exchange'
  readonly end: Cancel
}

interface Delivered {
  readonly messageId: string
  readonly deliveryId: string
}

interface Retried {
  /** A retry by hand has forgotten its end: before it is waited for, its message is sent again where that is needed. */
  readonly retried?: true
}

/** Its deadline was fixed when it was first made; without an end it is still open. */
interface Timed {
  readonly deadlineAt?: number
  /**
   * The innermost race that a wait with a deadline takes part in. Where that is lost the number of the wait is given back,
   * and its deadline with it: another wait of that number has its own.
   */
  readonly within?: MemoryKey
  readonly end?: WaitEnd
}

/** How a wait ended: one fact, which stands for every later entry. */
export type WaitEnd =
  | { readonly type: 'callback'; readonly callback: CallbackRecord }
  | { readonly type: 'timed_out' }
  /** The receiver, with nothing unread in it. */
  | { readonly type: 'closed' | 'expired' }
  /** The delivery. */
  | { readonly type: 'delivered' | 'dead' }
  /** The run, with what it ended with: a failed one may be retried, and end otherwise. */
  | { readonly type: 'run_done' | 'run_failed'; readonly result: Result }
  /** The run, with the reason that `cancelRun` was given: one that nobody ever claimed has no result. */
  | { readonly type: 'run_cancelled'; readonly reason?: string }
  | Cancel

/** The cancellation of the scope's own run was thrown here. */
export interface Cancel {
  readonly type: 'cancel'
  readonly reason?: string
}

export type WaitEndType = WaitEnd['type']

/** What somebody waits for in a scope. */
export type WaitTarget =
  | { readonly type: 'time' }
  | { readonly type: 'receiver'; readonly receiverId: string }
  | { readonly type: 'delivery'; readonly deliveryId: string }
  | { readonly type: 'run'; readonly runId: string }
  /** The answer to a message, or the end of the hope for one. */
  | { readonly type: 'exchange'; readonly receiverId: string; readonly deliveryId: string }

/** Which branch of a race won, and with what: a wait of the scope, which has its own memory, or a result. */
export interface Decision {
  readonly winner: string
  readonly by:
    | { readonly type: 'wait'; readonly at: MemoryKey }
    | {
        readonly type: 'result'
        readonly result: Result
        /**
         * Of an `any` whose branches all failed: the memory that each failure came from. Not there where one of them came
         * from none.
         */
        readonly blames?: readonly MemoryKey[]
      }
}

/** A race that a wait takes part in. */
export interface Race {
  readonly at: MemoryKey
  readonly verb: 'race' | 'any'
  /** The branch in which the wait is. */
  readonly branch: string
  /** The ends that settle the branch so that it wins. */
  readonly wins: readonly WaitEndType[]
}

/**
 * The races that the end of a wait decides, the innermost first: each is won by the wait, or by the race within it. One
 * that is not decided decides none around it.
 */
export function decideRaces(
  at: MemoryKey,
  end: WaitEndType,
  races: readonly Race[],
): readonly { readonly at: MemoryKey; readonly memory: Memory }[] {
  const decided: { at: MemoryKey; memory: Memory }[] = []
  let by = at
  for (const race of races) {
    if (!race.wins.includes(end)) break
    const decision: Decision = { winner: race.branch, by: { type: 'wait', at: by } }
    decided.push({ at: race.at, memory: { verb: race.verb, decision } })
    by = race.at
  }
  return decided
}
