import type { Connection } from './driver.js'
import type { CallbackRow } from './rows.js'
import { INLINE_BODY } from './rows.js'

/** Bodies that are too large for the callback's own row. */
export class Bodies {
  readonly #insert
  readonly #select
  readonly #delete

  constructor(db: Connection) {
    this.#insert = db.prepare('insert into bodies (callback, body) values (?, ?)')
    this.#select = db.prepare<{ body: Uint8Array }>('select body from bodies where callback = ?', ['body'])
    this.#delete = db.prepare('delete from bodies where callback = ?')
  }

  add(callback: number, body: Uint8Array): void {
    this.#insert.run(callback, body)
  }

  of(row: Pick<CallbackRow, 'no' | 'body'>): Uint8Array {
    return row.body ?? this.#select.get(row.no)?.body ?? new Uint8Array()
  }

  remove(row: { readonly no: number; readonly body_size: number }): void {
    if (row.body_size > INLINE_BODY) this.#delete.run(row.no)
  }
}
