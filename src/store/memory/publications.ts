import type { ClaimFanOutOutcome, PublicationCommands, PublishInput } from '../publishing.js'
import type { Data } from './data.js'
import { addDelivery } from './deliveries.js'
import { frozenCopy } from './frozen.js'
import { addMessage, letMessageExpire, toMessage } from './messages.js'
import type { FanOutRow, MessageRow, SubscriptionRow } from './rows.js'
import { hasRetired, laneOf, toSubscription } from './subscribers.js'

/** Messages to many, and how those to topics find their subscribers. */
export function publicationCommands(data: Data): PublicationCommands {
  return {
    publish(input) {
      const { message, key } = input
      const byKey = key === undefined ? undefined : data.publicationsByKey.get(key)
      const known = data.messages.get(message.id) ?? byKey
      if (known === undefined) {
        addPublication(data, input)
        return { type: 'published', messageId: message.id, created: true }
      }
      const { id: messageId, lane } = known.record
      if (lane !== message.lane) return { type: 'conflict', lane }
      return { type: 'published', messageId, created: messageId === message.id }
    },

    claimFanOut({ now, holdMs, limit }) {
      const fanOut = data.fanOuts.shiftIf(({ turnAt }) => turnAt <= now)
      const { first } = data.fanOuts
      const next = first === undefined ? {} : { nextAt: first.turnAt }
      if (fanOut === undefined) return next
      fanOut.turnAt = now + holdMs
      data.fanOuts.add(fanOut)
      return { fanOut: toFanOut(data, fanOut, limit), ...next }
    },

    fanOut({ messageId, from, to, done, deliveries, now }) {
      const fanOut = data.messages.get(messageId)?.fanOut
      if (fanOut?.from !== from) return false
      const { message } = fanOut
      for (const { subscriptionId, ...delivery } of deliveries) {
        const subscription = data.subscriptions.get(subscriptionId)
        if (subscription === undefined || hasRetired(data, subscription)) continue
        addDelivery(data, message, { lane: laneOf(subscription) }, delivery)
      }
      data.fanOuts.delete(fanOut)
      if (done) {
        message.fanOut = undefined
        letMessageExpire(data, message)
      } else {
        fanOut.from = to
        fanOut.turnAt = now
        data.fanOuts.add(fanOut)
      }
      return true
    },
  }
}

export function addPublication(data: Data, { message: record, key, to }: PublishInput): MessageRow {
  const message = addMessage(data, record, { publishedAs: key })
  if (to.type === 'list') {
    for (const { lane, url, ...delivery } of to.deliveries)
      addDelivery(data, message, { lane, url }, delivery)
  } else {
    const { patterns, dueAt, deadlineAt } = to
    const way = {
      patterns: frozenCopy(patterns),
      upTo: data.lastSubscription,
      from: 0,
      turnAt: record.createdAt,
    }
    message.fanOut = { message, dueAt, deadlineAt, ...way }
    data.fanOuts.add(message.fanOut)
  }
  letMessageExpire(data, message)
  return message
}

function toFanOut(data: Data, fanOut: FanOutRow, limit: number): NonNullable<ClaimFanOutOutcome['fanOut']> {
  const { message, from, dueAt, deadlineAt } = fanOut
  const found = nextSubscribers(data, fanOut, limit + 1)
  const page = found
    .slice(0, limit)
    .map(subscription => ({ no: subscription.no, subscription: toSubscription(data, subscription) }))
  return { message: toMessage(message), from, dueAt, deadlineAt, page, last: found.length <= limit }
}

/** The first ones behind the place where the fan-out stands, whichever of its patterns they have. */
function nextSubscribers(
  data: Data,
  { patterns, from, upTo }: FanOutRow,
  limit: number,
): readonly SubscriptionRow[] {
  const found = patterns.flatMap(pattern => {
    const some: SubscriptionRow[] = []
    for (const subscription of data.topics.get(pattern)?.subscriptions.from(from) ?? []) {
      if (some.length === limit || subscription.no > upTo) break
      if (!hasRetired(data, subscription)) some.push(subscription)
    }
    return some
  })
  return found.sort((a, b) => a.no - b.no).slice(0, limit)
}
