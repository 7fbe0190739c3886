import { createHmac, type KeyObject, sign } from 'node:crypto'
import { randomBytes } from '../core/clock.js'
import { InvalidOptionsError } from '../errors.js'
import { PRIVATE, PUBLIC, SYMMETRIC, toPrivateKey, toSymmetricKey } from '../model/signing-secret.js'
import type { HeaderList } from './headers.js'

// Signatures of what we send, as Standard Webhooks has them (https://www.standardwebhooks.com, specification 1.0).
//
//   S1. What is signed is `id.timestamp.body`: the id and the body of the message, the seconds of the attempt.
//   S2. Every secret that is current signs, so that whoever verifies may know the old one or the new one.
//   S3. A secret is a key object from the moment it is declared: whatever prints a policy prints no secret.

/** One current secret: `v1` is HMAC-SHA256, `v1a` is ed25519. */
export interface SigningKey {
  readonly scheme: 'v1' | 'v1a'
  readonly key: KeyObject
}

/** What `toSignatureHeaders` may hold. */
export const signatureHeaderNames: readonly string[] = ['webhook-timestamp', 'webhook-signature']

const NEW_BYTES = 32

/**
 * The keys of one secret or several. As in the reference library, a symmetric secret may come without its prefix. `unsigned`:
 * what comes of it when there is none.
 *
 * @throws InvalidOptionsError that says what is wrong, and never quotes a secret.
 */
export function toSigningKeys(
  secret: string | readonly string[] | undefined,
  what: string,
  unsigned = 'nothing is signed',
): readonly SigningKey[] {
  if (typeof secret === 'string') return [toSigningKey(secret, what)]
  if (!Array.isArray(secret)) {
    throw new InvalidOptionsError(
      `${what} is ${secret === undefined ? 'undefined' : 'no text'}; give a text such as 'whsec_…', or leave secret out and ${unsigned}`,
    )
  }
  if (secret.length === 0) {
    throw new InvalidOptionsError(`${what} is an empty list; leave secret out, and ${unsigned}`)
  }
  return secret.map((each, index) => toSigningKey(each, `${what}[${index}]`))
}

/** The headers of one attempt; without keys there are none. `at` is the instant of the attempt. */
export function toSignatureHeaders(
  { id, body }: { readonly id: string; readonly body: Uint8Array },
  { keys, at }: { readonly keys: readonly SigningKey[]; readonly at: number },
): HeaderList {
  if (keys.length === 0) return []
  const timestamp = String(Math.floor(at / 1_000))
  const content = Buffer.concat([Buffer.from(`${id}.${timestamp}.`), body])
  const signatures = keys.map(({ scheme, key }) => `${scheme},${signatureOf(content, { scheme, key })}`)
  return [
    ['webhook-timestamp', timestamp],
    ['webhook-signature', signatures.join(' ')],
  ]
}

/** A new symmetric secret: 256 bits that nobody can guess. */
export function createSecret(): string {
  return SYMMETRIC + Buffer.from(randomBytes(NEW_BYTES)).toString('base64')
}

function signatureOf(content: Uint8Array, { scheme, key }: SigningKey): string {
  const bytes =
    scheme === 'v1' ? createHmac('sha256', key).update(content).digest() : sign(null, content, key)
  return bytes.toString('base64')
}

function toSigningKey(secret: unknown, what: string): SigningKey {
  if (typeof secret !== 'string') {
    throw new InvalidOptionsError(`${what} is ${secret === undefined ? 'undefined' : 'no text'}`)
  }
  if (secret === '') throw new InvalidOptionsError(`${what} is empty`)
  if (secret.startsWith(PUBLIC)) {
    throw new InvalidOptionsError(`${what} is a public key; what signs is the private one, '${PRIVATE}…'`)
  }
  if (secret.startsWith(PRIVATE)) return { scheme: 'v1a', key: toPrivateKey(secret, what) }
  return { scheme: 'v1', key: toSymmetricKey(secret, what) }
}
