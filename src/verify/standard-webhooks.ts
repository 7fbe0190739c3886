import { createSecretKey } from 'node:crypto'
import { InvalidOptionsError } from '../errors.js'
import type { Verify } from '../model/code.js'
import { PRIVATE, PUBLIC, SYMMETRIC, toPublicKey, toSymmetricKeyOfOthers } from '../model/signing-secret.js'
import { toContent } from './content.js'
import { toEd25519Key } from './ed25519-key.js'
import { toHmacKey } from './hmac-key.js'
import { checkMakerOptions } from './maker-options.js'
import { type PlacedHeader, toPlacedHeader } from './place.js'
import { type TimedSecretOptions, timedOptionNames } from './provider.js'
import { checkLook, type SecretLook, toHint } from './secret-look.js'
import { toRetired, toSecrets } from './secrets.js'
import { signed, type VerifyingKey } from './signed.js'
import { DEFAULT_TOLERANCE, toToleranceMs } from './time.js'

/** A secret in the writing of the provider, as a key. */
type ToKey = (secret: string, what: string) => VerifyingKey

interface Writing {
  readonly name: string
  readonly toKey: ToKey
  readonly look?: SecretLook
}

/**
 * Standard Webhooks, with which Svix, Resend, Clerk, Supabase and many others sign, and we ourselves: id, time (up to 5 minutes
 * from our clock) and body. The headers may be called `webhook-…` or `svix-…`; of several signatures one has to match, and those
 * of kinds that are not known are passed over. The delivery id is `webhook-id`, the same on every retry.
 *
 * ```ts
 * server.source('resend', { verify: standardWebhooks({ secret: process.env.RESEND_WEBHOOK_SECRET ?? '' }) })
 * ```
 *
 * A secret is `whsec_…`, with or without those letters, of whatever length, and with Supabase's `v1,` before them; or the public key `whpk_…` of a sender that signs with ed25519.
 *
 * @throws InvalidOptionsError for an empty secret, for one that is not base64, and for a private key.
 * @see https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function standardWebhooks(options: TimedSecretOptions): Verify {
  return toVerifier(options, { name: 'standardWebhooks', toKey: toStandardKey })
}

/**
 * OpenAI: Standard Webhooks. As in its own library, a secret that does not begin with `whsec_` is taken as it is.
 *
 * ```ts
 * server.source('openai', { verify: openai({ secret: process.env.OPENAI_WEBHOOK_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for an empty secret, for one that is not base64 behind `whsec_`, and for an API key in its place.
 * @see https://platform.openai.com/docs/guides/webhooks
 */
export function openai(options: TimedSecretOptions): Verify {
  return toVerifier(options, {
    name: 'openai',
    toKey: (secret, what) =>
      secret.startsWith(SYMMETRIC)
        ? toStandardKey(secret, what)
        : toHmacKey(createSecretKey(Buffer.from(secret)), v1),
    look: {
      begins: SYMMETRIC,
      other: /^(?:sk-|whpk_|whsk_)/,
      otherIs: 'an API key or an ed25519 key',
      instead: `the signing secret of the webhook, '${SYMMETRIC}…'`,
    },
  })
}

/**
 * Replicate: Standard Webhooks, with the secret that `GET /v1/webhooks/default/secret` answers.
 *
 * ```ts
 * server.source('replicate', { verify: replicate({ secret: process.env.REPLICATE_WEBHOOK_SECRET ?? '' }) })
 * ```
 *
 * @throws InvalidOptionsError for a secret that is not `whsec_…`.
 * @see https://replicate.com/docs/topics/webhooks/verify-webhook
 */
export function replicate(options: TimedSecretOptions): Verify {
  return toVerifier(options, {
    name: 'replicate',
    toKey: (secret, what) => {
      if (secret.startsWith(SYMMETRIC)) return toStandardKey(secret, what)
      throw new InvalidOptionsError(
        `${what} does not begin with '${SYMMETRIC}'; give what GET /v1/webhooks/default/secret answers as key, and no API token`,
      )
    },
  })
}

const v1 = { hash: 'sha256', encoding: 'base64', prefix: 'v1,' } as const

function toStandardKey(secret: string, what: string): VerifyingKey {
  if (secret.startsWith(PRIVATE)) {
    throw new InvalidOptionsError(
      `${what} is a private key, with which its owner signs; what verifies is the public one, '${PUBLIC}…'`,
    )
  }
  if (secret.startsWith(PUBLIC)) {
    return toEd25519Key(toPublicKey(secret, what), 'v1a,')
  }
  return toHmacKey(toSymmetricKeyOfOthers(secret, what), v1)
}

function toVerifier(options: TimedSecretOptions, { name, toKey, look }: Writing): Verify {
  const what = `The verifier ${name}`
  checkMakerOptions(options, timedOptionNames, what)
  const { secret, retired, tolerance = DEFAULT_TOLERANCE } = options
  const secrets = toSecrets(secret, `${what}: secret`)
  if (look !== undefined) checkLook(secrets, look, `${what}: secret`)
  const hint = look === undefined ? {} : toHint(secrets, look)
  const toKeys = (given: readonly string[], which: string) =>
    given.map((each, index) => toKey(each, given.length === 1 ? which : `${which}[${index}]`))
  return signed(
    {
      name,
      content: toContent('{id}.{timestamp}.{body}', what),
      signature: { ...either('signature'), separator: ' ' },
      id: either('id'),
      timestamp: {
        place: either('timestamp'),
        unit: 's',
        toleranceMs: toToleranceMs(tolerance, what),
      },
      ...hint,
    },
    {
      current: toKeys(secrets, `${what}: secret`),
      retired: toKeys(toRetired(retired, `${what}: retired`), `${what}: retired`),
    },
  )
}

function either(part: string): PlacedHeader {
  return toPlacedHeader({ header: [`webhook-${part}`, `svix-${part}`] }, part)
}
