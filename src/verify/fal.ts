import { type KeyObject, verify } from 'node:crypto'
import { sha256Hex, utf8 } from '../core/bytes.js'
import { type Clock, systemClock } from '../core/clock.js'
import { InvalidOptionsError, VerificationError } from '../errors.js'
import type { Verdict, Verify } from '../model/code.js'
import type { RawRequest } from '../model/received.js'
import { KeySet } from './key-set.js'
import { checkMakerOptions } from './maker-options.js'
import { faultOfAge, type Tolerance, toToleranceMs } from './time.js'

export interface FalOptions {
  /** Where fal publishes its keys. Default `https://rest.fal.ai/.well-known/jwks.json`. */
  keysUrl?: string
  /** How far the timestamp may be from our clock, to either side. Default 5 minutes; `false` does not look at it. */
  tolerance?: Tolerance
  /** By what the keys are fetched. Default the global one. */
  fetch?: typeof globalThis.fetch
  /** Tells how old the keys are. For tests. */
  clock?: Clock
}

const optionNames: readonly string[] = [
  'keysUrl',
  'tolerance',
  'fetch',
  'clock',
] satisfies (keyof FalOptions)[]

const KEYS_URL = 'https://rest.fal.ai/.well-known/jwks.json'
const headerNames = ['request-id', 'user-id', 'timestamp', 'signature'] as const

type HeaderValues = Readonly<Record<(typeof headerNames)[number], string>>

/**
 * fal: `X-Fal-Webhook-Signature`, an ed25519 signature over the ids of request and user, the time (up to 5 minutes from our clock)
 * and a hash of the body. There is no secret: the public keys are fetched with the first request, used for a day, and fetched
 * again, once a minute at the most, when none of them has signed. The delivery id is the request's.
 *
 * ```ts
 * server.source('fal', { verify: fal() })
 * ```
 *
 * fal signs alike for all its customers, and each says which URL is called: who knows the URL of a receiver can have fal call it.
 *
 * The verifier throws `VerificationUnavailableError` while the keys cannot be fetched: such a request is not refused, and its
 * sender reads that it may come again.
 *
 * @throws InvalidOptionsError for a `keysUrl` that is not `https:`, unless it is on this machine.
 * @see https://fal.ai/docs/documentation/model-apis/inference/webhooks
 */
export function fal(options: FalOptions = {}): Verify {
  const what = 'The verifier fal'
  checkMakerOptions(options, optionNames, what)
  const { keysUrl = KEYS_URL, tolerance = '5m', clock = systemClock } = options
  // Looked up when it is called: whoever stands in for it may do so after this.
  const { fetch = (input, init) => globalThis.fetch(input, init) } = options
  const toleranceMs = toToleranceMs(tolerance, what)
  const keySet = new KeySet({ name: 'fal', url: toKeysUrl(keysUrl, what), fetch, clock })

  return request => {
    const values = readHeaders(request)
    // Known before the keys are as well: what is too old causes no fetch.
    if (toleranceMs !== false) checkTime(values.timestamp, { receivedAt: request.receivedAt, toleranceMs })
    const content = [
      values['request-id'],
      values['user-id'],
      values.timestamp,
      sha256Hex(request.bytes()),
    ].join('\n')
    const signature = Buffer.from(values.signature, 'hex')
    const isSigned = (keys: readonly KeyObject[]) =>
      keys.some(key => verify(null, utf8(content), key, signature))
    const passed: Verdict = { deliveryId: values['request-id'] }

    if (isSigned(keySet.known())) return passed
    return keySet.renewed().then(keys => {
      if (isSigned(keys)) return passed
      throw refusal('its signature does not match: it was not signed by fal, or changed on the way')
    })
  }
}

function readHeaders({ headers }: RawRequest): HeaderValues {
  const read = (name: (typeof headerNames)[number]) => {
    const value = headers.get(`x-fal-webhook-${name}`) ?? ''
    if (value === '') throw refusal(`it is not signed: the header x-fal-webhook-${name} is missing`)
    return value
  }
  const signature = read('signature')
  // Known before the keys are, so that nobody can make us fetch them with less than a signature.
  if (!/^[0-9a-f]{128}$/i.test(signature)) {
    throw refusal('its signature is no ed25519 signature, which is 128 hexadecimal digits')
  }
  return {
    'request-id': read('request-id'),
    'user-id': read('user-id'),
    timestamp: read('timestamp'),
    signature,
  }
}

function checkTime(
  timestamp: string,
  age: { readonly receivedAt: Date; readonly toleranceMs: number },
): void {
  const fault = faultOfAge(timestamp, { ...age, unit: 's' })
  if (fault !== undefined) throw refusal(fault)
}

/** What the platform's parser makes of every way to write it. */
const loopback = /^(?:localhost|.+\.localhost|127(?:\.\d{1,3}){3}|\[::1\])$/

function toKeysUrl(given: string, what: string): URL {
  if (URL.canParse(given)) {
    const url = new URL(given)
    const { protocol, hostname, username, password } = url
    const safe = protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname))
    if (safe && username === '' && password === '') return url
  }
  throw new InvalidOptionsError(
    `${what}: keysUrl must be an https: URL without user and password; http: only leads to this machine`,
  )
}

function refusal(reason: string): VerificationError {
  return new VerificationError(`fal: ${reason}`)
}
