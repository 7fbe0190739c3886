import { toText } from '../core/bytes.js'
import type { CallbackRecord } from './callback.js'
import { readContent, readForm, readJson } from './content.js'

/** One request, as accepted. */
export interface Received<T> {
  readonly id: string
  /** What the sender calls this delivery: by it a repetition is known. */
  readonly deliveryId?: string
  /** Its place among the callbacks of the receiver, from 1. */
  readonly seq: number
  readonly receivedAt: Date
  readonly method: string
  readonly query: URLSearchParams
  readonly headers: Headers
  /** What followed the receiver's URL, as sent: `''` or `/status`. */
  readonly path: string
  /** By content type: JSON, a form's fields, text, or bytes; then through the schema. */
  readonly data: T
  bytes(): Uint8Array
  text(): string
  /** @throws MalformedContentError when the body is not JSON. */
  json(): unknown
  /** Fields and files of a form. */
  formData(): Promise<FormData>
}

/** A request before it is accepted: what a verifier, a handshake or a `dedupe` function sees. */
export type RawRequest = Pick<
  Received<unknown>,
  'receivedAt' | 'method' | 'path' | 'query' | 'headers' | 'bytes'
> & {
  /** The one under which the sender called. */
  readonly url: string
  /** Who is at the other end of the connection: the sender, or a proxy. Unknown where requests come by `server.fetch`. */
  readonly remoteAddress?: string | undefined
}

/** A stored callback, read on demand: headers and query are parsed when somebody asks for them. */
export class StoredCallback<T> implements Received<T> {
  readonly data: T
  declare readonly deliveryId?: string
  readonly #record: CallbackRecord
  #headers: Headers | undefined
  #query: URLSearchParams | undefined

  constructor(record: CallbackRecord, data: T) {
    this.#record = record
    this.data = data
    if (record.deliveryId !== undefined) this.deliveryId = record.deliveryId
  }

  get id(): string {
    return this.#record.id
  }

  get seq(): number {
    return this.#record.seq
  }

  get receivedAt(): Date {
    return new Date(this.#record.receivedAt)
  }

  get method(): string {
    return this.#record.method
  }

  get path(): string {
    return this.#record.path
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#record.query)
    return this.#query
  }

  get headers(): Headers {
    this.#headers ??= decodeHeaders(this.#record.headers)
    return this.#headers
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#record.body)
  }

  text(): string {
    return toText(this.#record.body)
  }

  json(): unknown {
    return readJson(this.#record.body)
  }

  formData(): Promise<FormData> {
    return readForm(this.headers.get('content-type') ?? undefined, this.#record.body)
  }
}

/** The data of a stored callback by its content type, before any schema. */
export function readData(record: CallbackRecord): unknown | Promise<unknown> {
  const data = readContent(decodeHeaders(record.headers).get('content-type') ?? undefined, record.body)
  // Whoever gets them may write into them, and the record may be read again.
  return data === record.body ? new Uint8Array(record.body) : data
}

/** Names and values in turn, as `node:http` gives them in `rawHeaders`. */
export function encodeHeaders(raw: readonly string[]): string {
  return JSON.stringify(raw)
}

/** Whether it is a request as verifiers see one. */
export function isRawRequest(value: unknown): value is RawRequest {
  return typeof value === 'object' && value !== null && 'receivedAt' in value
}

export function decodeHeaders(encoded: string): Headers {
  return headersOf(JSON.parse(encoded) as readonly string[])
}

/** Of names and values in turn. */
export function headersOf(raw: readonly string[]): Headers {
  const headers = new Headers()
  for (let index = 0; index + 1 < raw.length; index += 2)
    headers.append(raw[index] ?? '', raw[index + 1] ?? '')
  return headers
}
