import { createHash, createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import { constantTimeEqual, utf8 } from '../core/bytes.js'
import { InvalidOptionsError } from '../errors.js'
import type { VerifyingKey } from './signed.js'

export type Hash = 'sha256' | 'sha1' | 'sha384' | 'sha512'
export type SignatureEncoding = 'hex' | 'base64' | 'base64url'
export type SecretEncoding = 'utf8' | 'base64' | 'hex'

export type Matches = VerifyingKey['matches']

/** How a signature is made, and what stands before it. */
export interface Signing {
  readonly hash: Hash
  readonly encoding: SignatureEncoding
  readonly prefix: string
}

export function toHmacKey(key: KeyObject, { hash, encoding, prefix }: Signing): VerifyingKey {
  return { prefix, matches: toMatches(key, { hash, encoding }) }
}

/** For signatures that stand alone, with nothing before them. */
export function toMatches(key: KeyObject, { hash, encoding }: Omit<Signing, 'prefix'>): Matches {
  return (content, signatures) => {
    const hmac = createHmac(hash, key)
    for (const piece of content) hmac.update(piece)
    // As texts, because the platform's decoders take many texts for the same bytes.
    const expected = utf8(hmac.digest(encoding))
    return signatures.some(signature =>
      constantTimeEqual(utf8(encoding === 'hex' ? signature.toLowerCase() : signature), expected),
    )
  }
}

const alphabets = { hex: '0-9a-f', base64: 'a-z0-9+/=', base64url: 'a-z0-9_-' }

/**
 * Why a text can be no such signature, whatever the secret: it `cannot be …`. `undefined` where it could be one.
 *
 * @param otherForm What the operator should think of then.
 */
export function faultOfForm(
  signature: string,
  { hash, encoding, otherForm }: Omit<Signing, 'prefix'> & { readonly otherForm: string },
): string | undefined {
  const { length } = createHash(hash).digest(encoding)
  if (new RegExp(`^[${alphabets[encoding]}]{${length}}$`, 'i').test(signature)) return undefined
  const found = signature.length === length ? 'others' : String(signature.length)
  return `cannot be a ${hash} in ${encoding} (${length} characters are needed, it has ${found}): ${otherForm}`
}

/**
 * A secret as a key object: whatever prints that prints no secret.
 *
 * @throws InvalidOptionsError for a secret that is not written as it should be; the message does not quote it.
 */
export function toSecretKey(secret: string, encoding: SecretEncoding, what: string): KeyObject {
  const written = {
    utf8: /^/,
    base64: /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2,3}={0,2})?$/,
    hex: /^(?:[0-9a-f]{2})+$/i,
  }
  // The platform's decoders pass over what they do not know, and would take a typing error for another secret.
  if (written[encoding].test(secret)) return createSecretKey(Buffer.from(secret, encoding))
  throw new InvalidOptionsError(`${what} is not ${encoding}, as key says it is`)
}
