import type { CallbackRecord, CallbackState, FailureReason } from '../../model/callback.js'
import type {
  AddressedMessage,
  AttemptRecord,
  DeliveryRecord,
  Lane,
  MessageRecord,
} from '../../model/delivery.js'
import type { Failure } from '../../model/failure.js'
import type { LaneRecord } from '../../model/lane.js'
import type { Memory, MemoryKey } from '../../model/memory.js'
import type { ReceiverSettings, ReceiverState } from '../../model/receiver.js'
import type { Result, RunCancellation, RunStatus } from '../../model/run.js'
import type { SubscriptionRecord } from '../../model/subscription.js'
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
  /** Retention lets go of it some time after its end. */
  readonly isTemporary: boolean
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
  readonly target: Pick<AddressedMessage, 'lane' | 'url'>
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

export interface MessageRow {
  /** Without its body once that is stripped. */
  record: MessageRecord
  /** The key of a publication: `record.key` is that of a message with one target. */
  readonly publishedAs: string | undefined
  /** In the order in which they were made. */
  readonly deliveries: Set<DeliveryRow>
  /** How many of them have not ended, or are owned by an open scope. */
  unsettled: number
  /** When the last of them ended that has. */
  settledAt: number
  /** What is left of the way through the subscriptions. */
  fanOut: FanOutRow | undefined
}

export interface FanOutRow {
  readonly message: MessageRow
  readonly patterns: readonly string[]
  readonly dueAt: number
  readonly deadlineAt: number
  /** The number of the last subscription there was. */
  readonly upTo: number
  /** The number of the last one that has its delivery. */
  from: number
  turnAt: number
}

export interface DeliveryRow {
  readonly message: MessageRow
  record: DeliveryRecord
  fence: number
  /** Who sent it, while that scope is open. */
  scope: ScopeRow | undefined
  /** Whose attempt is under way. It may still record it when the delivery has ended meanwhile. */
  node: NodeRow | undefined
  readonly attempts: AttemptRow[]
  /** Where it stands among those that died. */
  death: DeathRow | undefined
  /** Its end is still to be told. */
  end: EndRow | undefined
}

/** An attempt, and its place among all of them. */
export interface AttemptRow {
  readonly seq: number
  readonly delivery: DeliveryRow
  /** 1 is the first of its delivery. */
  readonly number: number
  /** Without the body of its answer once that is stripped. */
  record: AttemptRecord
}

export interface DeathRow {
  readonly seq: number
  readonly delivery: DeliveryRow
}

export interface EndRow {
  readonly delivery: DeliveryRow
  /** Whom it concerns: whoever asks, or who asks for its lane. */
  readonly concerns: Lane | 'anybody'
  turnAt: number
}

/** What is known of a lane. */
export interface LaneRow {
  readonly lane: Lane
  state: LaneRecord
}

/** A topic that somebody declared or subscribes to, or a pattern that somebody subscribes to. */
export interface TopicRow {
  readonly id: string
  name: string | undefined
  declared: boolean
  readonly subscriptions: SortedList<SubscriptionRow, number>
}

export interface SubscriptionRow {
  /** Its place in the order in which they came to be. */
  readonly no: number
  /** Without its pause, which is that of its lane. */
  record: Omit<SubscriptionRecord, 'pause'>
  /** The message with which it may prove itself. */
  proof: string | undefined
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
