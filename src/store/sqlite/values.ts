import { toText, utf8 } from '../../core/bytes.js'
import type { StoredAnswer } from '../../model/callback.js'
import type { Value } from './driver.js'
import { StoreFault } from './fault.js'

// How values become columns.

type Headers = StoredAnswer['headers']

/** A status alone is a number; with headers or a body: the two in JSON, a line feed, the bytes. */
export function fromAnswer(answer: StoredAnswer | undefined): Value {
  if (answer === undefined) return null
  if (answer.headers.length === 0 && answer.body.length === 0) return answer.status
  const head = utf8(`${JSON.stringify([answer.status, answer.headers])}\n`)
  const bytes = new Uint8Array(head.length + answer.body.length)
  bytes.set(head)
  bytes.set(answer.body, head.length)
  return bytes
}

export function toAnswer(value: number | Uint8Array | null): StoredAnswer | undefined {
  if (value === null) return undefined
  if (typeof value === 'number') return { status: value, headers: [], body: new Uint8Array() }
  const end = value.indexOf(LINE_FEED)
  const [status, headers] = JSON.parse(toText(value.subarray(0, end))) as [number, Headers]
  return { status, headers, body: value.slice(end + 1) }
}

const LINE_FEED = 10

/**
 * The text, unless SQLite would give it back changed: it ends at a NUL, and half a surrogate pair becomes U+FFFD.
 *
 * @throws StoreFault `refused`.
 */
export function storable(text: string, what: string): string {
  if (!text.isWellFormed() || text.includes('\0')) {
    throw new StoreFault('refused', `${what} must be well-formed Unicode, without NUL`)
  }
  return text
}

/** The last instant that a date can be. SQLite stores later ones too, but no driver could read them back. */
const LAST_INSTANT = 8.64e15

export function toInstant(instant: number): number {
  return Math.min(instant, LAST_INSTANT)
}
