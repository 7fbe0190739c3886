import type { EndpointOptions } from '../model/endpoint-options.js'
import type { SubscriptionRecord } from '../model/subscription.js'
import type { Endpoints, TargetSettings } from './endpoints.js'
import { subscriptionDefaults } from './policy-options.js'
import { currentSecrets, fromStored, type StoredOptions } from './stored-subscription.js'

/** What a stored subscription comes to, for one attempt. */
export interface Subscriber {
  readonly stored: StoredOptions
  readonly settings: TargetSettings
}

interface Kept extends Subscriber, Pick<SubscriptionRecord, 'url' | 'options'> {
  readonly until: number
}

const MOST_KEPT = 1_000

/**
 * How subscribers are sent to. What is stored is read with the rules of this process, and kept for as long as it is not
 * changed and none of its secrets runs out.
 */
export class Subscribers {
  readonly #endpoints: Pick<Endpoints, 'toSettings'>
  readonly #kept = new Map<string, Kept>()

  constructor(endpoints: Pick<Endpoints, 'toSettings'>) {
    this.#endpoints = endpoints
  }

  /**
   * @throws InvalidOptionsError for what another version has stored, and this one does not understand.
   * @throws EndpointRefusedError for an address that is not called from here.
   */
  find(subscription: SubscriptionRecord, now: number): Subscriber {
    const { id, url, options } = subscription
    const kept = this.#kept.get(id)
    // Not by its version: one that was deleted and put again begins anew.
    if (kept?.url === url && kept.options === options && now < kept.until) return kept

    const stored = fromStored(subscription)
    const settings = this.#endpoints.toSettings(
      `subscription ${id}`,
      toOptions(url, stored, now),
      subscriptionDefaults,
    )
    const ends = stored.secrets.flatMap(({ until = Number.POSITIVE_INFINITY }) =>
      until > now ? [until] : [],
    )
    const [oldest] = this.#kept.keys()
    if (oldest !== undefined && this.#kept.size >= MOST_KEPT) this.#kept.delete(oldest)
    const subscriber = { stored, settings, url, options, until: Math.min(...ends) }
    this.#kept.set(id, subscriber)
    return subscriber
  }
}

function toOptions(url: string, stored: StoredOptions, now: number): EndpointOptions {
  return { ...stored.policy, url, secret: currentSecrets(stored, now) }
}
