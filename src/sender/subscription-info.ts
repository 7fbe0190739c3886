import type { SubscriptionOptions } from '../model/endpoint-options.js'
import type { PauseReason } from '../model/lane.js'
import type { SubscriptionRecord } from '../model/subscription.js'
import { fromStored } from './stored-subscription.js'

// What is shown of subscriptions to whoever looks after them.

/** `failing`: it was paused, because it had been failing for days. `retired`: it answered `410`, and gets nothing any more. */
export type SubscriptionState = 'active' | 'unproven' | 'paused' | 'failing' | 'retired'

/** Options that may hold a credential, besides the secret. */
type Withheld = 'auth' | 'headers' | 'tls'

export interface SubscriptionInfo {
  readonly id: string
  readonly topic: string
  readonly url: string
  readonly state: SubscriptionState
  readonly createdAt: Date
  /** What it was given, as it was given: `put` takes it back, with what is to be changed. */
  readonly options: Readonly<Omit<SubscriptionOptions, 'id' | 'topic' | 'url' | 'secret' | Withheld>>
  /** Options that it has and that are not shown: a `put` that does not give them again takes them away. */
  readonly withheld: readonly Withheld[]
}

export function toSubscriptionInfo(subscription: SubscriptionRecord): SubscriptionInfo {
  const { id, topic, url, pause, createdAt } = subscription
  const { policy, secrets: _, allowedRate: __, ...own } = fromStored(subscription)
  const { auth, headers, tls, ...shown } = policy
  const withheld = Object.entries({ auth, headers, tls }) as [Withheld, unknown][]
  return {
    ...{ id, topic, url },
    state: pause === undefined ? 'active' : states[pause],
    createdAt: new Date(createdAt),
    options: { ...shown, ...own },
    withheld: withheld.filter(([, value]) => value !== undefined).map(([name]) => name),
  }
}

const states: Readonly<Record<PauseReason, SubscriptionState>> = {
  asked: 'paused',
  failing: 'failing',
  unproven: 'unproven',
  unproven_asked: 'unproven',
  retired: 'retired',
}
