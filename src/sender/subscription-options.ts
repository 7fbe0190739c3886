import { checkKey } from '../core/bytes.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { Proof, SubscriptionOptions } from '../model/endpoint-options.js'
import type { Target } from '../model/message.js'
import { checkPattern } from '../model/topic.js'
import type { Endpoints } from './endpoints.js'
import { checkFilter } from './filter.js'
import type { Policy } from './policy.js'
import { policyOptionNames, subscriptionDefaults } from './policy-options.js'
import { createSecret } from './signing.js'
import type { StoredOptions } from './stored-subscription.js'
import { checkLimits } from './subscription-limits.js'

export interface CheckedSubscription {
  readonly topic: string
  readonly url: string
  readonly policy: Policy
  readonly stored: Omit<StoredOptions, 'secrets'>
}

const ownNames = ['id', 'topic', 'url', 'filter', 'proof', 'callback', 'deadLetter']
const proofs: readonly Proof[] = ['echo', 'visit', 'cloudevents']

/**
 * What a subscription is given, checked, and what of it is stored besides its secrets.
 *
 * @throws InvalidOptionsError for an option that makes no sense, or asks for more than a subscription may.
 * @throws EndpointRefusedError for an address that would not be called.
 */
export function checkSubscription(given: SubscriptionOptions, endpoints: Endpoints): CheckedSubscription {
  checkOptionNames(given, [...ownNames, ...policyOptionNames], 'A subscription')
  const { id, topic, url, filter, proof, callback, deadLetter, secret, ...policy } = given
  if (id !== undefined) checkId(id)
  checkPattern(topic, 'The topic of a subscription')
  if (proof !== undefined && !proofs.includes(proof)) {
    throw new InvalidOptionsError(`proof must be one of ${proofs.map(each => `'${each}'`).join(', ')}`)
  }
  const what = 'a subscription'
  // As it will be read again; and it is always signed.
  const kept = readAgain(policy)
  const options = { ...kept, url, ...('secret' in given ? { secret } : {}) }
  const signed = 'secret' in given ? options : { ...options, secret: createSecret() }
  const settings = endpoints.toSettings(what, signed, subscriptionDefaults)
  if (proof !== undefined && settings.variables.length > 0) {
    throw new InvalidOptionsError(
      `proof of ${what} needs a URL without variables such as '{${settings.variables[0]}}': what asks for it has no payload to fill them from`,
    )
  }
  const stored = {
    policy: kept,
    ...(filter === undefined ? {} : { filter: checkFilter(filter, `filter of ${what}`) }),
    ...(proof === undefined ? {} : { proof }),
    ...(callback === undefined ? {} : { callback: nameOf(callback, 'callback', endpoints) }),
    ...(deadLetter === undefined ? {} : { deadLetter: nameOf(deadLetter, 'deadLetter', endpoints) }),
  }
  checkLimits(settings, Buffer.byteLength(JSON.stringify({ url, stored })))
  return { topic, url: settings.url, policy: settings, stored }
}

/** By what it is found again: its name, or the URL. */
function nameOf(target: Target, what: string, endpoints: Endpoints): string {
  const { hints } = subscriptionDefaults
  const { lane, url } = endpoints.resolve(target, { what: `${what} of a subscription`, hints })
  return url ?? lane.replace(/^endpoint:/, '')
}

export function checkId(id: string): string {
  return checkKey(id, 'The id of a subscription')
}

/** What JSON makes of it. */
function readAgain<T>(options: T): T {
  return JSON.parse(JSON.stringify(options)) as T
}
