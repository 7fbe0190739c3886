import type { CallbackRecord, CallbackState, FailureReason } from '../../model/callback.js'
import type { AttemptRecord, DeliveryRecord, MessageRecord } from '../../model/delivery.js'
import type { Failure } from '../../model/failure.js'
import type { ReceiverSettings, ReceiverState } from '../../model/receiver.js'
import type { SortedList } from './sorted-list.js'
import type { Unread } from './unread.js'

// What the memory store keeps. What is `readonly` here never changes; the rest is changed in place by the commands.

export interface NodeRow {
  readonly epoch: number
  leaseEndsAt: number
  /** Seen to be over: it stays so. */
  over: boolean
  /** In its hands. */
  readonly callbacks: Set<CallbackRow>
  readonly deliveries: Set<DeliveryRow>
  /** Bound to it and not marked as ended. */
  readonly receivers: Set<ReceiverRow>
}

export interface ReceiverRow {
  readonly id: string
  readonly key?: string
  readonly token: string
  readonly epoch?: number
  version: number
  /** As far as somebody has marked it: what counts is `stateOf`. */
  state: ReceiverState
  openedAt: number
  expiresAt: number | undefined
  /** When its end was told. */
  endedAt: number | undefined
  settings: ReceiverSettings
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
  /** Who has it, while it is claimed. */
  node: NodeRow | undefined
  dueAt: number | undefined
  group: string | undefined
  endedAt: number | undefined
  failure: { readonly reason: FailureReason; readonly error: Failure } | undefined
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
  /** Whose attempt is under way. It may still record it when the delivery has ended meanwhile. */
  node: NodeRow | undefined
  readonly attempts: AttemptRecord[]
}
