import type { AttemptRecord, ErrorClass, Lane, RequestRecord } from '../../model/delivery.js'
import { optional } from '../optional.js'
import type { Connection } from './driver.js'

type Headers = RequestRecord['headers']

export interface AttemptRow {
  readonly at: number
  readonly duration_ms: number
  readonly status: number | null
  readonly error: string | null
  readonly error_class: ErrorClass | null
  readonly request: string | null
  readonly answer_headers: string | null
  readonly answer_body: Uint8Array | null
  readonly truncated: number | null
}

/** Those of `AttemptRow`, of `attempts a`. */
export const ATTEMPT_COLUMNS = `
  a.at, a.duration_ms, a.status, a.error, a.error_class, a.request, a.answer_headers, a.answer_body, a.truncated`

/** The delivery that was attempted. */
export interface Attempted {
  readonly no: number
  readonly lane: Lane
  readonly topic: string | null
  /** Those before. */
  readonly attempts: number
}

/** Attempts, numbered in the order in which they were recorded. */
export class AttemptRows {
  readonly #insert
  readonly #list
  readonly #lastAnswered
  readonly #last

  constructor(db: Connection) {
    this.#insert = db.prepare(`
      insert into attempts
        (delivery, lane, topic, number, at, duration_ms, status, error, error_class, request,
         answer_headers, answer_body, truncated)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#list = db.prepare<AttemptRow>(
      `select ${ATTEMPT_COLUMNS} from attempts a join deliveries d on d.no = a.delivery
        where d.id = ? order by a.number`,
      ['answer_body'],
    )
    const last = (where: string) =>
      db.prepare<AttemptRow>(
        `select ${ATTEMPT_COLUMNS} from attempts a where a.delivery = ? ${where} order by a.number desc limit 1`,
        ['answer_body'],
      )
    this.#lastAnswered = last('and a.status is not null')
    this.#last = last('')
  }

  insert({ no, lane, topic, attempts }: Attempted, attempt: AttemptRecord): void {
    const { answer, error, request } = attempt
    this.#insert.run(
      ...[no, lane, topic, attempts + 1, attempt.at, attempt.durationMs, attempt.status ?? null],
      // In JSON, because what comes from elsewhere may hold anything.
      ...[error === undefined ? null : JSON.stringify(error), attempt.errorClass ?? null],
      request === undefined ? null : JSON.stringify(request),
      ...(answer === undefined
        ? [null, null, null]
        : [JSON.stringify(answer.headers), answer.body, answer.truncated ? 1 : 0]),
    )
  }

  listOf(deliveryId: string): readonly AttemptRecord[] {
    return this.#list.all(deliveryId).map(toAttempt)
  }

  /** The last one that had an answer, else the last. */
  lastOf(delivery: number): AttemptRecord | undefined {
    const row = this.#lastAnswered.get(delivery) ?? this.#last.get(delivery)
    return row && toAttempt(row)
  }
}

export function toAttempt(row: AttemptRow): AttemptRecord {
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
    ...optional('errorClass', row.error_class),
    ...(row.request === null ? {} : { request: JSON.parse(row.request) as RequestRecord }),
    ...(answer === false ? {} : { answer }),
  }
}
