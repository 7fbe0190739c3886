import type { MessageRecord } from '../../model/delivery.js'
import type { Data } from './data.js'
import { frozenCopy } from './frozen.js'
import type { MessageRow } from './rows.js'

const NO_BYTES = new Uint8Array()

/** `publishedAs` is the key of a publication. */
export function addMessage(
  data: Data,
  message: MessageRecord,
  { publishedAs }: { readonly publishedAs?: string | undefined } = {},
): MessageRow {
  const row: MessageRow = {
    record: frozenCopy(message),
    publishedAs,
    deliveries: new Set(),
    unsettled: 0,
    settledAt: 0,
    fanOut: undefined,
  }
  data.messages.set(message.id, row)
  if (publishedAs !== undefined) data.publicationsByKey.set(publishedAs, row)
  else if (message.key !== undefined) data.messagesByKey.set(message.key, row)
  return row
}

/** As it is handed out: the bytes are the caller's. */
export function toMessage({ record }: MessageRow): MessageRecord {
  return { ...record, body: new Uint8Array(record.body) }
}

/** From now on retention counts for it, unless something of it is pending. */
export function letMessageExpire(data: Data, message: MessageRow): void {
  if (message.fanOut !== undefined || message.unsettled > 0) return
  if (message.deliveries.size === 0) data.unheardMessages.add(message)
  else if (message.record.stripped === undefined) data.settledMessages.add(message)
}

export function stripMessage(message: MessageRow): void {
  message.record = Object.freeze({ ...message.record, body: NO_BYTES, stripped: true })
}

export function dropMessage(data: Data, message: MessageRow): void {
  const { id, key } = message.record
  data.settledMessages.delete(message)
  data.unheardMessages.delete(message)
  data.messages.delete(id)
  if (message.publishedAs !== undefined) data.publicationsByKey.delete(message.publishedAs)
  else if (key !== undefined) data.messagesByKey.delete(key)
}
