import type { CallbackRecord } from '../../model/callback.js'
import { optional } from '../optional.js'

/** The columns of a callback that is read whole. */
export const CALLBACK_COLUMNS =
  'no, id, seq, received_at, delivery_id, method, path, query, headers, body, body_size, ' +
  'attempt, failures, fence, crashes, grp, due_at, reason, error, ' +
  'started_at, remembers'

export interface CallbackRow {
  readonly no: number
  readonly id: string
  readonly seq: number
  readonly received_at: number
  readonly delivery_id: string | null
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: string
  readonly body: Uint8Array | null
  readonly body_size: number
  readonly attempt: number
  readonly failures: number
  readonly fence: number
  readonly crashes: number
  readonly grp: string | null
  readonly due_at: number | null
  readonly reason: string | null
  readonly error: string | null
  readonly started_at: number | null
  readonly remembers: number
}

/** Bodies up to here are kept within the callback's row; a whole row is then no more than two pages. */
export const INLINE_BODY = 4_096

export function toRecord(row: CallbackRow, receiverId: string, body: Uint8Array): CallbackRecord {
  return {
    id: row.id,
    receiverId,
    seq: row.seq,
    ...optional('deliveryId', row.delivery_id),
    receivedAt: row.received_at,
    method: row.method,
    path: row.path,
    query: row.query,
    headers: row.headers,
    body,
  }
}
