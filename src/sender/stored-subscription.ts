import type { EndpointOptions, Filter, Proof } from '../model/endpoint-options.js'
import type { Rate } from '../model/lane.js'
import type { SubscriptionRecord } from '../model/subscription.js'

/** What the store keeps of a subscription's options, in JSON. */
export interface StoredOptions {
  /** The policy as it was given: it is read anew at each attempt, with the defaults of the version that reads it. */
  readonly policy: Omit<EndpointOptions, 'url' | 'secret' | 'deadLetter'>
  /** The first is the current one; the others sign until their time is over. */
  readonly secrets: readonly StoredSecret[]
  readonly filter?: Filter
  readonly proof?: Proof
  /** The name of an endpoint, or a URL. */
  readonly deadLetter?: string
  readonly callback?: string
  /** What its endpoint allowed when it proved itself. */
  readonly allowedRate?: Rate
}

export interface StoredSecret {
  readonly secret: string
  /** It signs until then. */
  readonly until?: number
}

export function toStored(options: StoredOptions): string {
  return JSON.stringify(options)
}

/** What `toStored` has written. */
export function fromStored({ options }: Pick<SubscriptionRecord, 'options'>): StoredOptions {
  return JSON.parse(options) as StoredOptions
}

/** Those that sign at an instant. */
export function currentSecrets({ secrets }: StoredOptions, now: number): readonly string[] {
  return secrets.filter(({ until }) => until === undefined || until > now).map(({ secret }) => secret)
}
