import { VerificationError } from '../errors.js'
import type { Verdict, Verify } from '../model/code.js'
import type { RawRequest } from '../model/received.js'
import { type Content, endsEarly, fill, hasVariable, type SignedContent } from './content.js'
import { type FieldPlace, isField, type PlacedHeader, readField, readHeader } from './place.js'
import { rewritten } from './rewritten.js'
import { checkAge, isWhole, NOT_WHOLE, type TimestampUnit } from './time.js'

/** One secret, or one public key. */
export interface VerifyingKey {
  /** Which of the values in the signature's header are for it: those that begin with this, such as `v1=`. */
  readonly prefix: string
  /** Whether one of the signatures is its own of this content, compared in constant time. */
  matches(content: SignedContent, signatures: readonly string[]): boolean
}

/** Where the parts of a signed request stand. */
export interface Layout {
  /** Whose requests they are, for the operator. */
  readonly name: string
  readonly content: Content
  readonly signature: PlacedHeader
  readonly id?: PlacedHeader | FieldPlace
  readonly timestamp?: SignedTime
  /** The URL that the sender has signed, where it is not the one under which it called. */
  readonly url?: SignedUrl
  /** What the operator should look at first when no signature matches. */
  readonly hint?: string
  /** Why a text can be no signature, whatever the secret: it `cannot be …`. `undefined` where it could be one. */
  readonly faultOfForm?: (signature: string) => string | undefined
  readonly advice?: Advice
}

/** What the operator should do about a sender that seems to sign in another way than the layout says. */
export interface Advice {
  /** A value does not stand where it is looked for. */
  readonly place?: string
  /** Its time counts in another unit. */
  readonly unit?: string
}

export interface SignedTime {
  readonly place: PlacedHeader | FieldPlace
  readonly unit: TimestampUnit
  /** `false`: it is signed, and not looked at. */
  readonly toleranceMs: number | false
}

export type SignedUrl = string | ((request: RawRequest) => string)

export interface Keys {
  readonly current: readonly VerifyingKey[]
  /** No longer accepted, and recognised all the same, so that the operator can be told. */
  readonly retired: readonly VerifyingKey[]
}

interface Parts {
  readonly request: RawRequest
  readonly body: Uint8Array
  readonly signatures: readonly string[]
  readonly url: string
  /** What the headers say; `''` where it stands in the body, or nowhere. */
  readonly id: string
  readonly timestamp: string
}

export const SIGNED_WITH_RETIRED =
  'it is signed with a secret that is no longer accepted: its sender has not changed to the current one'

/** More than a change of secrets takes; each costs a comparison, or more. */
const MOST_SIGNATURES = 32

/** How often it is tried out whether a body was rewritten: it costs, and anybody can ask for it. */
const TRY_EVERY_MS = 1_000

// A request whose bytes are signed: what every provider does, each in words of its own.
//
//   V1. Nothing of the body is looked into before its signature has matched.
//   V2. What decides is a comparison in constant time over the bytes as received. What is found out after one that failed
//       is words for the operator, and lets nothing in.
//   V3. No word of a reason is a secret, a signature, or of the body.
export function signed(layout: Layout, keys: Keys): Verify {
  let triedAt = Number.NEGATIVE_INFINITY
  const tryOut = (parts: Parts) => {
    const now = parts.request.receivedAt.getTime()
    if (Math.abs(now - triedAt) < TRY_EVERY_MS) return undefined
    triedAt = now
    return findRewriting(parts, layout, keys.current)
  }
  return request => {
    const parts = readParts(request, layout, keys)
    if (!isSigned(parts, parts.body, layout, { keys: keys.current })) {
      const cause = findCause(parts, layout, keys) ?? tryOut(parts) ?? mismatch(layout)
      throw new VerificationError(`${layout.name}: ${cause}`)
    }
    checkTimestamp(parts, layout)
    return toVerdict(valueAt(layout.id, parts.id, parts.body))
  }
}

function readParts(request: RawRequest, layout: Layout, keys: Keys): Parts {
  const { name, content } = layout
  const refuse = (reason: string) => new VerificationError(`${name}: ${reason}`)
  const read = (place: Layout['id'], variable: 'id' | 'timestamp') => {
    if (place === undefined || isField(place)) return ''
    const [value = ''] = readHeader(request, place) ?? []
    if (!hasVariable(content, variable)) return value
    if (value === '') throw refuse(`it has no ${variable}: ${inWords(place, [place.prefix])} is missing`)
    if (variable === 'timestamp') {
      if (!isWhole(value)) throw refuse(NOT_WHOLE + adviceOn('timestamp', layout))
    } else if (endsEarly(content, variable, value)) {
      throw refuse(
        `its ${variable} holds what ends it in what is signed, so that more than one request could be meant`,
      )
    }
    return value
  }

  const signatures = readHeader(request, layout.signature)
  if (signatures === undefined)
    throw refuse(`it has no signature: ${inWords(layout.signature, [])} is missing`)
  if (signatures.length > MOST_SIGNATURES) {
    throw refuse(`it has ${signatures.length} signatures, and ${MOST_SIGNATURES} are looked at`)
  }
  const prefixes = [...new Set(keys.current.map(({ prefix }) => prefix))]
  if (!signatures.some(each => prefixes.some(prefix => each.startsWith(prefix)))) {
    const wanted = inWords(layout.signature, prefixes)
    throw refuse(
      `it has no signature of the kind that is checked: ${wanted} is missing${adviceOn('signature', layout)}`,
    )
  }
  const url = typeof layout.url === 'function' ? layout.url(request) : (layout.url ?? request.url)
  if (hasVariable(content, 'url') && !URL.canParse(url)) {
    throw refuse('its URL is part of what is signed, and is not known here: pass url, with scheme and host')
  }
  return {
    request,
    body: request.bytes(),
    signatures,
    url,
    id: read(layout.id, 'id'),
    timestamp: read(layout.timestamp?.place, 'timestamp'),
  }
}

function isSigned(
  parts: Parts,
  body: Uint8Array,
  { content: template }: Layout,
  { keys, most = MOST_SIGNATURES }: { readonly keys: readonly VerifyingKey[]; readonly most?: number },
): boolean {
  const { request, signatures, url, id, timestamp } = parts
  const content = fill(template, { id, timestamp, url, method: request.method, body })
  return keys.some(key => key.matches(content, ownOf(key, signatures).slice(0, most)))
}

/** The signatures that are for a key, without what says so. */
function ownOf({ prefix }: VerifyingKey, signatures: readonly string[]): readonly string[] {
  return signatures.filter(each => each.startsWith(prefix)).map(each => each.slice(prefix.length))
}

function adviceOn(option: 'signature' | 'timestamp', { advice }: Layout): string {
  return advice?.place === undefined ? '' : `: ${advice.place} of ${option}`
}

/** More than that a signature does not match, where more is known at once. */
function findCause(parts: Parts, layout: Layout, { current, retired }: Keys): string | undefined {
  const faults = current.flatMap(key => ownOf(key, parts.signatures)).map(each => layout.faultOfForm?.(each))
  if (!faults.includes(undefined)) return `its signature ${faults[0]}`
  return isSigned(parts, parts.body, layout, { keys: retired }) ? SIGNED_WITH_RETIRED : undefined
}

function findRewriting(parts: Parts, layout: Layout, keys: readonly VerifyingKey[]): string | undefined {
  const original = findOriginal(parts, layout, keys)
  return original === undefined
    ? undefined
    : `its body was parsed and written again on the way here (it was ${original}): hand over the bytes as they came`
}

function mismatch(layout: Layout): string {
  const url = hasVariable(layout.content, 'url') ? ', or was called under another URL than we think' : ''
  const hint = layout.hint === undefined ? '' : `; ${layout.hint}`
  return `its signature does not match: it was signed with another secret, or changed on the way${url}${hint}`
}

/** By the first signature for each key: of some kinds each costs as much as hundreds of the others. */
function findOriginal(parts: Parts, layout: Layout, keys: readonly VerifyingKey[]): string | undefined {
  for (const { form, bytes } of rewritten(parts.body)) {
    if (isSigned(parts, bytes, layout, { keys, most: 1 })) return form
  }
  return undefined
}

function checkTimestamp(
  { request, body, timestamp }: Parts,
  { name, timestamp: time, advice }: Layout,
): void {
  if (time === undefined || time.toleranceMs === false) return
  const { place, unit, toleranceMs } = time
  const value = valueAt(place, timestamp, body)
  if (value === '') throw new VerificationError(`${name}: it is signed, but has no timestamp`)
  checkAge(value, { name, receivedAt: request.receivedAt, unit, toleranceMs, advice: advice?.unit })
}

/** What stands in a header was read before; what stands in the body is read now that the body is known to be the sender's. */
function valueAt(place: Layout['id'], header: string, body: Uint8Array): string {
  return place !== undefined && isField(place) ? readField(body, place.field) : header
}

function toVerdict(deliveryId: string): Verdict {
  return deliveryId === '' ? true : { deliveryId }
}

function inWords({ names }: PlacedHeader, prefixes: readonly string[]): string {
  const header = `the header ${names.join(' or ')}`
  const begins = prefixes.filter(prefix => prefix !== '').map(prefix => `'${prefix}'`)
  return begins.length === 0 ? header : `in ${header}, a value that begins with ${begins.join(' or ')}`
}
