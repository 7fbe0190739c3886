import {
  type DeathReason,
  type DeliveryRecord,
  type DeliveryStatus,
  type Lane,
  type MessageRecord,
  topicOf,
} from '../../model/delivery.js'
import { optional } from '../optional.js'
import type { NewDelivery } from '../sending.js'
import type { Connection } from './driver.js'
import type { DueLanes } from './due-lanes.js'
import { storable, toInstant } from './values.js'

export interface DeliveryRow {
  readonly id: string
  readonly message_id: string
  readonly lane: Lane
  readonly url: string | null
  readonly topic: string | null
  readonly message_at: number
  readonly status: DeliveryStatus
  readonly due_at: number
  readonly deadline_at: number
  readonly attempts: number
  readonly first_attempt_at: number | null
  readonly ended_at: number | null
  readonly reason: DeathReason | null
  readonly redelivered_as: string | null
}

/** Those of `DeliveryRow`, of `deliveries d join messages m`. A written-out URL stands where it was given. */
export const DELIVERY_COLUMNS = `
  d.id, m.id as message_id, d.lane, coalesce(d.url, m.url) as url, d.topic, d.message_at, d.status, d.due_at,
  d.deadline_at, d.attempts, d.first_attempt_at, d.ended_at, d.reason, d.redelivered_as`

export interface AddedDelivery extends NewDelivery {
  readonly lane: Lane
  /** Unless its message has it. */
  readonly url?: string
  readonly scope?: string
}

/** Adding deliveries. */
export class DeliveryRows {
  readonly #dueLanes: DueLanes
  readonly #insert

  constructor(db: Connection, dueLanes: DueLanes) {
    this.#dueLanes = dueLanes
    this.#insert = db.prepare(`
      insert into deliveries (id, message, lane, url, topic, message_at, status, due_at, deadline_at, scope)
      values (?, ?, ?, ?, ?, ?, 'due', ?, ?, ?)`)
  }

  /** `no`: that of its message. */
  insert(no: number, message: Pick<MessageRecord, 'lane' | 'createdAt'>, delivery: AddedDelivery): void {
    const { deliveryId, lane, url, dueAt, deadlineAt, scope } = delivery
    this.#insert.run(
      ...[deliveryId, no, storable(lane, 'an endpoint'), url === undefined ? null : storable(url, 'a URL')],
      ...[
        topicOf(message.lane) ?? null,
        message.createdAt,
        toInstant(dueAt),
        toInstant(deadlineAt),
        scope ?? null,
      ],
    )
    this.#dueLanes.touch(lane)
  }
}

export function toDelivery(row: DeliveryRow): DeliveryRecord {
  return {
    id: row.id,
    messageId: row.message_id,
    lane: row.lane,
    ...optional('url', row.url),
    ...optional('topic', row.topic),
    createdAt: row.message_at,
    status: row.status,
    dueAt: row.due_at,
    deadlineAt: row.deadline_at,
    attempts: row.attempts,
    ...optional('firstAttemptAt', row.first_attempt_at),
    ...optional('endedAt', row.ended_at),
    ...optional('reason', row.reason),
    ...optional('redeliveredAs', row.redelivered_as),
  }
}
