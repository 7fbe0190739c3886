import {
  type AfterAttempt,
  type AttemptRecord,
  type DeliveryRecord,
  type Lane,
  topicOf,
} from '../../model/delivery.js'
import { optional } from '../optional.js'
import type { NewDelivery } from '../sending.js'
import type { Data } from './data.js'
import { withOwnBody } from './frozen.js'
import { Heap } from './heap.js'
import { dropMessage, letMessageExpire } from './messages.js'
import type { AttemptRow, DeliveryRow, MessageRow } from './rows.js'
import { isForsaken } from './subscribers.js'

// The life of a delivery, from its message to its end and out of the store.

const NO_BYTES = new Uint8Array()

/** Where a delivery goes: that of its message, or one of those a message to many has. */
interface Place {
  readonly lane: Lane
  readonly url?: string | undefined
}

export function addDelivery(
  data: Data,
  message: MessageRow,
  { lane, url }: Place,
  { deliveryId, dueAt, deadlineAt }: NewDelivery,
): DeliveryRow {
  const delivery: DeliveryRow = {
    message,
    record: {
      id: deliveryId,
      messageId: message.record.id,
      lane,
      ...(url === undefined ? {} : { url }),
      ...optional('topic', topicOf(message.record.lane)),
      createdAt: message.record.createdAt,
      status: 'due',
      dueAt,
      deadlineAt,
      attempts: 0,
    },
    fence: 0,
    scope: undefined,
    node: undefined,
    attempts: [],
    death: undefined,
    end: undefined,
  }
  message.deliveries.add(delivery)
  message.unsettled += 1
  data.settledMessages.delete(message)
  data.deliveries.set(deliveryId, delivery)
  data.deliveryList.add(delivery)
  data.deadlines.add(delivery)
  queue(data, delivery)
  return delivery
}

export function toDelivery({ record }: DeliveryRow): DeliveryRecord {
  return { ...record }
}

/** As it is handed out: the bytes are the caller's. */
export function toAttempt({ record }: AttemptRow): AttemptRecord {
  return record.answer === undefined ? record : { ...record, answer: withOwnBody(record.answer) }
}

export function makeDue(data: Data, delivery: DeliveryRow, dueAt: number): void {
  delivery.record = { ...delivery.record, status: 'due', dueAt }
  queue(data, delivery)
}

export function letGoOfDelivery(delivery: DeliveryRow): void {
  delivery.node?.deliveries.delete(delivery)
  delivery.node = undefined
}

/** A delivery in hand goes back as it was, unless it has ended meanwhile. */
export function giveBack(data: Data, delivery: DeliveryRow): boolean {
  letGoOfDelivery(delivery)
  if (delivery.record.endedAt !== undefined) return false
  makeDue(data, delivery, delivery.record.dueAt)
  return true
}

/** No further attempt. `false` if it has ended. */
export function callOff(data: Data, delivery: DeliveryRow, now: number): boolean {
  if (delivery.record.endedAt !== undefined) return false
  endDelivery(data, delivery, { status: 'dead', reason: 'cancelled' }, now)
  return true
}

type End = Exclude<AfterAttempt, { readonly status: 'due' }>

/** Final. Whose attempt is under way may still record it. */
export function endDelivery(data: Data, delivery: DeliveryRow, end: End, now: number): void {
  unqueue(data, delivery)
  data.deadlines.delete(delivery)
  const { status } = end
  const reason = end.status === 'dead' ? { reason: end.reason } : {}
  delivery.record = { ...delivery.record, status, ...reason, endedAt: now }
  if (end.status === 'dead' && end.reason !== 'cancelled') {
    data.lastSeq += 1
    delivery.death = { seq: data.lastSeq, delivery }
    data.deathLog.add(delivery.death)
  }
  if (delivery.scope === undefined) letDeliveryExpire(data, delivery)
  if (status === 'dead') data.runQueue.resumeDead(delivery.record.id, now)
  else data.runQueue.resume(delivery.record.id, now)
}

/** From now on retention counts for a delivery that has ended, and that no open scope owns. */
export function letDeliveryExpire(data: Data, delivery: DeliveryRow): void {
  data.endedDeliveries.add(delivery)
  if (delivery.end === undefined) letBodiesExpire(data, delivery)
}

/** And for what is large in it, once nobody is to be told of it any more. */
function letBodiesExpire(data: Data, delivery: DeliveryRow): void {
  const { message, record } = delivery
  data.answeredDeliveries.add(delivery)
  message.unsettled -= 1
  message.settledAt = Math.max(message.settledAt, record.endedAt ?? 0)
  letMessageExpire(data, message)
}

/** A delivery is about to end, and that is to be told, unless it tells of an end itself. */
export function addEnd(data: Data, delivery: DeliveryRow, concerns: Lane | 'anybody', now: number): void {
  if (delivery.message.record.follows !== undefined) return
  delivery.end = { delivery, concerns, turnAt: now }
  data.untoldEnds.add(delivery.end)
}

/** It was told, or cannot be any more. `false` when there is nothing to tell. */
export function settleEnd(data: Data, delivery: DeliveryRow): boolean {
  if (delivery.end === undefined) return false
  data.untoldEnds.delete(delivery.end)
  delivery.end = undefined
  if (delivery.scope === undefined) letBodiesExpire(data, delivery)
  return true
}

/** Lets go of the bodies of its answers. */
export function stripAnswers({ attempts }: DeliveryRow): void {
  for (const attempt of attempts) {
    const { answer } = attempt.record
    if (answer === undefined || answer.body.length === 0) continue
    attempt.record = Object.freeze({
      ...attempt.record,
      answer: Object.freeze({ ...answer, body: NO_BYTES, truncated: true }),
    })
  }
}

/** Forgets a delivery and its attempts, and with the last one its message. */
export function dropDelivery(data: Data, delivery: DeliveryRow): void {
  letGoOfDelivery(delivery)
  settleEnd(data, delivery)
  data.endedDeliveries.delete(delivery)
  data.answeredDeliveries.delete(delivery)
  data.deliveries.delete(delivery.record.id)
  data.deliveryList.delete(delivery)
  for (const attempt of delivery.attempts) data.attemptLog.delete(attempt)
  if (delivery.death !== undefined) data.deathLog.delete(delivery.death)
  const { message } = delivery
  message.deliveries.delete(delivery)
  if (message.deliveries.size === 0 && message.fanOut === undefined) dropMessage(data, message)
}

function queue(data: Data, delivery: DeliveryRow): void {
  const { lane } = delivery.record
  const due = data.lanes.get(lane) ?? new Heap<DeliveryRow>(isOlder)
  data.lanes.set(lane, due)
  due.add(delivery)
  if (isForsaken(data, lane)) data.forsakenLanes.add(lane)
}

function unqueue(data: Data, delivery: DeliveryRow): void {
  const { lane } = delivery.record
  const due = data.lanes.get(lane)
  due?.delete(delivery)
  if (due?.size === 0) data.lanes.delete(lane)
}

function isOlder({ record: a }: DeliveryRow, { record: b }: DeliveryRow): boolean {
  return a.dueAt === b.dueAt ? a.id < b.id : a.dueAt < b.dueAt
}
