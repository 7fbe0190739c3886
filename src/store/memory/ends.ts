import type { ClaimEndsOutcome, EndCommands } from '../history.js'
import type { Data } from './data.js'
import { settleEnd as settle, toAttempt, toDelivery } from './deliveries.js'
import { toMessage } from './messages.js'
import { send } from './outbox.js'
import type { DeliveryRow, EndRow } from './rows.js'
import { subscriptionOf, toSubscription } from './subscribers.js'

/** Ends that somebody has to be told of. */
export function endCommands(data: Data): EndCommands {
  return {
    claimEnds({ now, holdMs, holdMostMs, limit, lanes }) {
      const claimed: EndRow[] = []
      let first = data.untoldEnds.first(lanes)
      while (first !== undefined && first.turnAt <= now && claimed.length < limit) {
        data.untoldEnds.delete(first)
        claimed.push(first)
        first = data.untoldEnds.first(lanes)
      }
      for (const end of claimed) {
        const { endedAt = now } = end.delivery.record
        end.turnAt = now + Math.max(holdMs, Math.min(holdMostMs, end.turnAt - endedAt))
        data.untoldEnds.add(end)
      }
      const ends = claimed.map(({ delivery }) => toEnd(data, delivery))
      return { ends, ...(first === undefined ? {} : { nextAt: first.turnAt }) }
    },

    settleEnd({ deliveryId, send: message }) {
      const delivery = data.deliveries.get(deliveryId)
      if (delivery === undefined || !settle(data, delivery)) return false
      if (message !== undefined) send(data, message)
      return true
    },
  }
}

function toEnd(data: Data, delivery: DeliveryRow): ClaimEndsOutcome['ends'][number] {
  const { message, attempts, record } = delivery
  const attempt = attempts.findLast(({ record: { status } }) => status !== undefined) ?? attempts.at(-1)
  const subscription = subscriptionOf(data, record.lane)
  return {
    delivery: toDelivery(delivery),
    message: toMessage(message),
    ...(attempt === undefined ? {} : { attempt: toAttempt(attempt) }),
    ...(subscription === undefined ? {} : { subscription: toSubscription(data, subscription) }),
  }
}
