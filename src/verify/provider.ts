import { InvalidOptionsError } from '../errors.js'
import type { Verify } from '../model/code.js'
import { type HmacExtras, type HmacOptions, toHmacVerifier } from './hmac.js'
import { checkMakerOptions } from './maker-options.js'
import { checkLook, type SecretLook, toHint } from './secret-look.js'
import { toSecrets } from './secrets.js'
import type { SignedUrl } from './signed.js'
import { DEFAULT_TOLERANCE, type Tolerance } from './time.js'

// What the providers have in common that are a setting of `hmac`.

/** What a provider's secret is, and how it may be replaced. */
export interface SecretOptions {
  /** One, or several of which each lets a request in, so that one can be replaced by the next. */
  secret: string | readonly string[]
  /** Secrets that are no longer accepted. What is signed with one of them is refused, and the log says why. */
  retired?: string | readonly string[]
}

/** For providers that sign the time of a request. */
export interface TimedSecretOptions extends SecretOptions {
  /** How far its timestamp may be from our clock, to either side; `false` does not look at it. */
  tolerance?: Tolerance
}

/** For providers that sign the URL under which they call. */
export interface UrlSecretOptions extends SecretOptions {
  /**
   * The URL that the provider knows, where it is not the one under which it reaches us: one that was registered under an
   * older host and is forwarded. A function where several receivers share the verifier.
   */
  url?: SignedUrl
}

export const timedOptionNames: readonly string[] = [
  'secret',
  'retired',
  'tolerance',
] satisfies (keyof TimedSecretOptions)[]
export const urlOptionNames: readonly string[] = [
  'secret',
  'retired',
  'url',
] satisfies (keyof UrlSecretOptions)[]
const secretOptionNames: readonly string[] = ['secret', 'retired'] satisfies (keyof SecretOptions)[]

/** How a provider signs. What is left to its users are the secrets, and where time is signed the tolerance. */
export interface Provider extends Omit<HmacOptions, 'secret' | 'retired' | 'name'> {
  readonly name: string
}

export function untimed(options: SecretOptions, provider: Provider, look?: SecretLook): Verify {
  checkMakerOptions(options, secretOptionNames, `The verifier ${provider.name}`)
  return toVerifier(options, provider, look)
}

export function timed(options: TimedSecretOptions, provider: Provider, look?: SecretLook): Verify {
  checkMakerOptions(options, timedOptionNames, `The verifier ${provider.name}`)
  const tolerance = options.tolerance ?? provider.tolerance ?? DEFAULT_TOLERANCE
  return toVerifier({ ...options, tolerance }, provider, look)
}

export function withUrl(options: UrlSecretOptions, provider: Provider, look?: SecretLook): Verify {
  const what = `The verifier ${provider.name}`
  checkMakerOptions(options, urlOptionNames, what)
  const { url, ...secrets } = options
  return toVerifier(secrets, provider, look, url === undefined ? {} : { url: checkUrl(url, what) })
}

/** @throws InvalidOptionsError for what is no URL, and nothing that makes one. */
export function checkUrl(url: SignedUrl, what: string): SignedUrl {
  if (typeof url === 'function' || (typeof url === 'string' && URL.canParse(url))) return url
  throw new InvalidOptionsError(
    `${what}: url must be the whole URL that the provider calls, such as 'https://example.com/hook', or a function of the request that returns it`,
  )
}

function toVerifier(
  options: TimedSecretOptions,
  provider: Provider,
  look: SecretLook | undefined,
  extras: HmacExtras = {},
): Verify {
  const what = `The verifier ${provider.name}: secret`
  const secrets = toSecrets(options.secret, what)
  if (look !== undefined) checkLook(secrets, look, what)
  const hint = look === undefined ? {} : toHint(secrets, look)
  const otherForm = `something else than ${provider.name} has signed it`
  return toHmacVerifier({ ...provider, ...options }, { otherForm, ...extras, ...hint })
}
