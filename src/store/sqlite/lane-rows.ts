import type { Lane } from '../../model/delivery.js'
import { healthyFrom, type LaneRecord, type PauseReason, type Rate } from '../../model/lane.js'
import { optional } from '../optional.js'
import type { Connection } from './driver.js'
import { storable, toInstant } from './values.js'

interface LaneRow {
  readonly rests_until: number | null
  readonly failures: number
  readonly failing_since: number | null
  readonly strikes: number
  readonly last_strike_at: number | null
  readonly probing: number
  readonly warned: number
  readonly pause: PauseReason | null
  readonly paused_at: number | null
  readonly catch_up_count: number | null
  readonly catch_up_ms: number | null
  readonly next_at: number | null
}

/** What is known of lanes. A healthy one has no row. */
export class LaneRows {
  readonly #find
  readonly #put
  readonly #delete

  constructor(db: Connection) {
    this.#find = db.prepare<LaneRow>('select * from lanes where lane = ?')
    this.#put = db.prepare(`
      insert or replace into lanes
        (lane, rests_until, failures, failing_since, strikes, last_strike_at, probing, warned, pause, paused_at,
         catch_up_count, catch_up_ms, next_at, idle_at)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#delete = db.prepare('delete from lanes where lane = ?')
  }

  find(lane: Lane): LaneRecord | undefined {
    const row = this.#find.get(lane)
    return row && toLane(row)
  }

  put(lane: Lane, record: LaneRecord): void {
    const idleAt = healthyFrom(record)
    if (idleAt === 0) {
      this.#delete.run(lane)
      return
    }
    const { restsUntil, catchUp } = record
    this.#put.run(
      ...[storable(lane, 'a lane'), restsUntil === undefined ? null : toInstant(restsUntil)],
      ...[record.failures, record.failingSince ?? null],
      ...[record.strikes, record.lastStrikeAt ?? null],
      ...[record.probing ? 1 : 0, record.warned ? 1 : 0],
      ...[record.pause ?? null, record.pausedAt ?? null],
      ...[catchUp?.count ?? null, catchUp?.perMs ?? null],
      ...[record.nextAt ?? null, idleAt ?? null],
    )
  }

  delete(lane: Lane): void {
    this.#delete.run(lane)
  }
}

export function toRate(count: number | null, perMs: number | null): Rate | undefined {
  return count === null || perMs === null ? undefined : { count, perMs }
}

function toLane(row: LaneRow): LaneRecord {
  return {
    ...optional('restsUntil', row.rests_until),
    failures: row.failures,
    ...optional('failingSince', row.failing_since),
    strikes: row.strikes,
    ...optional('lastStrikeAt', row.last_strike_at),
    probing: row.probing === 1,
    warned: row.warned === 1,
    ...optional('pause', row.pause),
    ...optional('pausedAt', row.paused_at),
    ...optional('catchUp', toRate(row.catch_up_count, row.catch_up_ms)),
    ...optional('nextAt', row.next_at),
  }
}
