import { MIMEType } from 'node:util'
import { toText } from '../core/bytes.js'
import { MalformedContentError } from '../errors.js'

/** Making a value of each takes a hundred times as long as receiving it. */
const MOST_FIELDS = 10_000

/**
 * What a body says, by its content type: JSON as a value, a form as its fields (a name that repeats as a list), text as
 * a string, anything else as the bytes. An empty body without a content type of its own is `undefined`.
 *
 * @throws MalformedContentError when a JSON or form body cannot be read as one, or a form has too many fields.
 */
export function readContent(contentType: string | undefined, bytes: Uint8Array): unknown | Promise<unknown> {
  const mediaType = mediaTypeOf(contentType)
  if (isJson(contentType)) return bytes.length === 0 ? undefined : readJson(bytes)
  if (isUrlEncoded(contentType)) return readUrlEncoded(bytes)
  if (mediaType === 'multipart/form-data') return readForm(contentType, bytes).then(form => toFields(form))
  if (mediaType.startsWith('text/')) return toText(bytes)
  return mediaType === '' && bytes.length === 0 ? undefined : bytes
}

export function readJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(toText(bytes))
  } catch {
    // The engine's own message quotes the text around the fault, so it is not passed on.
    throw new MalformedContentError('the body is not valid JSON')
  }
}

function readUrlEncoded(bytes: Uint8Array): Record<string, unknown> {
  checkCount(countFields(bytes), MOST_FIELDS)
  return toFields(new URLSearchParams(toText(bytes)))
}

export async function readForm(contentType: string | undefined, bytes: Uint8Array): Promise<FormData> {
  checkFieldCount(contentType, bytes, MOST_FIELDS)
  const type = toFormType(contentType)
  const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
  try {
    return await new Response(new Uint8Array(bytes), { headers }).formData()
  } catch {
    throw new MalformedContentError('the body is not a valid form')
  }
}

/**
 * Counts the fields of a form of either kind without reading it; nothing else has any.
 *
 * @throws MalformedContentError for a form of more than `most`.
 */
export function checkFieldCount(contentType: string | undefined, bytes: Uint8Array, most: number): void {
  if (isUrlEncoded(contentType)) checkCount(countFields(bytes), most)
  const boundary = boundaryOf(contentType)
  if (boundary !== undefined) checkCount(countParts(boundary, bytes), most)
}

function toFields(entries: Iterable<[string, unknown]>): Record<string, unknown> {
  const fields = new Map<string, unknown[]>()
  for (const [name, value] of entries) {
    const values = fields.get(name)
    if (values === undefined) fields.set(name, [value])
    else values.push(value)
  }
  return Object.fromEntries(
    [...fields].map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  )
}

function checkCount(count: number, most: number): void {
  if (count > most) throw new MalformedContentError(`the body is a form of more than ${most} fields`)
}

/** Fields stand between ampersands; where there is nothing in between, there is none. */
function countFields(bytes: Uint8Array): number {
  const ampersand = 0x26
  let count = 0
  let previous = ampersand
  for (const byte of bytes) {
    if (previous === ampersand && byte !== ampersand) count++
    previous = byte
  }
  return count
}

/** Each part but the first begins with a line that holds the boundary, and the last one ends with it. */
function countParts(boundary: string, bytes: Uint8Array): number {
  const delimiter = Buffer.from(`\r\n--${boundary}`)
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let count = 0
  for (let at = text.indexOf(delimiter); at >= 0; at = text.indexOf(delimiter, at + delimiter.length)) count++
  return count
}

/** `undefined` where there is none: what says no boundary cannot be read as a form of parts. */
function boundaryOf(contentType: string | undefined): string | undefined {
  if (mediaTypeOf(contentType) !== 'multipart/form-data') return undefined
  try {
    return new MIMEType(contentType ?? '').params.get('boundary') ?? undefined
  } catch {
    return undefined
  }
}

/** The parser is told the boundary that was counted, and not to find one of its own in the header. */
function toFormType(contentType: string | undefined): string | undefined {
  const boundary = boundaryOf(contentType)
  if (boundary === undefined) return contentType
  const type = new MIMEType('multipart/form-data')
  type.params.set('boundary', boundary)
  return String(type)
}

function mediaTypeOf(contentType: string | undefined): string {
  if (contentType === undefined) return ''
  const end = contentType.indexOf(';')
  return (end < 0 ? contentType : contentType.slice(0, end)).trim().toLowerCase()
}

export function isJson(contentType: string | undefined): boolean {
  const mediaType = mediaTypeOf(contentType)
  return (
    mediaType === 'application/json' || (mediaType.startsWith('application/') && mediaType.endsWith('+json'))
  )
}

export function isUrlEncoded(contentType: string | undefined): boolean {
  return mediaTypeOf(contentType) === 'application/x-www-form-urlencoded'
}
