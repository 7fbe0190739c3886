import { createSecretKey } from 'node:crypto'
import { MalformedContentError, VerificationError } from '../errors.js'
import type { Verdict, Verify } from '../model/code.js'
import { checkFieldCount, readContent } from '../model/content.js'
import type { RawRequest } from '../model/received.js'
import { type Matches, toMatches } from './hmac-key.js'
import { checkMakerOptions } from './maker-options.js'
import { type TimedSecretOptions, timedOptionNames } from './provider.js'
import { toRetired, toSecrets } from './secrets.js'
import { SIGNED_WITH_RETIRED } from './signed.js'
import { checkAge, DEFAULT_TOLERANCE, toToleranceMs } from './time.js'

/** Mailgun sends some twenty. They have to be read before anything is known of who sent them. */
const MOST_FIELDS = 1_000

/** What Mailgun signs, and its signatures. */
interface Proof {
  readonly timestamp: string
  readonly token: string
  readonly signatures: readonly string[]
}

/**
 * Mailgun: the body holds a timestamp (up to 5 minutes from our clock), a token and a signature over these two, in the field
 * `signature` of JSON, or among the fields of a form.
 *
 * **The rest of the body is not signed.** Whoever has seen one request can put another body beside its signature, and so let
 * nobody see one: no HTTP, no logs with bodies. Against sending it again the token is the delivery id: what was accepted is not
 * accepted again, by the same receiver, within its `dedupeWindow`, unless it has a `dedupe` of its own. Another receiver,
 * `verifyRequest`, and one that has not accepted the original know nothing of the token: there only the tolerance helps. An
 * account's own key passes the events of its subaccounts too.
 *
 * ```ts
 * server.source('mailgun', { verify: mailgun({ secret: process.env.MAILGUN_SIGNING_KEY ?? '' }) })
 * ```
 *
 * The body has to be read before anything is known of who sent it: let `maxBodyBytes` be no more than you need.
 *
 * @throws InvalidOptionsError for an empty secret.
 * @see https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
 */
export function mailgun(options: TimedSecretOptions): Verify {
  const what = 'The verifier mailgun'
  checkMakerOptions(options, timedOptionNames, what)
  const { secret, retired, tolerance = DEFAULT_TOLERANCE } = options
  const toleranceMs = toToleranceMs(tolerance, what)
  const current = toKeys(toSecrets(secret, `${what}: secret`))
  const former = toKeys(toRetired(retired, `${what}: retired`))

  const check = (content: unknown, receivedAt: Date): Verdict => {
    const { timestamp, token, signatures } = toProof(content)
    const isSigned = (keys: readonly Matches[]) =>
      keys.some(matches => matches([timestamp, token], signatures))
    if (!isSigned(current)) {
      throw refusal(
        isSigned(former)
          ? SIGNED_WITH_RETIRED
          : 'its signature does not match: it was signed with another key, or changed on the way',
      )
    }
    if (toleranceMs !== false) checkAge(timestamp, { name: 'mailgun', receivedAt, unit: 's', toleranceMs })
    return { deliveryId: token }
  }
  return request => {
    const content = read(request)
    return content instanceof Promise
      ? content.then(form => check(form, request.receivedAt), unreadable)
      : check(content, request.receivedAt)
  }
}

function toKeys(secrets: readonly string[]): readonly Matches[] {
  return secrets.map(secret =>
    toMatches(createSecretKey(Buffer.from(secret)), { hash: 'sha256', encoding: 'hex' }),
  )
}

function read(request: RawRequest): unknown {
  const [contentType, bytes] = [request.headers.get('content-type') ?? undefined, request.bytes()]
  try {
    checkFieldCount(contentType, bytes, MOST_FIELDS)
    return readContent(contentType, bytes)
  } catch (error) {
    return unreadable(error)
  }
}

function unreadable(error: unknown): never {
  throw error instanceof MalformedContentError ? refusal(error.message) : error
}

function toProof(content: unknown): Proof {
  const nested = fieldOf(content, 'signature')
  const proof = typeof nested === 'object' ? nested : content
  const [timestamp, token, signature, parent] = ['timestamp', 'token', 'signature', 'parent-signature'].map(
    name => fieldOf(proof, name),
  )
  const missing = typeof timestamp !== 'string' && typeof timestamp !== 'number'
  if (missing || typeof token !== 'string' || typeof signature !== 'string') {
    throw refusal('it has no signature: timestamp, token and signature are missing in its body')
  }
  // Nothing stands between the two: a digit more or less of the one would be another token, signed as well.
  const seconds = String(timestamp)
  if (!/^\d{10}$/.test(seconds)) throw refusal('its timestamp is not a number of ten digits')
  if (!/^[\x21-\x7e]{1,255}$/.test(token)) throw refusal('its token is empty, too long, or no word')
  return {
    timestamp: seconds,
    token,
    signatures: typeof parent === 'string' ? [signature, parent] : [signature],
  }
}

function fieldOf(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined
  return Reflect.get(value, name)
}

function refusal(reason: string): VerificationError {
  return new VerificationError(`mailgun: ${reason}`)
}
