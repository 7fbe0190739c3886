import type { SubscriptionRecord } from './subscription.js'

/**
 * The life of one delivery.
 *
 *   due ──claim──▶ sending ──attempt_succeeded──▶ delivered
 *    ▲                │ └────given_up───────────▶ dead
 *    └─attempt_failed─┘
 *
 *   due or sending ──cancelled, expired──▶ dead
 *
 * The states on the right are final.
 */
export type DeliveryStatus = 'due' | 'sending' | 'delivered' | 'dead'

/** Why a delivery is dead: its policy was spent, its answer was final, it could never be sent, its subscription is gone, … */
export type DeathReason = 'exhausted' | 'rejected' | 'refused' | 'cancelled' | 'expired' | 'unsubscribed'

/**
 * Where a delivery queues: a declared endpoint by its name, the origin of a URL that was written out, a subscription by
 * its id, or the proof that a subscription's endpoint has to give before anything else is sent to it.
 */
export type Lane = `endpoint:${string}` | `origin:${string}` | `subscription:${string}` | `proof:${string}`

/** Whom a message is for: one lane, the subscribers of a topic, or a list. */
export type Addressee = Lane | `topic:${string}` | 'list:'

/** The subscription that a lane belongs to. */
export function subscriptionIdOf(lane: Addressee): string | undefined {
  return /^(?:subscription|proof):(.*)$/s.exec(lane)?.[1]
}

/** What a message was published to. */
export function topicOf(lane: Addressee): string | undefined {
  return lane.startsWith('topic:') ? lane.slice('topic:'.length) : undefined
}

export interface MessageRecord {
  readonly id: string
  readonly key?: string
  readonly lane: Addressee
  /** The whole URL, when the message was sent to one that was written out. */
  readonly url?: string
  readonly method: string
  /** Encoded, to be appended to the endpoint's URL: `''` or `/orders/7`. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly type?: string
  readonly body: Uint8Array
  /** Retention has let go of the body; what is left of it is empty. */
  readonly stripped?: true
  /** It tells how that delivery ended, and of its own end nobody is told. */
  readonly follows?: string
  readonly createdAt: number
}

/** A message with one target. */
export type AddressedMessage = MessageRecord & { readonly lane: Lane }

/** Whether two messages go to the same endpoint, or to the same written-out URL. */
export function hasSameTarget(
  one: Pick<MessageRecord, 'lane' | 'url'>,
  other: Pick<MessageRecord, 'lane' | 'url'>,
): boolean {
  return one.lane === other.lane && one.url === other.url
}

export interface DeliveryRecord {
  readonly id: string
  readonly messageId: string
  readonly lane: Lane
  /** The whole URL, in a lane of written-out ones. */
  readonly url?: string
  /** What its message was published to. */
  readonly topic?: string
  /** When its message was created. */
  readonly createdAt: number
  readonly status: DeliveryStatus
  readonly dueAt: number
  /** Past it the delivery is dead, whatever it was waiting for. */
  readonly deadlineAt: number
  readonly attempts: number
  readonly firstAttemptAt?: number
  readonly endedAt?: number
  readonly reason?: DeathReason
  /** The delivery by which its message was sent again. */
  readonly redeliveredAs?: string
}

export interface ClaimedDelivery {
  readonly delivery: DeliveryRecord
  readonly message: MessageRecord
  readonly fence: number
  /** Of a lane that belongs to one, as it stands now. */
  readonly subscription?: SubscriptionRecord
}

export interface DeliveryClaim {
  readonly deliveryId: string
  readonly epoch: number
  readonly fence: number
}

/** What an endpoint answered, as far as it was read. */
export interface AnswerRecord {
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: Uint8Array
  readonly truncated: boolean
}

/** One HTTP try. Without a status there was no answer, and `error` says why; with one, why it was no success. */
export interface AttemptRecord {
  readonly at: number
  readonly durationMs: number
  readonly status?: number
  readonly error?: string
  /** What kind of error: a word for statistics. */
  readonly errorClass?: ErrorClass
  /** As it left, without what is secret in it. Absent when nothing left. */
  readonly request?: RequestRecord
  readonly answer?: AnswerRecord
}

export type ErrorClass =
  | 'timeout'
  | 'connection'
  | 'tls'
  | 'name'
  | 'credentials'
  | 'refused'
  | 'answer'
  | 'other'

export interface RequestRecord {
  readonly method: string
  readonly url: string
  readonly headers: readonly (readonly [name: string, value: string])[]
}

/** What becomes of a delivery after an attempt. */
export type AfterAttempt =
  | { readonly status: 'due'; readonly dueAt: number }
  | { readonly status: 'delivered' }
  | { readonly status: 'dead'; readonly reason: DeathReason }
