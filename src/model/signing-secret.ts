import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from 'node:crypto'
import { InvalidOptionsError } from '../errors.js'

// Secrets as Standard Webhooks writes them (https://www.standardwebhooks.com, specification 1.0): with them we sign what we
// send, and verify what others send. Each is a key object from the moment it is read: whatever prints that prints no secret,
// and no message quotes one.

/** HMAC-SHA256; may be left out, as in the reference library. */
export const SYMMETRIC = 'whsec_'
/** ed25519: with the private key its owner signs, with the public one everybody else verifies. */
export const PRIVATE = 'whsk_'
export const PUBLIC = 'whpk_'

/** What the specification allows: 192 to 512 bits. */
const SHORTEST_BYTES = 24
const LONGEST_BYTES = 64
const ED25519_BYTES = 32

/** What comes before the 32 bytes of an ed25519 key in its PKCS #8 and SPKI forms (RFC 8410). */
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex')
const spki = Buffer.from('302a300506032b6570032100', 'hex')

/**
 * With which we sign, and so what the specification says is a must.
 *
 * @throws InvalidOptionsError for what is no base64 of 24 to 64 bytes.
 */
export function toSymmetricKey(secret: string, what: string): KeyObject {
  const bytes = decode(secret, { prefix: SYMMETRIC, holds: '24 to 64 random bytes' }, what)
  if (bytes.length >= SHORTEST_BYTES && bytes.length <= LONGEST_BYTES) return createSecretKey(bytes)
  throw new InvalidOptionsError(
    `${what} has ${bytes.length} bytes behind its base64; a secret has ${SHORTEST_BYTES} to ${LONGEST_BYTES}`,
  )
}

/**
 * With which somebody else signs, who has decided how long it is: some are shorter, some longer. Supabase writes `v1,whsec_…`.
 *
 * @throws InvalidOptionsError for what is no base64, and for nothing.
 */
export function toSymmetricKeyOfOthers(secret: string, what: string): KeyObject {
  const text = secret.startsWith(`v1,${SYMMETRIC}`) ? secret.slice('v1,'.length) : secret
  return createSecretKey(decode(text, { prefix: SYMMETRIC, holds: 'random bytes' }, what))
}

/**
 * A seed of 32 bytes, with or without the 32 of its public part behind it.
 *
 * @throws InvalidOptionsError for anything else, and for a public part that is another's.
 */
export function toPrivateKey(secret: string, what: string): KeyObject {
  const bytes = decode(secret, { prefix: PRIVATE, holds: 'the 32 or 64 bytes of a private key' }, what)
  if (bytes.length !== ED25519_BYTES && bytes.length !== 2 * ED25519_BYTES) {
    throw new InvalidOptionsError(
      `${what} has ${bytes.length} bytes behind its base64; an ed25519 private key has 32, or 64 with its public part`,
    )
  }
  const seed = bytes.subarray(0, ED25519_BYTES)
  const key = createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' })
  if (bytes.length > ED25519_BYTES && !bytes.subarray(ED25519_BYTES).equals(publicPartOf(key))) {
    throw new InvalidOptionsError(`${what} holds a public part that is not that of its private key`)
  }
  return key
}

/** @throws InvalidOptionsError for what is no base64 of 32 bytes. */
export function toPublicKey(secret: string, what: string): KeyObject {
  const bytes = decode(secret, { prefix: PUBLIC, holds: 'the 32 bytes of a public key' }, what)
  if (bytes.length === ED25519_BYTES) {
    return createPublicKey({ key: Buffer.concat([spki, bytes]), format: 'der', type: 'spki' })
  }
  throw new InvalidOptionsError(
    `${what} has ${bytes.length} bytes behind its base64; an ed25519 public key has ${ED25519_BYTES}`,
  )
}

function publicPartOf(key: KeyObject): Buffer {
  return createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(-ED25519_BYTES)
}

/** The platform's own decoder passes over whatever it does not know, and would take a typing error for another secret. */
function decode(
  secret: string,
  { prefix, holds }: { readonly prefix: string; readonly holds: string },
  what: string,
): Buffer {
  const text = secret.startsWith(prefix) ? secret.slice(prefix.length) : secret
  const bytes = Buffer.from(text, 'base64')
  const unpadded = text.replace(/={1,2}$/, '')
  if (unpadded !== '' && bytes.toString('base64').replace(/=+$/, '') === unpadded) return bytes
  throw new InvalidOptionsError(
    `${what} is not base64; a secret is '${prefix}' and ${holds} in base64, with + and /`,
  )
}
