import { toText } from '../core/bytes.js'

/** The body is not what its content type says it is. The message never quotes the body. */
export class MalformedContentError extends Error {
  override readonly name = 'MalformedContentError'
}

/**
 * What a body says, by its content type: JSON as a value, a form as its fields (a name that repeats as a list), text as
 * a string, anything else as the bytes. An empty body without a content type of its own is `undefined`.
 *
 * @throws MalformedContentError when a JSON or form body cannot be read as one.
 */
export function readContent(contentType: string | undefined, bytes: Uint8Array): unknown | Promise<unknown> {
  const mediaType = mediaTypeOf(contentType)
  if (isJson(mediaType)) return bytes.length === 0 ? undefined : readJson(bytes)
  if (mediaType === 'application/x-www-form-urlencoded') return toFields(new URLSearchParams(toText(bytes)))
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

export async function readForm(contentType: string | undefined, bytes: Uint8Array): Promise<FormData> {
  const headers: Record<string, string> = contentType === undefined ? {} : { 'content-type': contentType }
  try {
    return await new Response(new Uint8Array(bytes), { headers }).formData()
  } catch {
    throw new MalformedContentError('the body is not a valid form')
  }
}

function toFields(entries: Iterable<[string, unknown]>): Record<string, unknown> {
  const fields = new Map<string, unknown[]>()
  for (const [name, value] of entries) fields.set(name, [...(fields.get(name) ?? []), value])
  return Object.fromEntries(
    [...fields].map(([name, values]) => [name, values.length === 1 ? values[0] : values]),
  )
}

function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? ''
}

function isJson(mediaType: string): boolean {
  return (
    mediaType === 'application/json' || (mediaType.startsWith('application/') && mediaType.endsWith('+json'))
  )
}
