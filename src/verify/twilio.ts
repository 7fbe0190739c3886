import { createSecretKey } from 'node:crypto'
import { constantTimeEqual, sha256Hex, toText, utf8 } from '../core/bytes.js'
import { VerificationError } from '../errors.js'
import type { Verdict, Verify } from '../model/code.js'
import { isUrlEncoded } from '../model/content.js'
import type { RawRequest } from '../model/received.js'
import { type Matches, toMatches } from './hmac-key.js'
import { checkMakerOptions } from './maker-options.js'
import { checkUrl, type UrlSecretOptions, urlOptionNames } from './provider.js'
import { checkLook, type SecretLook } from './secret-look.js'
import { toRetired, toSecrets } from './secrets.js'
import { SIGNED_WITH_RETIRED } from './signed.js'

const algorithms = { HMAC_SHA1: 'sha1', HMAC_SHA256: 'sha256' } as const

type Algorithm = keyof typeof algorithms

/** For each way in which it may sign, the same secrets. */
type Keys = Readonly<Record<Algorithm, readonly Matches[]>>

/** Twilio sends some thirty. They have to be read before anything is known of who sent them. */
const MOST_FIELDS = 1_000

const look: SecretLook = {
  other: /^(?:AC|SK)[0-9a-f]{32}$/i,
  otherIs: 'the SID of an account or of an API key',
  instead: 'the auth token of the account',
}

/**
 * Twilio: `X-Twilio-Signature`, an HMAC-SHA1 with the auth token over the URL and the fields of the form; of another body the URL
 * holds a hash, `bodySHA256`. Where a webhook rule gives a request a shared key and HMAC-SHA256, that key is one more `secret`.
 * The delivery id is `I-Twilio-Idempotency-Token`, the same on every retry.
 *
 * ```ts
 * server.source('twilio', { verify: twilio({ secret: process.env.TWILIO_AUTH_TOKEN ?? '' }) })
 * ```
 *
 * What counts is the URL as Twilio calls it, with its query, and with or without the port. Where that is not the receiver's own,
 * `url` says it. Twilio signs no time: what was sent once can be sent again, and only the delivery id tells.
 *
 * What Twilio signs is one text: names and values of a form follow one another, and the URL, with nothing in between, and of a
 * field that is there twice with the same value there is one. So whoever has seen a request can have it come again with the
 * borders of its fields elsewhere, or with a field twice. That is Twilio's scheme, and its own libraries verify no more.
 *
 * @throws InvalidOptionsError for an empty secret, for a SID in its place, and for a `url` that is none.
 * @see https://www.twilio.com/docs/usage/webhooks/webhooks-security
 * @see https://github.com/twilio/twilio-node/blob/main/src/webhooks/webhooks.ts
 */
export function twilio(options: UrlSecretOptions): Verify {
  const what = 'The verifier twilio'
  checkMakerOptions(options, urlOptionNames, what)
  const { secret, retired, url } = options
  const secrets = toSecrets(secret, `${what}: secret`)
  checkLook(secrets, look, `${what}: secret`)
  const given = url === undefined ? undefined : checkUrl(url, what)
  const current = toKeys(secrets)
  const former = toKeys(toRetired(retired, `${what}: retired`))

  return request => {
    const signature = request.headers.get('x-twilio-signature')
    if (signature === null) throw refusal('it has no signature: the header x-twilio-signature is missing')
    const algorithm = algorithmOf(request)
    const signedUrl = typeof given === 'function' ? given(request) : (given ?? request.url)
    if (signedUrl === '') throw refusal('its URL is part of what is signed, and is not known here: pass url')
    const body = request.bytes()
    const bodyHash = hashIn(signedUrl)
    const fields = bodyHash === undefined ? readFields(request, body) : ''
    const isSigned = (keys: Keys) => {
      for (const each of spellings(signedUrl)) {
        if (keys[algorithm].some(matches => matches([each, fields], [signature]))) return true
      }
      return false
    }

    if (!isSigned(current)) {
      throw refusal(
        isSigned(former)
          ? SIGNED_WITH_RETIRED
          : 'its signature does not match: it was signed with another secret, was called under another URL than we think, or changed on the way',
      )
    }
    if (bodyHash !== undefined && !constantTimeEqual(utf8(bodyHash.toLowerCase()), utf8(sha256Hex(body)))) {
      throw refusal(
        'its URL is signed, but its body is not the one whose hash is in it: it was parsed and written again, or changed on the way',
      )
    }
    return toVerdict(request)
  }
}

function toKeys(secrets: readonly string[]): Keys {
  const keysFor = (algorithm: Algorithm) =>
    secrets.map(secret =>
      toMatches(createSecretKey(Buffer.from(secret)), { hash: algorithms[algorithm], encoding: 'base64' }),
    )
  return { HMAC_SHA1: keysFor('HMAC_SHA1'), HMAC_SHA256: keysFor('HMAC_SHA256') }
}

/**
 * Read as twilio-node does since 6.3 (`getSignatureAlgorithm` in `lib/webhooks/webhooks.js`), which is where the header is to be
 * found. Nobody has signed it; whatever it says, what was signed needs the secret.
 */
function algorithmOf({ headers }: RawRequest): Algorithm {
  const settings = headers.get('x-twilio-webhooks-signature-settings')
  const name = settings?.match(/(?:^|,)\s*algorithm\s*=\s*([^\s,]+)/)?.[1] ?? 'HMAC_SHA1'
  const algorithm = (['HMAC_SHA1', 'HMAC_SHA256'] as const).find(known => known === name.toUpperCase())
  if (algorithm !== undefined) return algorithm
  throw refusal('it is signed with an algorithm that is not known here; there are HMAC_SHA1 and HMAC_SHA256')
}

function hashIn(url: string): string | undefined {
  return URL.canParse(url) ? (new URL(url).searchParams.get('bodySHA256') ?? undefined) : undefined
}

/** Each name and its values, in order of their UTF-16, with nothing in between; of values that repeat, one. */
function readFields({ headers }: RawRequest, body: Uint8Array): string {
  if (body.length === 0) return ''
  if (!isUrlEncoded(headers.get('content-type') ?? undefined)) {
    throw refusal('its body is not signed: it is no form, and there is no bodySHA256 in its URL')
  }
  if (hasMoreFields(body, MOST_FIELDS)) throw refusal(`its form has more than ${MOST_FIELDS} fields`)
  const form = new URLSearchParams(toText(body))
  form.sort()
  const fields = new Map<string, Set<string>>()
  for (const [name, value] of form) fields.set(name, (fields.get(name) ?? new Set()).add(value))
  return [...fields].flatMap(([name, values]) => [...values].sort().map(value => name + value)).join('')
}

function hasMoreFields(body: Uint8Array, most: number): boolean {
  const ampersand = 0x26
  let count = 1
  for (let at = body.indexOf(ampersand); at !== -1; at = body.indexOf(ampersand, at + 1)) {
    if (++count > most) return true
  }
  return false
}

/**
 * In what ways Twilio may have written the URL that it has signed: without a port and with one, its query as it stands in its
 * settings and as a URL parser writes it, which encodes a quote. Of host and path the parser's spelling is not asked: it resolves
 * `..`, and what was signed for the path of one receiver would pass at another.
 */
function* spellings(url: string): Generator<string> {
  yield url // as it most often was
  if (!URL.canParse(url)) return
  const { search, hash } = new URL(url)
  const queries = [url, url.replace(/[?#].*/s, () => search + hash)]
  const others = new Set(queries.flatMap(withAndWithoutPath).flatMap(withAndWithoutPort))
  others.delete(url)
  yield* others
}

function withAndWithoutPath(url: string): readonly string[] {
  return [url, url.replace(/^https?:\/\/[^/?#]*(?=[?#]|$)/i, '$&/')]
}

function withAndWithoutPort(url: string): readonly string[] {
  const host = /^((https?):\/\/[^/?#]*?)(:\d*)?(?=[/?#]|$)/i
  return [
    url.replace(host, '$1'),
    url.replace(host, (_, name: string, scheme: string, port = standardPort(scheme)) => name + port),
  ]
}

function standardPort(scheme: string): string {
  return scheme.toLowerCase() === 'https' ? ':443' : ':80'
}

function toVerdict({ headers }: RawRequest): Verdict {
  const deliveryId = headers.get('i-twilio-idempotency-token') ?? ''
  return deliveryId === '' ? true : { deliveryId }
}

function refusal(reason: string): VerificationError {
  return new VerificationError(`twilio: ${reason}`)
}
