import { type AfterAttempt, type DeliveryClaim, hasSameTarget, type Lane } from '../../model/delivery.js'
import type { OutboxCommands, SendInput } from '../sending.js'
import { type Data, liveNode } from './data.js'
import { frozenCopy, withOwnBody } from './frozen.js'
import { Heap } from './heap.js'
import type { DeliveryRow } from './rows.js'
import { nextTurn, Turns, takeInTurns } from './turns.js'

/** Messages, their deliveries, and the attempts at them. */
export function outboxCommands(data: Data): OutboxCommands {
  return {
    send({ message, deliveryId, dueAt, deadlineAt }) {
      const byKey = message.key === undefined ? undefined : data.deliveriesByKey.get(message.key)
      const [known = byKey] = data.deliveriesByMessage.get(message.id) ?? []
      if (known !== undefined) {
        if (!hasSameTarget(known.message, message)) return { type: 'conflict', lane: known.message.lane }
        const created = known.message.id === message.id
        return { type: 'sent', messageId: known.message.id, deliveryId: known.record.id, created }
      }
      addDelivery(data, { message, deliveryId, dueAt, deadlineAt })
      return { type: 'sent', messageId: message.id, deliveryId, created: true }
    },

    claimDeliveries({ epoch, now, limit, lanes, originRoom }) {
      const node = liveNode(data, epoch, now)
      if (node === undefined) return { claimed: [] }
      const roomOf = (lane: Lane): number =>
        lane.startsWith('origin:') ? originRoom - (lanes[lane] ?? 0) : (lanes[lane] ?? 0)
      // What is past its deadline is passed over; a sweep will end it.
      const standing = {
        dueAt: ({ record }: DeliveryRow) => record.dueAt,
        isPassedOver: ({ record }: DeliveryRow) => record.deadlineAt <= now,
      }
      const turns = [...data.lanes].map(([lane, due]) => new Turns(due, roomOf(lane), now, standing))
      const claimed = takeInTurns(turns, limit).map(delivery => {
        delivery.record = { ...delivery.record, status: 'sending' }
        delivery.fence += 1
        delivery.node = node
        node.deliveries.add(delivery)
        return {
          delivery: { ...delivery.record },
          message: withOwnBody(delivery.message),
          fence: delivery.fence,
        }
      })
      const next = nextTurn(turns)
      for (const lane of turns) lane.finish()
      for (const [lane, due] of data.lanes) if (due.size === 0) data.lanes.delete(lane)
      return { claimed, ...next }
    },

    recordAttempt({ claim, now, attempt, next }) {
      const delivery = heldDelivery(data, claim)
      if (delivery === undefined || liveNode(data, claim.epoch, now) === undefined) return 'lost'
      const { attempts, firstAttemptAt = attempt.at } = delivery.record
      const hadEnded = delivery.record.endedAt !== undefined
      delivery.attempts.push(frozenCopy(attempt))
      delivery.record = { ...delivery.record, attempts: attempts + 1, firstAttemptAt }
      letGoOfDelivery(delivery)
      if (hadEnded) return 'ended'
      if (next.status === 'due') makeDue(data, delivery, next.dueAt)
      else endDelivery(data, delivery, next, now)
      return 'recorded'
    },

    releaseDelivery({ claim }) {
      const delivery = heldDelivery(data, claim)
      if (delivery?.record.status !== 'sending' || delivery.node?.over === true) return false
      return giveBack(data, delivery)
    },

    reclaimDeliveries({ epoch, held, now }) {
      const node = liveNode(data, epoch, now)
      if (node === undefined) return 0
      const known = new Set(held)
      const forgotten = [...node.deliveries].filter(
        ({ record }) => record.status === 'sending' && !known.has(record.id),
      )
      for (const delivery of forgotten) giveBack(data, delivery)
      return forgotten.length
    },

    findDelivery({ deliveryId }) {
      const delivery = data.deliveries.get(deliveryId)
      return delivery === undefined ? undefined : { ...delivery.record }
    },

    listAttempts({ deliveryId }) {
      return (data.deliveries.get(deliveryId)?.attempts ?? []).map(attempt =>
        attempt.answer === undefined ? attempt : { ...attempt, answer: withOwnBody(attempt.answer) },
      )
    },

    cancelDelivery({ deliveryId, now }) {
      const delivery = data.deliveries.get(deliveryId)
      return delivery !== undefined && callOff(data, delivery, now)
    },
  }
}

export function addDelivery(data: Data, { message, deliveryId, dueAt, deadlineAt }: SendInput): DeliveryRow {
  const { id: messageId, lane, key } = message
  const delivery: DeliveryRow = {
    message: frozenCopy(message),
    record: { id: deliveryId, messageId, lane, status: 'due', dueAt, deadlineAt, attempts: 0 },
    fence: 0,
    scope: undefined,
    node: undefined,
    attempts: [],
  }
  data.deliveries.set(deliveryId, delivery)
  data.deliveriesByMessage.set(
    messageId,
    (data.deliveriesByMessage.get(messageId) ?? new Set<DeliveryRow>()).add(delivery),
  )
  if (key !== undefined) data.deliveriesByKey.set(key, delivery)
  data.deadlines.add(delivery)
  queue(data, delivery)
  return delivery
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
  if (delivery.scope === undefined) data.endedDeliveries.add(delivery)
  if (status === 'dead') data.runQueue.resumeDead(delivery.record.id, now)
  else data.runQueue.resume(delivery.record.id, now)
}

/** Forgets a delivery and its attempts, and with the last one its message. */
export function dropDelivery(data: Data, delivery: DeliveryRow): void {
  letGoOfDelivery(delivery)
  data.endedDeliveries.delete(delivery)
  data.deliveries.delete(delivery.record.id)
  const { id, key } = delivery.message
  const others = data.deliveriesByMessage.get(id)
  others?.delete(delivery)
  if (others !== undefined && others.size > 0) return
  data.deliveriesByMessage.delete(id)
  if (key !== undefined) data.deliveriesByKey.delete(key)
}

function makeDue(data: Data, delivery: DeliveryRow, dueAt: number): void {
  delivery.record = { ...delivery.record, status: 'due', dueAt }
  queue(data, delivery)
}

function heldDelivery(data: Data, { deliveryId, epoch, fence }: DeliveryClaim): DeliveryRow | undefined {
  const delivery = data.deliveries.get(deliveryId)
  return delivery?.node?.epoch === epoch && delivery.fence === fence ? delivery : undefined
}

function letGoOfDelivery(delivery: DeliveryRow): void {
  delivery.node?.deliveries.delete(delivery)
  delivery.node = undefined
}

function queue(data: Data, delivery: DeliveryRow): void {
  const { lane } = delivery.record
  const due = data.lanes.get(lane) ?? new Heap<DeliveryRow>(isOlder)
  data.lanes.set(lane, due)
  due.add(delivery)
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
