import { InvalidOptionsError } from '../errors.js'
import type { Verify } from '../model/code.js'
import { hasVariable, toContent } from './content.js'
import {
  faultOfForm,
  type Hash,
  type SecretEncoding,
  type SignatureEncoding,
  toHmacKey,
  toSecretKey,
} from './hmac-key.js'
import { checkMakerOptions } from './maker-options.js'
import {
  type FieldPlace,
  type HeaderPlace,
  isField,
  type PlacedHeader,
  toPlace,
  toPlacedHeader,
} from './place.js'
import { toRetired, toSecrets } from './secrets.js'
import { type Layout, signed, type VerifyingKey } from './signed.js'
import { DEFAULT_TOLERANCE, type TimestampUnit, type Tolerance, toToleranceMs } from './time.js'

const hashes: readonly Hash[] = ['sha256', 'sha1', 'sha384', 'sha512']
const encodings: readonly SignatureEncoding[] = ['hex', 'base64', 'base64url']
const secretEncodings: readonly SecretEncoding[] = ['utf8', 'base64', 'hex']
const units: readonly TimestampUnit[] = ['s', 'ms']

/** How a sender signs with an HMAC. */
export interface HmacOptions {
  /** One, or several of which each lets a request in, so that one can be replaced by the next. */
  secret: string | readonly string[]
  /** Secrets that are no longer accepted. What is signed with one of them is refused, and the log says why. */
  retired?: string | readonly string[]
  /** Whose requests these are, for the log. Default `hmac`. */
  name?: string
  /** Default `sha256`. */
  hash?: Hash
  /** How the secret is written. Default `utf8`: its characters are the key. */
  key?: SecretEncoding
  /** What is signed, of `{id}`, `{timestamp}`, `{url}`, `{method}` and `{body}`. Default `{body}`. */
  content?: string
  /** The header that holds the signature. */
  signature: HeaderPlace
  /** How the signature is written. Default `hex`. */
  encoding?: SignatureEncoding
  /** The header that holds the time of the request, or a field of the signed JSON body. */
  timestamp?: HeaderPlace | FieldPlace
  /** What the timestamp counts. Default `s`. */
  unit?: TimestampUnit
  /** How far the timestamp may be from our clock, to either side: a second or more. Default 5 minutes; `false` does not look at it. */
  tolerance?: Tolerance
  /** The header, or the field of the signed JSON body, that is the same when a request is repeated: its delivery id. */
  id?: HeaderPlace | FieldPlace
}

const optionNames: readonly string[] = [
  'secret',
  'retired',
  'name',
  'hash',
  'key',
  'content',
  'signature',
  'encoding',
  'timestamp',
  'unit',
  'tolerance',
  'id',
] satisfies (keyof HmacOptions)[]

/**
 * Verifies what is signed with an HMAC over the bytes of the request. Most providers are a setting of it, and so, likely, is
 * yours:
 *
 * ```ts
 * const acme = server.source('acme', {
 *   verify: hmac({
 *     secret: process.env.ACME_SECRET ?? '',
 *     content: '{timestamp}.{body}',
 *     signature: { header: 'acme-signature', separator: ',', prefix: 'v1=' }, // acme-signature: t=1614265330,v1=5257a8…
 *     timestamp: { header: 'acme-signature', separator: ',', prefix: 't=' },
 *   }),
 * })
 * ```
 *
 * Signatures are compared in constant time, and before anything of the body is parsed.
 *
 * @throws InvalidOptionsError for an empty secret; for a timestamp that is not signed, and so proves nothing.
 */
export function hmac(options: HmacOptions): Verify {
  return toHmacVerifier(options, {
    hint: 'or content, hash and key are not those of its sender',
    otherForm: 'look at hash, encoding, and the prefix and separator of signature',
    advice: { place: 'look at the prefix and separator', unit: 'set unit' },
  })
}

/** What only our own settings of `hmac` say. */
export type HmacExtras = Pick<Layout, 'url' | 'hint' | 'advice'>

/** @param otherForm What the operator should think of where a text can be no such signature. */
export function toHmacVerifier(
  options: HmacOptions,
  { otherForm, ...extras }: HmacExtras & { readonly otherForm: string },
): Verify {
  const what = `The verifier ${options?.name ?? 'hmac'}`
  checkMakerOptions(options, optionNames, what)
  const { name = 'hmac', hash = 'sha256', key = 'utf8', encoding = 'hex' } = options
  checkChoice(hash, hashes, `${what}: hash`)
  checkChoice(key, secretEncodings, `${what}: key`)
  checkChoice(encoding, encodings, `${what}: encoding`)
  const signature = toPlacedHeader(options.signature, `${what}: signature`)
  const toKey = (secret: string, which: string): VerifyingKey =>
    toHmacKey(toSecretKey(secret, key, which), { hash, encoding, prefix: signature.prefix })
  const layout: Layout = {
    name,
    content: toContent(options.content ?? '{body}', what),
    signature: { ...signature, prefix: '' },
    ...toTime(options, what),
    faultOfForm: text => faultOfForm(text, { hash, encoding, otherForm }),
    ...(options.id === undefined ? {} : { id: toPlace(options.id, `${what}: id`) }),
    ...extras,
  }
  checkSigned('id', layout.id, { layout, what })
  checkSigned('timestamp', layout.timestamp?.place, { layout, what })
  const [secret, retired] = [`${what}: secret`, `${what}: retired`]
  return signed(layout, {
    current: toSecrets(options.secret, secret).map(each => toKey(each, secret)),
    retired: toRetired(options.retired, retired).map(each => toKey(each, retired)),
  })
}

function toTime({ timestamp, unit, tolerance }: HmacOptions, what: string): Pick<Layout, 'timestamp'> {
  const counted = unit ?? 's'
  checkChoice(counted, units, `${what}: unit`)
  if (timestamp !== undefined) {
    const place = toPlace(timestamp, `${what}: timestamp`)
    const toleranceMs = toToleranceMs(tolerance ?? DEFAULT_TOLERANCE, what)
    return { timestamp: { place, unit: counted, toleranceMs } }
  }
  if (unit === undefined && (tolerance === undefined || tolerance === false)) return {}
  const which = unit === undefined ? 'tolerance' : 'unit'
  throw new InvalidOptionsError(`${what}: ${which} needs a timestamp, and where it stands is not said`)
}

/** What stands in a header is part of what is signed, or a stranger could change it; only an id may be unsigned. */
function checkSigned(
  variable: 'id' | 'timestamp',
  place: PlacedHeader | FieldPlace | undefined,
  { layout, what }: { readonly layout: Layout; readonly what: string },
): void {
  const header = place !== undefined && !isField(place)
  if (hasVariable(layout.content, variable) && !header) {
    throw new InvalidOptionsError(
      `${what}: content has {${variable}}; let ${variable} say in which header it stands`,
    )
  }
  if (variable === 'timestamp' && header && !hasVariable(layout.content, variable)) {
    throw new InvalidOptionsError(
      `${what}: content has no {timestamp}, so that anybody could change that header; put it where the sender signs it, or leave timestamp out`,
    )
  }
}

function checkChoice(given: string, choices: readonly string[], what: string): void {
  if (choices.includes(given)) return
  throw new InvalidOptionsError(`${what} must be one of ${choices.join(', ')}`)
}
