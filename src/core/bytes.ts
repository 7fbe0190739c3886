import { createHash, timingSafeEqual } from 'node:crypto'
import { InvalidOptionsError } from '../errors.js'

const encoder = new TextEncoder()
const decoder = new TextDecoder()

export function utf8(text: string): Uint8Array {
  return encoder.encode(text)
}

/** What is not UTF-8 becomes U+FFFD; a byte order mark is left out, as `Response.text()` does. */
export function toText(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** `total` is the length of all chunks together. A chunk that is alone is not copied. */
export function concat(chunks: readonly Uint8Array[], total: number): Uint8Array {
  const [first] = chunks
  if (chunks.length === 1 && first?.length === total) return first

  const bytes = new Uint8Array(total)
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}

export function sha256Hex(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

/** How long it takes does not tell where they differ, only whether their lengths do. */
export function constantTimeEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** What every store can keep as a key or a delivery id. */
export function isStorableKey(text: string): boolean {
  return whyUnstorable(text) === undefined
}

/** Returns the key. `what` names it in the message: `the key of a receiver`. */
export function checkKey(text: string, what: string): string {
  const reason = whyUnstorable(text)
  if (reason === undefined) return text

  const shown =
    typeof text === 'string' && text !== ''
      ? ` (${JSON.stringify(text.slice(0, 40))}${text.length > 40 ? '…' : ''})`
      : ''
  throw new InvalidOptionsError(`${what} ${reason}${shown}`)
}

const longestKeyBytes = 255

function whyUnstorable(text: string): string | undefined {
  if (typeof text !== 'string') return 'must be a text'
  if (text === '') return 'must not be empty'
  if (text.includes('\0')) return 'must not contain a NUL character'
  if (!text.isWellFormed()) return 'must be well-formed Unicode, without half a surrogate pair'
  if (Buffer.byteLength(text) > longestKeyBytes)
    return `must not be longer than ${longestKeyBytes} bytes of UTF-8`
  return undefined
}
