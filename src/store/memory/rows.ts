import type { CallbackRecord, CallbackState, FailureReason } from '../../model/callback.js'
import type { AttemptRecord, DeliveryRecord, MessageRecord } from '../../model/delivery.js'
import type { Failure } from '../../model/failure.js'
import type { Memory, MemoryKey } from '../../model/memory.js'
import type { ReceiverSettings, ReceiverState } from '../../model/receiver.js'
import type { Result, RunCancellation, RunStatus } from '../../model/run.js'
import type { ParkedWait } from '../running.js'
import type { SortedList } from './sorted-list.js'
import type { Unread } from './unread.js'

// What the memory store keeps. What is `readonly` here never changes; the rest is changed in place by the commands.

export interface NodeRow {
  readonly epoch: number
  readonly name: string
  leaseEndsAt: number
  /** Seen to be over: it stays so. */
  over: boolean
  /** In its hands. */
  readonly callbacks: Set<CallbackRow>
  readonly deliveries: Set<DeliveryRow>
  readonly runs: Set<RunRow>
  /** Bound to it and not marked as ended. */
  readonly receivers: Set<ReceiverRow>
}

export interface ReceiverRow {
  readonly id: string
  readonly key?: string
  readonly token: string
  epoch?: number
  version: number
  /** As far as somebody has marked it: what counts is `stateOf`. */
  state: ReceiverState
  openedAt: number
  expiresAt: number | undefined
  /** When its end was told. */
  endedAt: number | undefined
  settings: ReceiverSettings
  /** Whose it is, while that scope is open. */
  scope: ScopeRow | undefined
  /** The exchange with a key that it was made for. */
  exchange: ExchangeRow | undefined
  lastSeq: number
  readonly unread: Unread<CallbackRow>
  readonly failed: SortedList<CallbackRow, number>
}

export interface CallbackRow {
  readonly seq: number
  readonly receiver: ReceiverRow
  /** Without its content once it is done. */
  record: CallbackRecord
  state: CallbackState
  attempt: number
  failures: number
  crashes: number
  fence: number
  /** When it was first handed out. */
  startedAt: number | undefined
  /** Who has it, while it is claimed. */
  node: NodeRow | undefined
  dueAt: number | undefined
  group: string | undefined
  endedAt: number | undefined
  failure: { readonly reason: FailureReason; readonly error: Failure } | undefined
  /** The memory that the failure came from. */
  blames: MemoryKey | undefined
}

/** An exchange of the server that has a key. */
export interface ExchangeRow {
  readonly key: string
  readonly receiver: ReceiverRow
  /** Where the message goes, for as long as the key holds. */
  readonly target: Pick<MessageRecord, 'lane' | 'url'>
  readonly messageId: string
  readonly deliveryId: string
  /** The id of the callback that was its answer. */
  answer: string | undefined
}

export interface RepeatRow {
  readonly name: string
  readonly callbackId: string
  readonly receivedAt: number
  readonly until: number
}

export interface DeliveryRow {
  readonly message: MessageRecord
  record: DeliveryRecord
  fence: number
  /** Who sent it, while that scope is open. */
  scope: ScopeRow | undefined
  /** Whose attempt is under way. It may still record it when the delivery has ended meanwhile. */
  node: NodeRow | undefined
  readonly attempts: AttemptRecord[]
}

/** A scope that is open, and all that belongs to it. */
export interface ScopeRow {
  /** Of the callback or of the run. */
  readonly id: string
  readonly memories: SortedList<MemoryRow, number>
  readonly memoriesByName: Map<string, MemoryRow>
  lastOrdinal: number
  readonly receivers: Set<ReceiverRow>
  /** What was read from them. */
  readonly taken: Set<CallbackRow>
  readonly deliveries: Set<DeliveryRow>
  readonly runs: Set<RunRow>
}

export interface MemoryRow {
  readonly at: MemoryKey
  /** In the order in which it was first remembered. */
  readonly ordinal: number
  /** With its receiver as it was then: what counts is the row of that. */
  memory: Memory
}

export interface RunRow {
  readonly id: string
  readonly workflow: string
  readonly key: string
  readonly input: Uint8Array
  readonly startedAt: number
  status: RunStatus
  /** When it is to be entered: also of a parked one. Of a running one, when it was. */
  dueAt: number | undefined
  attempt: number
  failures: number
  crashes: number
  fence: number
  cancellation: RunCancellation
  cancelReason: string | undefined
  endedAt: number | undefined
  /** Kept while it is running, in case it is given back as it was. */
  result: Result | undefined
  /** The memory that its failure came from. */
  blames: MemoryKey | undefined
  /** Who has it, while it is running. */
  node: NodeRow | undefined
  /** What it waits for, while it is parked. */
  waits: readonly ParkedWait[]
  /** The open scopes that remember it. */
  readonly rememberedBy: Set<ScopeRow>
}
