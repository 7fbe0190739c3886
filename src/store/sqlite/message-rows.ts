import type { Addressee, MessageRecord } from '../../model/delivery.js'
import { optional } from '../optional.js'
import type { Connection } from './driver.js'
import { storable } from './values.js'

interface MessageRow {
  readonly id: string
  readonly key: string | null
  readonly lane: Addressee
  readonly url: string | null
  readonly method: string
  readonly path: string
  readonly query: string
  readonly headers: string
  readonly type: string | null
  readonly body: Uint8Array
  readonly created_at: number
  readonly stripped: number
  readonly follows: string | null
}

/** Messages, whatever they are for. */
export class MessageRows {
  readonly #insert
  readonly #byNumber
  readonly #byId

  constructor(db: Connection) {
    this.#insert = db.prepare<{ no: number }>(`
      insert into messages
        (id, key, publication_key, lane, url, method, path, query, headers, type, body, created_at, follows)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) returning no`)
    this.#byNumber = db.prepare<MessageRow>('select * from messages where no = ?', ['body'])
    this.#byId = db.prepare<MessageRow>('select * from messages where id = ?', ['body'])
  }

  /** The number of its row. The keys that a message was given are not looked at: its caller knows what they are. */
  insert(
    message: MessageRecord,
    {
      key = null,
      publicationKey = null,
    }: { readonly key?: string | null; readonly publicationKey?: string | null },
  ): number {
    const { url, type } = message
    const inserted = this.#insert.get(
      ...[message.id, key, publicationKey, storable(message.lane, 'an endpoint')],
      ...[url === undefined ? null : storable(url, 'a URL'), message.method],
      ...[
        storable(message.path, 'a path'),
        storable(message.query, 'a query'),
        JSON.stringify(message.headers),
      ],
      ...[type === undefined ? null : storable(type, 'a type'), message.body, message.createdAt],
      message.follows ?? null,
    )
    return inserted?.no ?? 0
  }

  /** Of a delivery, which is never without. */
  of({ message }: { readonly message: number }): MessageRecord {
    const row = this.#byNumber.get(message)
    if (row === undefined) throw new Error('a delivery has no message')
    return toMessage(row)
  }

  find(id: string): MessageRecord | undefined {
    const row = this.#byId.get(id)
    return row && toMessage(row)
  }
}

/** That of a message to a topic. */
function toMessage(row: MessageRow): MessageRecord {
  return {
    id: row.id,
    ...optional('key', row.key),
    lane: row.lane,
    ...optional('url', row.url),
    method: row.method,
    path: row.path,
    query: row.query,
    headers: JSON.parse(row.headers) as MessageRecord['headers'],
    ...optional('type', row.type),
    body: row.body,
    ...(row.stripped === 1 ? { stripped: true } : {}),
    ...optional('follows', row.follows),
    createdAt: row.created_at,
  }
}
