import {
  type AfterAttempt,
  type AttemptRecord,
  type DeathReason,
  type DeliveryClaim,
  type DeliveryRecord,
  type DeliveryStatus,
  hasSameTarget,
  type Lane,
  type MessageRecord,
} from '../../model/delivery.js'
import { optional } from '../optional.js'
import type { NewDelivery, OutboxCommands, SendInput, SendOutcome } from '../sending.js'
import type { EngineParts, Part } from './engine-parts.js'
import { storable, toInstant } from './values.js'

type Headers = MessageRecord['headers']

interface ExistingRow {
  readonly message_id: string
  readonly delivery_id: string
  readonly lane: Lane
  readonly url: string | null
}

interface HeldRow {
  readonly no: number
  readonly lane: Lane
  readonly status: DeliveryStatus
  readonly attempts: number
  readonly epoch: number | null
  readonly fence: number
  readonly scope: string | null
}

export interface DeliveryRow {
  readonly id: string
  readonly message_id: string
  readonly lane: Lane
  readonly status: DeliveryStatus
  readonly due_at: number
  readonly deadline_at: number
  readonly attempts: number
  readonly first_attempt_at: number | null
  readonly ended_at: number | null
  readonly reason: DeathReason | null
}

interface AttemptRow {
  readonly at: number
  readonly duration_ms: number
  readonly status: number | null
  readonly error: string | null
  readonly answer_headers: string | null
  readonly answer_body: Uint8Array | null
  readonly truncated: number | null
}

/** Messages, their deliveries and the attempts at them. Who takes what is due is `dispatching`. */
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
  readonly #parts: EngineParts
  readonly #byKey
  readonly #byMessage
  readonly #insertMessage
  readonly #insertDelivery
  readonly #insertAgain
  readonly #find
  readonly #findHeld
  readonly #insertAttempt
  readonly #afterAttempt
  readonly #again
  readonly #reclaim
  readonly #end
  readonly #listAttempts

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { db } = parts
    const existing = 'select m.id as message_id, d.id as delivery_id, m.lane, m.url'
    this.#byKey = db.prepare<ExistingRow>(`
      ${existing} from messages m join deliveries d on d.message = m.no
       where m.key = ? order by d.no limit 1`)
    this.#byMessage = db.prepare<ExistingRow>(`
      ${existing} from messages m join deliveries d on d.message = m.no
       where m.id = ? order by d.no limit 1`)
    this.#insertMessage = db.prepare<{ no: number }>(`
      insert into messages (id, key, lane, url, method, path, query, headers, type, body, created_at)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning no`)
    this.#insertDelivery = db.prepare(`
      insert into deliveries (id, message, lane, status, due_at, deadline_at, scope)
      values (?, ?, ?, 'due', ?, ?, ?)`)
    this.#insertAgain = db.prepare<{ lane: Lane }>(`
      insert into deliveries (id, message, lane, status, due_at, deadline_at, scope)
      select ?, message, lane, 'due', ?, ?, scope from deliveries where id = ? and status = 'dead' returning lane`)
    this.#find = db.prepare<DeliveryRow>(`
      select d.*, m.id as message_id from deliveries d join messages m on m.no = d.message where d.id = ?`)
    this.#findHeld = db.prepare<HeldRow>(
      'select no, lane, status, attempts, epoch, fence, scope from deliveries where id = ?',
    )
    this.#insertAttempt = db.prepare(`
      insert into attempts
        (delivery, number, at, duration_ms, status, error, answer_headers, answer_body, truncated)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#afterAttempt = db.prepare(`
      update deliveries set attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, ?), epoch = null
       where no = ?`)
    this.#again = db.prepare(
      "update deliveries set status = 'due', due_at = coalesce(?, due_at), epoch = null where no = ?",
    )
    this.#reclaim = db.prepare<{ lane: Lane }>(`
      update deliveries set status = 'due', epoch = null
       where epoch = ? and status = 'sending' and id not in (select value from json_each(?)) returning lane`)
    this.#end = db.prepare('update deliveries set status = ?, reason = ?, ended_at = ? where no = ?')
    this.#listAttempts = db.prepare<AttemptRow>(
      `select a.* from attempts a join deliveries d on d.no = a.delivery where d.id = ? order by a.number`,
      ['answer_body'],
    )
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
    this.#store(input, key, null)
    return { type: 'sent', messageId: message.id, deliveryId: input.deliveryId, created: true }
  }

  /** A message of a scope, where it has a key that is none of ours. */
  sendInScope(scope: string, input: SendInput): void {
    this.#store(input, null, scope)
  }

  /** The message of an exchange, where the key is none of ours. */
  sendForExchange(input: SendInput): void {
    this.#store(input, null, null)
  }

  /** Another delivery of the same message, if that one is dead. The id of the one that counts from now on. */
  resendInScope(deliveryId: string, again: NewDelivery): string {
    const { deliveryId: id, dueAt, deadlineAt } = again
    const inserted = this.#insertAgain.get(id, toInstant(dueAt), toInstant(deadlineAt), deliveryId)
    if (inserted === undefined) return deliveryId
    this.#parts.origins.touch(inserted.lane)
    return id
  }

  recordAttempt(input: {
    readonly claim: DeliveryClaim
    readonly now: number
    readonly attempt: AttemptRecord
    readonly next: AfterAttempt
  }): 'recorded' | 'ended' | 'lost' {
    const { claim, now, attempt, next } = input
    const held = this.#held(claim, now)
    if (held === undefined) return 'lost'

    const { answer } = attempt
    this.#insertAttempt.run(
      ...[held.no, held.attempts + 1, attempt.at, attempt.durationMs, attempt.status ?? null],
      // In JSON, because a message from elsewhere may hold anything.
      attempt.error === undefined ? null : JSON.stringify(attempt.error),
      ...(answer === undefined
        ? [null, null, null]
        : [JSON.stringify(answer.headers), answer.body, answer.truncated ? 1 : 0]),
    )
    this.#afterAttempt.run(attempt.at, held.no)
    if (held.status !== 'sending') return 'ended'

    if (next.status === 'due') this.#putBack(held, toInstant(next.dueAt))
    else {
      this.#end.run(next.status, next.status === 'dead' ? next.reason : null, now, held.no)
      this.#resume(claim.deliveryId, held, now, next.status === 'dead' ? 'died' : 'happened')
    }
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
    for (const { lane } of given) this.#parts.origins.touch(lane)
    return given.length
  }

  findDelivery({ deliveryId }: { readonly deliveryId: string }): DeliveryRecord | undefined {
    const row = this.#find.get(deliveryId)
    return row && toDelivery(row)
  }

  listAttempts({ deliveryId }: { readonly deliveryId: string }): readonly AttemptRecord[] {
    return this.#listAttempts.all(deliveryId).map(toAttempt)
  }

  cancelDelivery({ deliveryId, now }: { readonly deliveryId: string; readonly now: number }): boolean {
    const found = this.#findHeld.get(deliveryId)
    if (found === undefined || (found.status !== 'due' && found.status !== 'sending')) return false
    // Whoever is sending it keeps its claim, and may still record the attempt.
    this.#end.run('dead', 'cancelled', now, found.no)
    this.#parts.origins.touch(found.lane)
    this.#resume(deliveryId, found, now, 'died')
    return true
  }

  #store(
    { message, deliveryId, dueAt, deadlineAt }: SendInput,
    key: string | null,
    scope: string | null,
  ): void {
    const { url, type } = message
    const inserted = this.#insertMessage.get(
      ...[message.id, key, storable(message.lane, 'an endpoint')],
      ...[url === undefined ? null : storable(url, 'a URL'), message.method],
      ...[
        storable(message.path, 'a path'),
        storable(message.query, 'a query'),
        JSON.stringify(message.headers),
      ],
      ...[type === undefined ? null : storable(type, 'a type'), message.body, message.createdAt],
    )
    this.#insertDelivery.run(
      ...[deliveryId, inserted?.no ?? 0, message.lane, toInstant(dueAt), toInstant(deadlineAt), scope],
    )
    this.#parts.origins.touch(message.lane)
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
    this.#parts.origins.touch(lane)
  }
}

export function toDelivery(row: DeliveryRow): DeliveryRecord {
  return {
    id: row.id,
    messageId: row.message_id,
    lane: row.lane,
    status: row.status,
    dueAt: row.due_at,
    deadlineAt: row.deadline_at,
    attempts: row.attempts,
    ...optional('firstAttemptAt', row.first_attempt_at),
    ...optional('endedAt', row.ended_at),
    ...optional('reason', row.reason),
  }
}

function toAttempt(row: AttemptRow): AttemptRecord {
  const { answer_headers, answer_body } = row
  const answer = answer_headers !== null &&
    answer_body !== null && {
      headers: JSON.parse(answer_headers) as Headers,
      body: answer_body,
      truncated: row.truncated === 1,
    }
  return {
    at: row.at,
    durationMs: row.duration_ms,
    ...optional('status', row.status),
    ...(row.error === null ? {} : { error: JSON.parse(row.error) as string }),
    ...(answer === false ? {} : { answer }),
  }
}
