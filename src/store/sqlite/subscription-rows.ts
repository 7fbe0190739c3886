import type { SubscriptionRecord } from '../../model/subscription.js'
import { optional } from '../optional.js'
import type { Connection } from './driver.js'
import { type LaneRows, toRate } from './lane-rows.js'

export interface SubscriptionRow {
  readonly no: number
  readonly id: string
  readonly topic: string
  readonly url: string
  readonly version: number
  readonly options: string
  readonly concurrency: number | null
  readonly rate_count: number | null
  readonly rate_ms: number | null
  readonly created_at: number
  readonly proof: string | null
}

/** Subscriptions as others see them. Whether one is paused, its lane says. */
export class SubscriptionRows {
  readonly #lanes: LaneRows
  readonly #byId

  constructor(db: Connection, lanes: LaneRows) {
    this.#lanes = lanes
    this.#byId = db.prepare<SubscriptionRow>('select * from subscriptions where id = ?')
  }

  row(id: string): SubscriptionRow | undefined {
    return this.#byId.get(id)
  }

  find(id: string): SubscriptionRecord | undefined {
    const row = this.#byId.get(id)
    return row && this.toRecord(row)
  }

  toRecord(row: SubscriptionRow): SubscriptionRecord {
    return {
      id: row.id,
      topic: row.topic,
      url: row.url,
      version: row.version,
      options: row.options,
      ...optional('concurrency', row.concurrency),
      ...optional('rate', toRate(row.rate_count, row.rate_ms)),
      createdAt: row.created_at,
      ...optional('pause', this.#lanes.find(`subscription:${row.id}`)?.pause),
    }
  }
}
