import { subscriptionIdOf } from '../../model/delivery.js'
import type { ClaimEndsOutcome } from '../history.js'
import { optional } from '../optional.js'
import type { Input } from '../store.js'
import type { AttemptRows } from './attempt-rows.js'
import { DELIVERY_COLUMNS, type DeliveryRow, toDelivery } from './delivery-rows.js'
import type { EndLog } from './end-log.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { MessageRows } from './message-rows.js'
import type { Outbox } from './outbox.js'

interface TurnRow {
  readonly no: number
  readonly delivery: number
  readonly turn_at: number
}

type EndedRow = DeliveryRow & { readonly message: number }

export interface EndsParts {
  readonly log: EndLog
  readonly messages: MessageRows
  readonly attempts: AttemptRows
  readonly outbox: Outbox
}

/** Telling somebody how deliveries ended. */
export class Ends implements Part<'claimEnds' | 'settleEnd'> {
  readonly #parts: EngineParts & EndsParts
  readonly #told
  readonly #asking
  readonly #hold
  readonly #delivery

  constructor(parts: EngineParts, more: EndsParts) {
    this.#parts = { ...parts, ...more }
    const { db } = parts
    this.#told = db.prepare<TurnRow>(`
      select no, delivery, turn_at from ends
       where turn_at is not null and asks_lane = 0 order by turn_at, no limit ?`)
    this.#asking = db.prepare<TurnRow>(`
      select no, delivery, turn_at from ends
       where lane = ? and turn_at is not null and asks_lane = 1 order by turn_at, no limit ?`)
    // Its turn was as long after its end as it has been waiting.
    this.#hold = db.prepare(`
      update ends
         set turn_at = ?1 + max(?2, min(?3, turn_at - (select ended_at from deliveries d where d.no = ends.delivery)))
       where no = ?4`)
    this.#delivery = db.prepare<EndedRow>(`
      select ${DELIVERY_COLUMNS}, d.message from deliveries d join messages m on m.no = d.message where d.no = ?`)
  }

  claimEnds({ now, holdMs, holdMostMs, limit, lanes }: Input<'claimEnds'>): ClaimEndsOutcome {
    const inTurn = [
      ...this.#told.all(limit + 1),
      ...[...new Set(lanes)].flatMap(lane => this.#asking.all(lane, limit + 1)),
    ].sort((a, b) => a.turn_at - b.turn_at || a.no - b.no)
    const claimed = inTurn.slice(0, limit).filter(row => row.turn_at <= now)
    for (const { no } of claimed) this.#hold.run(now, holdMs, holdMostMs, no)
    return {
      ends: claimed.map(row => this.#read(row)),
      ...optional('nextAt', inTurn[claimed.length]?.turn_at),
    }
  }

  settleEnd({ deliveryId, send }: Input<'settleEnd'>): boolean {
    if (!this.#parts.log.settle(deliveryId)) return false
    if (send !== undefined) this.#parts.outbox.send(send)
    return true
  }

  #read({ delivery: no }: TurnRow): ClaimEndsOutcome['ends'][number] {
    const row = this.#delivery.get(no)
    if (row === undefined) throw new Error('an end has no delivery')
    const { messages, attempts, subscriptions } = this.#parts
    const id = subscriptionIdOf(row.lane)
    return {
      delivery: toDelivery(row),
      message: messages.of(row),
      ...optional('attempt', attempts.lastOf(no)),
      ...optional('subscription', id === undefined ? undefined : subscriptions.find(id)),
    }
  }
}
