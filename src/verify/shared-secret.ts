import { createHash } from 'node:crypto'
import { constantTimeEqual } from '../core/bytes.js'
import { InvalidOptionsError, VerificationError } from '../errors.js'
import { toRetired, toSecrets } from './secrets.js'

// Secrets that are no key, but come with every request as they are.
//
//   S1. What is compared are hashes, in constant time: how long it takes tells neither where two secrets differ nor how
//       long ours is.
//   S2. Hashes are all that is kept: whatever prints a verifier prints no secret.

/** Hashes of secrets. */
export interface SharedSecrets {
  readonly current: readonly Uint8Array[]
  /** No longer accepted, and recognised all the same, so that the operator can be told. */
  readonly retired: readonly Uint8Array[]
}

/**
 * @param toText What a sender sends who knows this secret.
 * @throws InvalidOptionsError for a secret that is missing, empty, or cannot be sent; the message does not quote it.
 */
export function toSharedSecrets(
  options: { readonly secret: unknown; readonly retired: unknown },
  names: { readonly secret: string; readonly retired: string },
  toText: (secret: string, which: string) => string,
): SharedSecrets {
  const toHashes = (secrets: readonly string[], which: string) =>
    secrets.map(secret => toHash(toText(secret, which)))
  return {
    current: toHashes(toSecrets(options.secret, names.secret), names.secret),
    retired: toHashes(toRetired(options.retired, names.retired), names.retired),
  }
}

/** @throws InvalidOptionsError for what no header can hold, so that it could never arrive. */
export function checkSendable(secret: string, which: string): string {
  if (/^[\x20-\x7e]*$/.test(secret)) return secret
  throw new InvalidOptionsError(
    `${which} has characters that a header does not hold as they are: letters, digits and signs of ASCII only`,
  )
}

/** @throws VerificationError for a secret that is none of ours. `what` names it. */
export function checkSecret(
  given: string | Uint8Array,
  { current, retired }: SharedSecrets,
  { name, what }: { readonly name: string; readonly what: string },
): void {
  const hash = toHash(given)
  if (current.some(one => constantTimeEqual(one, hash))) return
  const old = retired.some(one => constantTimeEqual(one, hash))
  throw new VerificationError(
    old
      ? `${name}: it came with a secret that is no longer accepted: its sender has not changed to the current one`
      : `${name}: it came with another ${what}`,
  )
}

function toHash(secret: string | Uint8Array): Uint8Array {
  return createHash('sha256').update(secret).digest()
}
