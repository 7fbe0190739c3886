import {
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  type KeyObject,
  sign,
} from 'node:crypto'
import { randomBytes } from '../core/clock.js'
import { InvalidOptionsError } from '../errors.js'
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

const SYMMETRIC = 'whsec_'
const PRIVATE = 'whsk_'
const PUBLIC = 'whpk_'

/** What the specification allows: 192 to 512 bits. */
const SHORTEST_BYTES = 24
const LONGEST_BYTES = 64
const NEW_BYTES = 32

/** What comes before the 32 bytes of an ed25519 private key in its PKCS #8 form (RFC 8410). */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')

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
  if (secret.startsWith(PRIVATE)) {
    return { scheme: 'v1a', key: toPrivateKey(decode(secret.slice(PRIVATE.length), what), what) }
  }
  const text = secret.startsWith(SYMMETRIC) ? secret.slice(SYMMETRIC.length) : secret
  return { scheme: 'v1', key: toSymmetricKey(decode(text, what), what) }
}

function toSymmetricKey(bytes: Uint8Array, what: string): KeyObject {
  if (bytes.length >= SHORTEST_BYTES && bytes.length <= LONGEST_BYTES) return createSecretKey(bytes)
  throw new InvalidOptionsError(
    `${what} has ${bytes.length} bytes behind its base64; a secret has ${SHORTEST_BYTES} to ${LONGEST_BYTES}`,
  )
}

/** A seed of 32 bytes, with or without the 32 of its public part behind it. */
function toPrivateKey(bytes: Buffer, what: string): KeyObject {
  if (bytes.length !== 32 && bytes.length !== 64) {
    throw new InvalidOptionsError(
      `${what} has ${bytes.length} bytes behind its base64; an ed25519 private key has 32, or 64 with its public part`,
    )
  }
  const key = createPrivateKey({
    key: Buffer.concat([pkcs8, bytes.subarray(0, 32)]),
    format: 'der',
    type: 'pkcs8',
  })
  if (bytes.length === 64 && !bytes.subarray(32).equals(publicPartOf(key))) {
    throw new InvalidOptionsError(`${what} holds a public part that is not that of its private key`)
  }
  return key
}

/** The last 32 bytes of its SPKI form. */
function publicPartOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-32)
}

/** The platform's own decoder passes over whatever it does not know, and would take a typing error for another secret. */
function decode(text: string, what: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  const unpadded = text.replace(/={1,2}$/, '')
  if (unpadded === '' || bytes.toString('base64').replace(/=+$/, '') !== unpadded) {
    throw new InvalidOptionsError(
      `${what} is not base64; a secret is '${SYMMETRIC}' and 24 to 64 random bytes in base64, with + and /`,
    )
  }
  return bytes
}
