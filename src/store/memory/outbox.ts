import { type DeliveryClaim, hasSameTarget } from '../../model/delivery.js'
import { afterNews, healthyLane } from '../../model/lane.js'
import type { OutboxCommands, SendInput, SendOutcome } from '../sending.js'
import { type Data, liveNode } from './data.js'
import {
  addDelivery,
  addEnd,
  callOff,
  endDelivery,
  giveBack,
  letGoOfDelivery,
  makeDue,
  toAttempt,
  toDelivery,
} from './deliveries.js'
import { frozenCopy } from './frozen.js'
import { closeLanes, openLanes } from './lane-gates.js'
import { addMessage, toMessage } from './messages.js'
import type { DeliveryRow } from './rows.js'
import { prove, putLaneState, subscriptionOf, toSubscription } from './subscribers.js'
import { nextTurn, takeInTurns } from './turns.js'

/** Messages, their deliveries, and the attempts at them. */
export function outboxCommands(data: Data): OutboxCommands {
  return {
    send(input) {
      return send(data, input)
    },

    claimDeliveries(input) {
      const { epoch, now, limit } = input
      const node = liveNode(data, epoch, now)
      if (node === undefined) return { claimed: [] }
      const lanes = openLanes(data, input)
      const turns = lanes.map(lane => lane.turns)
      const claimed = takeInTurns(turns, limit).map(delivery => {
        delivery.record = { ...delivery.record, status: 'sending' }
        delivery.fence += 1
        delivery.node = node
        node.deliveries.add(delivery)
        const subscription = subscriptionOf(data, delivery.record.lane)
        return {
          delivery: toDelivery(delivery),
          message: toMessage(delivery.message),
          fence: delivery.fence,
          ...(subscription === undefined ? {} : { subscription: toSubscription(data, subscription) }),
        }
      })
      const next = nextTurn(turns)
      closeLanes(data, lanes)
      return { claimed, ...next }
    },

    recordAttempt({ claim, now, attempt, next, news, tells, proves }) {
      const delivery = heldDelivery(data, claim)
      if (delivery === undefined || liveNode(data, claim.epoch, now) === undefined) return 'lost'
      const { lane, attempts, firstAttemptAt = attempt.at, endedAt } = delivery.record
      data.lastSeq += 1
      const row = { seq: data.lastSeq, delivery, number: attempts + 1, record: frozenCopy(attempt) }
      delivery.attempts.push(row)
      data.attemptLog.add(row)
      delivery.record = { ...delivery.record, attempts: attempts + 1, firstAttemptAt }
      letGoOfDelivery(delivery)
      const state = data.laneStates.of(lane) ?? healthyLane
      const changed = news === undefined ? undefined : afterNews(state, news, now)
      if (changed !== undefined) putLaneState(data, lane, changed)
      if (endedAt !== undefined) return 'ended'
      if (next.status === 'due') {
        makeDue(data, delivery, next.dueAt)
        return 'recorded'
      }
      if (tells === true) addEnd(data, delivery, lane.startsWith('endpoint:') ? lane : 'anybody', now)
      endDelivery(data, delivery, next, now)
      if (next.status === 'delivered' && proves !== false) proveBy(data, delivery)
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
      return delivery === undefined ? undefined : toDelivery(delivery)
    },

    listAttempts({ deliveryId }) {
      return (data.deliveries.get(deliveryId)?.attempts ?? []).map(toAttempt)
    },

    cancelDelivery({ deliveryId, now }) {
      const delivery = data.deliveries.get(deliveryId)
      return delivery !== undefined && callOff(data, delivery, now)
    },
  }
}

export function send(data: Data, { message, ...delivery }: SendInput): SendOutcome {
  const byKey = message.key === undefined ? undefined : data.messagesByKey.get(message.key)
  const known = data.messages.get(message.id) ?? byKey
  if (known === undefined) {
    addDelivery(data, addMessage(data, message), message, delivery)
    return { type: 'sent', messageId: message.id, deliveryId: delivery.deliveryId, created: true }
  }
  const { id: messageId, lane } = known.record
  const [oldest] = known.deliveries
  if (!hasSameTarget(known.record, message) || oldest === undefined) return { type: 'conflict', lane }
  return { type: 'sent', messageId, deliveryId: oldest.record.id, created: messageId === message.id }
}

/** The proof of a subscription was delivered, unless it has been asked for another one meanwhile. */
function proveBy(data: Data, { record: { lane, messageId } }: DeliveryRow): void {
  const subscription = lane.startsWith('proof:') ? subscriptionOf(data, lane) : undefined
  if (subscription?.proof === messageId) prove(data, subscription)
}

function heldDelivery(data: Data, { deliveryId, epoch, fence }: DeliveryClaim): DeliveryRow | undefined {
  const delivery = data.deliveries.get(deliveryId)
  return delivery?.node?.epoch === epoch && delivery.fence === fence ? delivery : undefined
}
