import { InvalidOptionsError } from '../../errors.js'
import type { DeliveryRecord, Lane } from '../../model/delivery.js'
import type { HistoryCommands, ListDeliveriesInput, LoggedAttempt, LoggedDeath } from '../history.js'
import type { Data } from './data.js'
import { addDelivery, toAttempt, toDelivery } from './deliveries.js'
import { toMessage } from './messages.js'
import type { DeliveryRow } from './rows.js'

/** What happened to messages, and sending one again. */
export function historyCommands(data: Data): HistoryCommands {
  return {
    listDeliveries(input) {
      const page: DeliveryRecord[] = []
      for (const delivery of candidates(data, input)) {
        if (page.length >= input.limit) break
        if (isListed(delivery, input)) page.push(toDelivery(delivery))
      }
      return page
    },

    readAttempts({ after, limit, deliveryId: only, ...filter }) {
      const page: LoggedAttempt[] = []
      const from = toSeq(after)
      const logged =
        only === undefined ? data.attemptLog.from(from) : (data.deliveries.get(only)?.attempts ?? [])
      for (const attempt of logged) {
        if (page.length >= limit) break
        const { seq, number, delivery } = attempt
        if (seq <= (from ?? 0) || !isAbout(delivery, filter)) continue
        const { id: deliveryId, messageId, lane } = delivery.record
        page.push({ cursor: String(seq), deliveryId, messageId, lane, number, attempt: toAttempt(attempt) })
      }
      return page
    },

    readDead({ after, limit, ...filter }) {
      const page: LoggedDeath[] = []
      for (const { seq, delivery } of data.deathLog.from(toSeq(after))) {
        if (page.length >= limit) break
        if (isAbout(delivery, filter)) page.push({ cursor: String(seq), delivery: toDelivery(delivery) })
      }
      return page
    },

    findMessage({ messageId }) {
      const message = data.messages.get(messageId)
      return message === undefined ? undefined : toMessage(message)
    },

    redeliver({ deliveryId, again }) {
      const delivery = data.deliveries.get(deliveryId)
      if (delivery === undefined) return { type: 'unknown' }
      const { message, record } = delivery
      const { id: messageId, stripped } = message.record
      if (record.redeliveredAs !== undefined) {
        return { type: 'known', deliveryId: record.redeliveredAs, messageId }
      }
      if (record.endedAt === undefined) return { type: 'pending' }
      if (stripped === true) return { type: 'stripped' }
      addDelivery(data, message, record, again)
      delivery.record = { ...record, redeliveredAs: again.deliveryId }
      return { type: 'redelivered', deliveryId: again.deliveryId, messageId }
    },
  }
}

function candidates(
  data: Data,
  { messageId, newest, after, behind = '' }: ListDeliveriesInput,
): Iterable<DeliveryRow> {
  if (messageId === undefined) {
    if (newest === true) return until(data.deliveryList.downFrom(after), ({ record: { id } }) => id <= behind)
    return data.deliveryList.from(after === undefined || after < behind ? behind : after)
  }
  const sign = newest === true ? -1 : 1
  return [...(data.messages.get(messageId)?.deliveries ?? [])]
    .filter(({ record: { id } }) => id > behind && (after === undefined || sign * compare(id, after) > 0))
    .sort((a, b) => sign * compare(a.record.id, b.record.id))
}

/** Those before the first that is over. */
function* until<T>(items: Iterable<T>, isOver: (item: T) => boolean): Generator<T, void, undefined> {
  for (const item of items) {
    if (isOver(item)) return
    yield item
  }
}

function compare(a: string, b: string): number {
  if (a === b) return 0
  return a < b ? -1 : 1
}

function isListed(delivery: DeliveryRow, filter: ListDeliveriesInput): boolean {
  const { status, reason, since = Number.NEGATIVE_INFINITY, until = Number.POSITIVE_INFINITY } = filter
  const { record, message } = delivery
  const { createdAt } = message.record
  return (
    (status ?? record.status) === record.status &&
    (reason ?? record.reason) === record.reason &&
    since <= createdAt &&
    createdAt < until &&
    isAbout(delivery, filter)
  )
}

function isAbout(
  { record, message }: DeliveryRow,
  { lane, topic }: { readonly lane?: Lane; readonly topic?: string },
): boolean {
  const isOfTopic = topic === undefined || message.record.lane === `topic:${topic}`
  return (lane ?? record.lane) === record.lane && isOfTopic
}

/** A cursor is the number of what was read last. */
function toSeq(cursor: string | undefined): number | undefined {
  if (cursor === undefined) return undefined
  const seq = /^\d{1,15}$/.test(cursor) ? Number(cursor) : undefined
  if (seq === undefined) {
    throw new InvalidOptionsError('after must be the cursor of something that was read before')
  }
  return seq
}
