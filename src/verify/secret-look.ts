import { InvalidOptionsError } from '../errors.js'
import type { Layout } from './signed.js'

/** By what a provider's signing secret is known, and by what its other credentials, which are taken for it. */
export interface SecretLook {
  /** How each of them begins, where they begin alike. */
  readonly begins?: string
  /** What is another credential for certain. */
  readonly other: RegExp
  readonly otherIs: string
  /** Where the right one is to be found. */
  readonly instead: string
}

/** @throws InvalidOptionsError for another credential, with which no request could ever pass. */
export function checkLook(
  secrets: readonly string[],
  { other, otherIs, instead }: SecretLook,
  what: string,
): void {
  if (!secrets.some(secret => other.test(secret))) return
  throw new InvalidOptionsError(`${what} is ${otherIs}, by what it begins with; give ${instead}`)
}

/** What the operator should know when no signature matches, where there is such a thing. */
export function toHint(
  secrets: readonly string[],
  { begins }: Pick<SecretLook, 'begins'>,
): Pick<Layout, 'hint'> {
  if (begins === undefined || secrets.every(secret => secret.startsWith(begins))) return {}
  const which = secrets.length === 1 ? 'the secret' : 'one of the secrets'
  return { hint: `${which} does not begin with '${begins}', as signing secrets of this provider do` }
}
