import { toRetrySettings } from '../core/backoff.js'
import { type Duration, toMs } from '../core/duration.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { PolicyOptions } from '../model/endpoint-options.js'
import type { Breaker, Rate } from '../model/lane.js'
import { DEFAULTS } from '../options.js'
import { type Credentials, credentialHeaderOf, toCredentials } from './credentials.js'
import { type HeaderList, toHeaderList } from './headers.js'
import type { Policy } from './policy.js'
import { signatureHeaderNames, toSigningKeys } from './signing.js'
import { toTlsSettings } from './tls.js'

/** For who checks that no option is misspelt. */
export const policyOptionNames: readonly string[] = [
  'headers',
  'secret',
  'auth',
  'timeout',
  'success',
  'final',
  'retry',
  'requireEmptyResponse',
  'breaker',
  'tls',
  'rateLimit',
  'concurrency',
] satisfies (keyof PolicyOptions)[]

/** More than that nobody means, and not every store can count so far. */
const LARGEST_COUNT = 1_000_000

/** In what endpoints and subscriptions differ: what holds when nothing is said, and what is said of a mistake. */
export interface PolicyDefaults {
  /** Absent: what `Policy` takes for final without it. */
  readonly final?: ReadonlySet<number>
  /** What comes of it when there is no secret. */
  readonly unsigned: string
  readonly hints: AddressHints
}

/** What whoever reads that a URL is refused can do about it, as the end of that sentence. */
export interface AddressHints {
  readonly private: string
  readonly insecure: string
  readonly credentials: string
  /** Of a name that no endpoint has: which there are. */
  readonly declared: (names: readonly string[]) => string
}

/** For whoever writes the code of the server. */
const operatorHints: AddressHints = {
  private: '; allowPrivate opens ranges of such addresses',
  insecure: ', or set allowInsecure',
  credentials: "; declare an endpoint and give them to it as auth: { basic: ['user', 'password'] }",
  declared: names =>
    names.length === 0 ? ' (none is)' : ` (declared are ${names.map(name => `'${name}'`).join(', ')})`,
}

export const endpointDefaults: PolicyDefaults = { unsigned: 'nothing is signed', hints: operatorHints }

/**
 * Subscribers come and go, and what they answer while something is wrong with them is not the end: only `410` is. They read what
 * is wrong with their URL, too, and have no part in how the server is set up.
 */
export const subscriptionDefaults: PolicyDefaults = {
  final: new Set([410]),
  unsigned: 'one is made',
  hints: { private: '', insecure: '', credentials: '', declared: () => '' },
}

/**
 * The options by which an endpoint or a subscription is sent to, checked, and what is left out filled in. Names are not
 * checked here: whoever has options of his own besides knows them all. `what` says whose they are, in messages.
 *
 * @throws InvalidOptionsError that says which option, what is wrong with it, and what to write instead.
 */
export function toPolicy(what: string, options: PolicyOptions, defaults: PolicyDefaults): Policy {
  const of = (name: string) => `${name} of ${what}`
  const { tls, auth, rateLimit } = options
  // Given and undefined, a secret is a missing variable of the environment, and no wish to send without a signature.
  const signingKeys =
    'secret' in options ? toSigningKeys(options.secret, of('secret'), defaults.unsigned) : []
  const credentials = auth === undefined ? undefined : toCredentials(auth, of('auth'))
  const success = toStatuses(options.success, of('success'))
  const final = toStatuses(options.final, of('final')) ?? defaults.final
  const headers = toHeaderList(options.headers, of('headers'))
  checkOwnHeaders(headers, { what: of('headers'), signed: signingKeys.length > 0, credentials })
  return {
    headers,
    signingKeys,
    ...(credentials === undefined ? {} : { credentials }),
    ...(tls === undefined ? {} : { tls: toTlsSettings(tls, of('tls')) }),
    timeoutMs: toTimeoutMs(options.timeout, of('timeout')),
    ...(success === undefined ? {} : { success }),
    ...(final === undefined ? {} : { final }),
    requireEmptyResponse: toFlag(options.requireEmptyResponse, of('requireEmptyResponse')),
    retry: toRetrySettings(options.retry, DEFAULTS.deliveryRetry, of('retry')),
    concurrency: toCount(options.concurrency ?? DEFAULTS.endpointConcurrency, of('concurrency')),
    ...(rateLimit === undefined ? {} : { rateLimit: toRateLimit(rateLimit, of('rateLimit')) }),
    breaker: toBreaker(options.breaker, of('breaker')),
  }
}

/** For URLs that were written out. */
export const writtenOut: Policy = toPolicy('a URL', {}, endpointDefaults)

/** What another option decides, no header says beside it. */
function checkOwnHeaders(
  headers: HeaderList,
  {
    what,
    signed,
    credentials,
  }: {
    readonly what: string
    readonly signed: boolean
    readonly credentials: Credentials | undefined
  },
): void {
  const elsewhere = new Map([['content-type', 'it belongs to each message']])
  if (signed) {
    for (const name of signatureHeaderNames) elsewhere.set(name, 'it is computed from the secret')
  }
  const header = credentialHeaderOf(credentials)
  if (header !== undefined) elsewhere.set(header, 'auth has it')
  for (const [name] of headers) {
    const reason = elsewhere.get(name)
    if (reason !== undefined) throw new InvalidOptionsError(`${what}: leave '${name}' out, ${reason}`)
  }
}

function toStatuses(list: readonly number[] | undefined, what: string): ReadonlySet<number> | undefined {
  if (list === undefined) return undefined
  if (!Array.isArray(list)) {
    throw new InvalidOptionsError(`${what} must be a list of statuses, such as [200, 202]`)
  }
  for (const status of list) {
    if (!Number.isInteger(status) || status < 200 || status > 599) {
      throw new InvalidOptionsError(
        `${what} holds ${JSON.stringify(status)}; a status is a whole number from 200 to 599`,
      )
    }
  }
  return new Set(list)
}

function toTimeoutMs(timeout: Duration | undefined, what: string): number {
  return toSpanMs(timeout ?? DEFAULTS.endpointTimeoutMs, what)
}

function toSpanMs(duration: Duration, what: string): number {
  const ms = toMs(duration, what)
  if (ms === 0) throw new InvalidOptionsError(`${what} must be longer than 0`)
  return ms
}

function toCount(count: number, what: string): number {
  if (Number.isInteger(count) && count >= 1 && count <= LARGEST_COUNT) return count
  throw new InvalidOptionsError(`${what} must be a whole number from 1 to ${LARGEST_COUNT}`)
}

function toFlag(flag: boolean | undefined, what: string): boolean {
  if (flag === undefined || typeof flag === 'boolean') return flag ?? false
  throw new InvalidOptionsError(`${what} must be true or false`)
}

function toRateLimit(limit: NonNullable<PolicyOptions['rateLimit']>, what: string): Rate {
  checkOptionNames(limit, ['count', 'per'], what)
  return { count: toCount(limit.count, `${what}.count`), perMs: toSpanMs(limit.per, `${what}.per`) }
}

function toBreaker(breaker: PolicyOptions['breaker'], what: string): Breaker | false {
  if (breaker === false || breaker === undefined) return breaker ?? DEFAULTS.breaker
  checkOptionNames(breaker, ['failures', 'pause'], what)
  const { failures = DEFAULTS.breaker.failures, pause = DEFAULTS.breaker.pauseMs } = breaker
  return { failures: toCount(failures, `${what}.failures`), pauseMs: toSpanMs(pause, `${what}.pause`) }
}
