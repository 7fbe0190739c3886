import type { ClaimedCallback } from '../../model/callback.js'
import { hasSameTarget } from '../../model/delivery.js'
import type { ExchangeCommands, TakeAnswerOutcome } from '../exchanging.js'
import { claimNext, handOut, nextLook, standingOf } from './callbacks.js'
import { type Data, liveNode, stateOf } from './data.js'
import { callOff } from './deliveries.js'
import { closeQuietly, toRecord } from './receivers.js'
import type { CallbackRow, ExchangeRow, NodeRow } from './rows.js'
import { conflictOf, makeDelivery, makeReceiver } from './verbs.js'

/** Exchanges of the server, outside of any scope. */
export function exchangeCommands(data: Data): ExchangeCommands {
  return {
    beginExchange({ key, epoch, receiver, send, now }) {
      const known = key === undefined ? undefined : data.exchangesByKey.get(key)
      if (known !== undefined) return toBegun(data, known, send, receiver.id, now)
      const { id: messageId } = send.message
      const sent = { messageId, deliveryId: send.deliveryId }
      const repeated = data.receivers.get(receiver.id)
      if (repeated !== undefined) {
        return { type: 'begun', receiver: toRecord(data, repeated, now), ...sent, created: true }
      }
      if (epoch !== undefined && liveNode(data, epoch, now) === undefined) return { type: 'lost' }
      const conflict = conflictOf(receiver)
      if (conflict !== undefined) return conflict
      const row = makeReceiver(data, { ...receiver, ...(epoch === undefined ? {} : { epoch }) }, now)
      makeDelivery(data, send)
      if (key !== undefined) {
        const { lane, url } = send.message
        const target = { lane, ...(url === undefined ? {} : { url }) }
        const exchange: ExchangeRow = { key, receiver: row, target, ...sent, answer: undefined }
        data.exchangesByKey.set(key, exchange)
        row.exchange = exchange
      }
      return { type: 'begun', receiver: toRecord(data, row, now), ...sent, created: true }
    },

    takeAnswer({ receiverId, deliveryId, epoch, now }) {
      const receiver = data.receivers.get(receiverId)
      if (receiver === undefined) return { type: 'closed' }
      const node = liveNode(data, epoch, now)
      const answer = receiver.exchange?.answer
      if (answer !== undefined) return takeAgain(data, answer, node, now)

      const callback = node === undefined ? undefined : claimNext(data, receiver, node, now)
      const delivery = data.deliveries.get(deliveryId)
      if (callback !== undefined) {
        if (receiver.exchange !== undefined) receiver.exchange.answer = callback.id
        closeQuietly(data, receiver, now, { inHand: 1 })
        if (delivery !== undefined) callOff(data, delivery, now)
        return { type: 'taken', callback }
      }
      const isEmpty = receiver.unread.size === 0
      if (isEmpty && delivery?.record.status === 'dead') {
        closeQuietly(data, receiver, now)
        return { type: 'dead' }
      }
      const state = stateOf(data, receiver, now)
      if (isEmpty && state !== 'open') return { type: state }
      const lookAgainAt = node === undefined ? undefined : nextLook(data, receiver, now)
      return { type: 'waiting', ...(lookAgainAt === undefined ? {} : { lookAgainAt }) }
    },
  }
}

function toBegun(
  data: Data,
  { target, receiver, messageId, deliveryId }: ExchangeRow,
  { message }: Parameters<ExchangeCommands['beginExchange']>[0]['send'],
  receiverId: string,
  now: number,
): ReturnType<ExchangeCommands['beginExchange']> {
  if (!hasSameTarget(target, message)) return { type: 'other_target', lane: target.lane }
  // Only its own repetition can have its id.
  const created = receiver.id === receiverId
  return { type: 'begun', receiver: toRecord(data, receiver, now), messageId, deliveryId, created }
}

/** The answer that was taken before, wherever it is by now. */
function takeAgain(data: Data, answer: string, node: NodeRow | undefined, now: number): TakeAnswerOutcome {
  const callback = data.callbacks.get(answer)
  if (callback === undefined) return { type: 'forgotten' }
  switch (callback.state) {
    case 'done':
      return { type: 'acknowledged', callback: standingOf(data, callback) }
    case 'failed':
      return { type: 'set_aside', callbackId: answer }
    case 'discarded':
      return { type: 'closed' }
    default:
      return takeBack(data, callback, node, now)
  }
}

function takeBack(
  data: Data,
  callback: CallbackRow,
  node: NodeRow | undefined,
  now: number,
): TakeAnswerOutcome {
  if (node === undefined) return { type: 'waiting' }
  if (callback.receiver.unread.takeThis(callback, now)) {
    const taken: ClaimedCallback = handOut(data, callback, node, now)
    return { type: 'taken', callback: taken }
  }
  const { dueAt } = callback
  return {
    type: 'waiting',
    ...(callback.state === 'delayed' && dueAt !== undefined ? { lookAgainAt: dueAt } : {}),
  }
}
