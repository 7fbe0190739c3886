import type { Claim, StoredAnswer } from '../../model/callback.js'
import type { Lane } from '../../model/delivery.js'
import { type ReceiverState, stateAt } from '../../model/receiver.js'
import { EndQueue } from './end-queue.js'
import { Heap } from './heap.js'
import { LaneStates } from './lane-states.js'
import type {
  AttemptRow,
  CallbackRow,
  DeathRow,
  DeliveryRow,
  ExchangeRow,
  FanOutRow,
  MessageRow,
  NodeRow,
  ReceiverRow,
  RepeatRow,
  RunRow,
  ScopeRow,
  SubscriptionRow,
  TopicRow,
} from './rows.js'
import { RunQueue } from './run-queue.js'
import { SortedList } from './sorted-list.js'

// Everything the memory store knows, and the few facts about it that more than one command needs.
//
//   D1. A command looks first and changes afterwards: what throws has changed nothing.
//   D2. What is handed in is copied and frozen, so what is handed out may be shared, but for bytes: they are copied again.
//   D3. Each list that `sweep` or `takeOver` works off is in order, so that they touch only what is to be done.
//   D4. What an open scope owns is in none of the lists from which retention lets go; it comes there when the scope ends.

const NO_BYTES = new Uint8Array()

export class Data {
  readonly nodes = new Map<number, NodeRow>()
  lastEpoch = 0

  readonly receivers = new Map<string, ReceiverRow>()
  readonly receiversByToken = new Map<string, ReceiverRow>()
  readonly receiversByKey = new Map<string, ReceiverRow>()
  readonly registry = new SortedList<ReceiverRow, string>(receiver => receiver.id)
  /** Open ones that expire. */
  readonly expiring = new Heap<ReceiverRow>((a, b) => (a.expiresAt ?? 0) < (b.expiresAt ?? 0))
  /** Ended by themselves, and no sweep has told so yet. */
  readonly untold = new Set<ReceiverRow>()
  /** Ended with something unread, and somebody was told. */
  readonly leftovers = new Heap<ReceiverRow>(byEnd)
  /** Likewise. */
  readonly endedTemporary = new Heap<ReceiverRow>(byEnd)

  readonly callbacks = new Map<string, CallbackRow>()
  readonly delayed = new Set<CallbackRow>()
  readonly endedCallbacks = new Heap<CallbackRow>(byEnd)
  readonly repeats = new Map<string, RepeatRow>()
  readonly repeatsByEnd = new Heap<RepeatRow>((a, b) => a.until < b.until)
  readonly answers = new Map<string, AnswerRow>()
  readonly answersByEnd = new Heap<AnswerRow>((a, b) => a.until < b.until)

  readonly messages = new Map<string, MessageRow>()
  /** Of messages with one target, … */
  readonly messagesByKey = new Map<string, MessageRow>()
  /** … and of those to many. */
  readonly publicationsByKey = new Map<string, MessageRow>()
  readonly fanOuts = new Heap<FanOutRow>(
    (a, b) => a.turnAt < b.turnAt || (a.turnAt === b.turnAt && a.message.record.id < b.message.record.id),
  )
  /** With deliveries that have all ended, and with their bodies. */
  readonly settledMessages = new Heap<MessageRow>((a, b) => a.settledAt < b.settledAt)
  /** Published, and without a delivery. */
  readonly unheardMessages = new Heap<MessageRow>((a, b) => a.record.createdAt < b.record.createdAt)

  readonly deliveries = new Map<string, DeliveryRow>()
  readonly deliveryList = new SortedList<DeliveryRow, string>(({ record }) => record.id)
  readonly exchangesByKey = new Map<string, ExchangeRow>()
  readonly lanes = new Map<Lane, Heap<DeliveryRow>>()
  readonly laneStates = new LaneStates()
  /** What waits in them is to die: their subscriptions are gone. */
  readonly forsakenLanes = new Set<Lane>()
  readonly deadlines = new Heap<DeliveryRow>((a, b) => a.record.deadlineAt < b.record.deadlineAt)
  readonly endedDeliveries = new Heap<DeliveryRow>(byDeliveryEnd)
  /** Likewise, with the bodies of their answers. */
  readonly answeredDeliveries = new Heap<DeliveryRow>(byDeliveryEnd)
  lastSeq = 0
  readonly attemptLog = new SortedList<AttemptRow, number>(({ seq }) => seq)
  readonly deathLog = new SortedList<DeathRow, number>(({ seq }) => seq)
  readonly untoldEnds = new EndQueue()

  readonly topics = new Map<string, TopicRow>()
  readonly topicList = new SortedList<TopicRow, string>(({ id }) => id)
  readonly subscriptions = new Map<string, SubscriptionRow>()
  readonly subscriptionsByTarget = new Map<string, SubscriptionRow>()
  readonly subscriptionList = new SortedList<SubscriptionRow, string>(({ record }) => record.id)
  lastSubscription = 0

  readonly scopes = new Map<string, ScopeRow>()

  readonly runs = new Map<string, RunRow>()
  readonly runsByKey = new Map<string, RunRow>()
  readonly runsByWorkflow = new Map<string, SortedList<RunRow, string>>()
  readonly runQueue = new RunQueue()
  /** Ended, and remembered by no open scope. */
  readonly endedRuns = new Heap<RunRow>(byEnd)
}

interface AnswerRow {
  readonly callbackId: string
  readonly answer: StoredAnswer
  readonly until: number
}

function byEnd(
  a: { readonly endedAt: number | undefined },
  b: { readonly endedAt: number | undefined },
): boolean {
  return (a.endedAt ?? 0) < (b.endedAt ?? 0)
}

function byDeliveryEnd({ record: a }: DeliveryRow, { record: b }: DeliveryRow): boolean {
  return (a.endedAt ?? 0) < (b.endedAt ?? 0)
}

/** The node of an epoch, unless the epoch is over. Once seen to be over it stays over, also when the clock goes back. */
export function liveNode(data: Data, epoch: number, now: number): NodeRow | undefined {
  const node = data.nodes.get(epoch)
  if (node === undefined) return undefined
  if (node.leaseEndsAt <= now) node.over = true
  return node.over ? undefined : node
}

/** The state at an instant, whether or not anybody has marked it. */
export function stateOf(data: Data, receiver: ReceiverRow, now: number): ReceiverState {
  const { state, expiresAt, epoch } = receiver
  const byClock = stateAt(expiresAt === undefined ? { state } : { state, expiresAt }, now)
  const isLost = epoch !== undefined && liveNode(data, epoch, now) === undefined
  return byClock === 'open' && isLost ? 'closed' : byClock
}

/** The callback of a claim, if the claim is still true. */
export function claimedCallback(data: Data, claim: Claim, now: number): CallbackRow | undefined {
  const callback = data.callbacks.get(claim.callbackId)
  if (callback?.state !== 'claimed' || callback.fence !== claim.fence) return undefined
  const isOurs = callback.receiver.id === claim.receiverId && callback.node?.epoch === claim.epoch
  return isOurs && liveNode(data, claim.epoch, now) !== undefined ? callback : undefined
}

/** Writes down that a receiver ended, for somebody who tells of it. */
export function endReceiver(
  data: Data,
  receiver: ReceiverRow,
  state: 'closed' | 'expired',
  endedAt: number,
): void {
  noteEnd(data, receiver, state, endedAt)
  tellEnd(data, receiver, endedAt)
}

/** The end of a receiver has been told: what retention keeps from the end, it keeps from here. */
export function tellEnd(data: Data, receiver: ReceiverRow, now: number): void {
  data.untold.delete(receiver)
  receiver.endedAt = now
  if (receiver.scope === undefined) letExpire(data, receiver)
}

/** From now on, retention counts for what is left of a receiver whose end has been told. */
export function letExpire(data: Data, receiver: ReceiverRow): void {
  if (receiver.unread.size > 0) data.leftovers.add(receiver)
  if (receiver.isTemporary) data.endedTemporary.add(receiver)
}

/** Writes down that a receiver ended by itself. A sweep will tell. */
export function endUntold(data: Data, receiver: ReceiverRow, state: 'closed' | 'expired', now: number): void {
  noteEnd(data, receiver, state, now)
  data.untold.add(receiver)
}

function noteEnd(data: Data, receiver: ReceiverRow, state: 'closed' | 'expired', now: number): void {
  receiver.state = state
  data.expiring.delete(receiver)
  if (receiver.epoch !== undefined) data.nodes.get(receiver.epoch)?.receivers.delete(receiver)
  data.runQueue.resume(receiver.id, now)
}

/** Writes down what the clock, or the loss of its node, has made of a receiver. A sweep will tell. */
export function markEnd(data: Data, receiver: ReceiverRow, now: number): void {
  const state = stateOf(data, receiver, now)
  if (receiver.state !== 'open' || state === 'open') return
  endUntold(data, receiver, state, now)
}

/** A callback that is unread no more. Whether the next of its group became ready. */
export function endCallback(
  data: Data,
  callback: CallbackRow,
  state: 'done' | 'failed',
  now: number,
): boolean {
  const isNextReady = callback.receiver.unread.remove(callback)
  letGo(callback)
  callback.state = state
  callback.endedAt = now
  data.endedCallbacks.add(callback)
  return isNextReady
}

/** A callback in hand is in nobody's hands any more. */
export function letGo(callback: CallbackRow): void {
  callback.node?.callbacks.delete(callback)
  callback.node = undefined
}

/** Nobody can ask for it again; only its id and place are still needed. */
export function dropContent(callback: CallbackRow): void {
  callback.record = { ...callback.record, headers: '[]', body: NO_BYTES }
}
