import type { Statement, Value } from './driver.js'

/** Keeps to the limit for each kind, and knows whether any kind had more. */
export class Tally {
  readonly limit: number
  more = false

  constructor(limit: number) {
    this.limit = limit
  }

  /** The statement's last value is how many rows to read. */
  first<Row>(statement: Statement<Row>, ...values: Value[]): readonly Row[] {
    const rows = statement.all(...values, this.limit + 1)
    if (rows.length > this.limit) this.more = true
    return rows.slice(0, this.limit)
  }
}
