import {
  type DeliveryClaim,
  type DeliveryRecord,
  type DeliveryStatus,
  hasSameTarget,
  type Lane,
  subscriptionIdOf,
} from '../../model/delivery.js'
import { optional } from '../optional.js'
import type { NewDelivery, OutboxCommands, SendInput, SendOutcome } from '../sending.js'
import type { Input, Outcome } from '../store.js'
import type { AttemptRows } from './attempt-rows.js'
import type { DeliveryRows } from './delivery-rows.js'
import { DELIVERY_COLUMNS, type DeliveryRow, toDelivery } from './delivery-rows.js'
import type { EndLog } from './end-log.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { MessageRows } from './message-rows.js'
import { storable, toInstant } from './values.js'

interface ExistingRow {
  readonly message_id: string
  readonly delivery_id: string
  readonly lane: Lane
  readonly url: string | null
}

interface HeldRow {
  readonly no: number
  readonly lane: Lane
  readonly topic: string | null
  readonly status: DeliveryStatus
  readonly attempts: number
  readonly epoch: number | null
  readonly fence: number
  readonly scope: string | null
}

export interface OutboxParts {
  readonly messages: MessageRows
  readonly deliveries: DeliveryRows
  readonly attempts: AttemptRows
  readonly ends: EndLog
}

/** Messages with one target, their deliveries and the attempts at them. Who takes what is due is `dispatching`. */
export class Outbox
  implements
    Part<
      | 'send'
      | 'recordAttempt'
      | 'releaseDelivery'
      | 'reclaimDeliveries'
      | 'findDelivery'
      | 'listAttempts'
      | 'cancelDelivery'
    >
{
  readonly #parts: EngineParts & OutboxParts
  readonly #byKey
  readonly #byMessage
  readonly #insertAgain
  readonly #find
  readonly #findHeld
  readonly #afterAttempt
  readonly #again
  readonly #reclaim
  readonly #end
  readonly #messageId

  constructor(parts: EngineParts, rows: OutboxParts) {
    this.#parts = { ...parts, ...rows }
    const { db } = parts
    const existing = 'select m.id as message_id, d.id as delivery_id, m.lane, m.url'
    this.#byKey = db.prepare<ExistingRow>(`
      ${existing} from messages m join deliveries d on d.message = m.no
       where m.key = ? order by d.id limit 1`)
    this.#byMessage = db.prepare<ExistingRow>(`
      ${existing} from messages m join deliveries d on d.message = m.no
       where m.id = ? order by d.id limit 1`)
    this.#insertAgain = db.prepare<{ lane: Lane }>(`
      insert into deliveries (id, message, lane, url, topic, message_at, status, due_at, deadline_at, scope)
      select ?, message, lane, url, topic, message_at, 'due', ?, ?, scope from deliveries
       where id = ? and status = 'dead' returning lane`)
    this.#find = db.prepare<DeliveryRow>(`
      select ${DELIVERY_COLUMNS} from deliveries d join messages m on m.no = d.message where d.id = ?`)
    this.#findHeld = db.prepare<HeldRow>(
      'select no, lane, topic, status, attempts, epoch, fence, scope from deliveries where id = ?',
    )
    this.#afterAttempt = db.prepare(`
      update deliveries set attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, ?), epoch = null
       where no = ?`)
    this.#again = db.prepare(
      "update deliveries set status = 'due', due_at = coalesce(?, due_at), epoch = null where no = ?",
    )
    this.#reclaim = db.prepare<{ lane: Lane }>(`
      update deliveries set status = 'due', epoch = null
       where epoch = ? and status = 'sending' and id not in (select value from json_each(?)) returning lane`)
    this.#messageId = db.prepare<{ id: string }>(
      'select m.id from deliveries d join messages m on m.no = d.message where d.no = ?',
    )
    this.#end = db.prepare('update deliveries set status = ?, reason = ?, ended_at = ? where no = ?')
  }

  send(input: SendInput): SendOutcome {
    const { message } = input
    const { key = null } = message
    const existing =
      this.#byMessage.get(message.id) ??
      (key === null ? undefined : this.#byKey.get(storable(key, 'the key of a message')))
    if (existing !== undefined) {
      const { message_id: messageId, delivery_id, lane, url: sentTo } = existing
      const first = sentTo === null ? { lane } : { lane, url: sentTo }
      if (!hasSameTarget(first, message)) return { type: 'conflict', lane }
      // Its own repetition gets the outcome that was lost.
      return { type: 'sent', messageId, deliveryId: delivery_id, created: messageId === message.id }
    }
    this.#store(input, key)
    return { type: 'sent', messageId: message.id, deliveryId: input.deliveryId, created: true }
  }

  /** A message of a scope, where it has a key that is none of ours. */
  sendInScope(scope: string, input: SendInput): void {
    this.#store(input, null, scope)
  }

  /** The message of an exchange, where the key is none of ours. */
  sendForExchange(input: SendInput): void {
    this.#store(input, null)
  }

  /** Another delivery of the same message, if that one is dead. The id of the one that counts from now on. */
  resendInScope(deliveryId: string, again: NewDelivery): string {
    const { deliveryId: id, dueAt, deadlineAt } = again
    const inserted = this.#insertAgain.get(id, toInstant(dueAt), toInstant(deadlineAt), deliveryId)
    if (inserted === undefined) return deliveryId
    this.#parts.dueLanes.touch(inserted.lane)
    return id
  }

  recordAttempt(input: Input<'recordAttempt'>): Outcome<'recordAttempt'> {
    const { claim, now, attempt, next, news } = input
    const held = this.#held(claim, now)
    if (held === undefined) return 'lost'

    const { attempts, lanes } = this.#parts
    attempts.insert(held, attempt)
    this.#afterAttempt.run(attempt.at, held.no)
    if (news !== undefined) lanes.hear(held.lane, news, now)
    if (held.status !== 'sending') return 'ended'

    if (next.status === 'due') this.#putBack(held, toInstant(next.dueAt))
    else this.#decide(held, input, next)
    return 'recorded'
  }

  releaseDelivery({ claim }: { readonly claim: DeliveryClaim }): boolean {
    const held = this.#held(claim)
    if (held?.status !== 'sending') return false
    this.#putBack(held, null)
    return true
  }

  reclaimDeliveries({ epoch, held, now }: Parameters<OutboxCommands['reclaimDeliveries']>[0]): number {
    if (!this.#parts.epochs.isLive(epoch, now)) return 0
    const given = this.#reclaim.all(epoch, JSON.stringify(held))
    for (const { lane } of given) this.#parts.dueLanes.touch(lane)
    return given.length
  }

  findDelivery({ deliveryId }: { readonly deliveryId: string }): DeliveryRecord | undefined {
    const row = this.#find.get(deliveryId)
    return row && toDelivery(row)
  }

  listAttempts({ deliveryId }: Input<'listAttempts'>): Outcome<'listAttempts'> {
    return this.#parts.attempts.listOf(deliveryId)
  }

  cancelDelivery({ deliveryId, now }: { readonly deliveryId: string; readonly now: number }): boolean {
    const found = this.#findHeld.get(deliveryId)
    if (found === undefined || (found.status !== 'due' && found.status !== 'sending')) return false
    // Whoever is sending it keeps its claim, and may still record the attempt.
    this.#end.run('dead', 'cancelled', now, found.no)
    this.#parts.dueLanes.touch(found.lane)
    this.#resume(deliveryId, found, now, 'died')
    return true
  }

  /** Its attempt was the last. */
  #decide(
    held: HeldRow,
    { claim, now, tells = false, proves = true }: Input<'recordAttempt'>,
    next: Exclude<Input<'recordAttempt'>['next'], { readonly status: 'due' }>,
  ): void {
    const { ends } = this.#parts
    const dead = next.status === 'dead'
    this.#end.run(next.status, dead ? next.reason : null, now, held.no)
    ends.decided(held, { dead, tells, now })
    if (!dead && proves && held.lane.startsWith('proof:')) this.#prove(held)
    this.#resume(claim.deliveryId, held, now, dead ? 'died' : 'happened')
  }

  /** Unless another proof was asked for meanwhile. */
  #prove({ no, lane }: HeldRow): void {
    const { subscriptions, lanes } = this.#parts
    const id = subscriptionIdOf(lane) ?? ''
    const proof = subscriptions.row(id)?.proof ?? null
    if (proof !== null && this.#messageId.get(no)?.id === proof) lanes.prove(id)
  }

  #store(input: SendInput, key: string | null, scope?: string): void {
    const { message, deliveryId, dueAt, deadlineAt } = input
    const { messages, deliveries } = this.#parts
    const no = messages.insert(message, { key })
    deliveries.insert(no, message, {
      ...{ deliveryId, dueAt, deadlineAt },
      lane: message.lane,
      ...optional('scope', scope),
    })
  }

  /** Only in a scope is a delivery waited for. */
  #resume(deliveryId: string, { scope }: HeldRow, now: number, what: 'happened' | 'died'): void {
    if (scope !== null) this.#parts.waits.resume(deliveryId, now, what)
  }

  #held({ deliveryId, epoch, fence }: DeliveryClaim, now?: number): HeldRow | undefined {
    const row = this.#findHeld.get(deliveryId)
    if (row === undefined || row.epoch !== epoch || row.fence !== fence) return undefined
    return this.#parts.epochs.isLive(epoch, now) ? row : undefined
  }

  #putBack({ no, lane }: HeldRow, dueAt: number | null): void {
    this.#again.run(dueAt, no)
    this.#parts.dueLanes.touch(lane)
  }
}
