import { toText } from '../core/bytes.js'
import { InvalidOptionsError } from '../errors.js'
import type { RawRequest } from '../model/received.js'

/**
 * A header, by its name, or by several of which the first that is there counts. Where a header holds several values, `separator`
 * stands between them, and those that begin with `prefix` are meant: `{ header: 'stripe-signature', separator: ',', prefix: 'v1=' }`.
 */
export type HeaderPlace =
  | string
  | { readonly header: string | readonly string[]; readonly separator?: string; readonly prefix?: string }

/**
 * A field of the JSON body, looked at only when the body is known to be the sender's. One further inside is a path: `data.id` is
 * the `id` in `data`, where the body has no field that is called `data.id`.
 */
export interface FieldPlace {
  readonly field: string
}

export interface PlacedHeader {
  readonly names: readonly string[]
  readonly separator: string
  readonly prefix: string
}

/** No header holds a line break. */
const NO_SEPARATOR = '\n'

const headerName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** @throws InvalidOptionsError for what is no name of a header. */
export function toHeaderName(name: unknown, what: string): string {
  if (typeof name === 'string' && headerName.test(name)) return name.toLowerCase()
  throw new InvalidOptionsError(`${what} must be the name of a header`)
}

export function isField(place: PlacedHeader | FieldPlace): place is FieldPlace {
  return 'field' in place
}

/** @throws InvalidOptionsError for what names no header. */
export function toPlacedHeader(place: HeaderPlace, what: string): PlacedHeader {
  const {
    header,
    separator = NO_SEPARATOR,
    prefix = '',
  } = typeof place === 'object' && place !== null ? place : { header: place }
  const names = typeof header === 'string' ? [header] : header
  if (
    !Array.isArray(names) ||
    names.length === 0 ||
    !names.every(name => typeof name === 'string' && headerName.test(name))
  ) {
    throw new InvalidOptionsError(
      `${what} must be the name of a header, or { header, separator, prefix } for one value of several in it`,
    )
  }
  if (separator === '') throw new InvalidOptionsError(`${what}: separator is empty; leave it out`)
  return { names: names.map(name => name.toLowerCase()), separator, prefix }
}

/** @throws InvalidOptionsError for what names neither a header nor a field. */
export function toPlace(place: HeaderPlace | FieldPlace, what: string): PlacedHeader | FieldPlace {
  if (typeof place !== 'object' || place === null || !('field' in place)) return toPlacedHeader(place, what)
  if (typeof place.field === 'string' && place.field !== '') return { field: place.field }
  throw new InvalidOptionsError(
    `${what}: field must be the name of a field of the JSON body, or a path to one: 'data.id'`,
  )
}

/** All values at a place, in order; `undefined` when there is no such header. */
export function readHeader(
  { headers }: RawRequest,
  { names, separator, prefix }: PlacedHeader,
): readonly string[] | undefined {
  const value = names.map(name => headers.get(name)).find(found => found !== null)
  const parts = value?.split(separator).map(part => part.trim())
  return parts?.filter(part => part.startsWith(prefix)).map(part => part.slice(prefix.length))
}

/**
 * A text or a number in a JSON body; `''` where there is none, and for a number that JavaScript cannot tell from its
 * neighbours: two deliveries must not become one.
 */
export function readField(body: Uint8Array, field: string): string {
  let parsed: unknown
  try {
    parsed = JSON.parse(toText(body))
  } catch {
    // What is no JSON has no fields.
  }
  const value = valueAt(parsed, field)
  return typeof value === 'string' || Number.isSafeInteger(value) ? String(value) : ''
}

function valueAt(parent: unknown, path: string): unknown {
  if (typeof parent !== 'object' || parent === null || Array.isArray(parent)) return undefined
  if (Object.hasOwn(parent, path)) return Reflect.get(parent, path)
  const first = path.replace(/\..*/s, '')
  return Object.hasOwn(parent, first)
    ? valueAt(Reflect.get(parent, first), path.slice(first.length + 1))
    : undefined
}
