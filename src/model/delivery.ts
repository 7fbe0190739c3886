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

/** Why a delivery is dead: its policy was spent, its answer was final, it could never be sent, … */
export type DeathReason = 'exhausted' | 'rejected' | 'refused' | 'cancelled' | 'expired'

/** Where a delivery queues: a declared endpoint by its name, or the origin of a URL that was written out. */
export type Lane = `endpoint:${string}` | `origin:${string}`

export interface MessageRecord {
  readonly id: string
  readonly key?: string
  readonly lane: Lane
  /** The whole URL, when the message was not sent to an endpoint by name. */
  readonly url?: string
  readonly method: string
  /** Encoded, to be appended to the endpoint's URL: `''` or `/orders/7`. */
  readonly path: string
  /** Without the question mark. */
  readonly query: string
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly type?: string
  readonly body: Uint8Array
  readonly createdAt: number
}

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
  readonly status: DeliveryStatus
  readonly dueAt: number
  /** Past it the delivery is dead, whatever it was waiting for. */
  readonly deadlineAt: number
  readonly attempts: number
  readonly firstAttemptAt?: number
  readonly endedAt?: number
  readonly reason?: DeathReason
}

export interface ClaimedDelivery {
  readonly delivery: DeliveryRecord
  readonly message: MessageRecord
  readonly fence: number
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
  readonly answer?: AnswerRecord
}

/** What becomes of a delivery after an attempt. */
export type AfterAttempt =
  | { readonly status: 'due'; readonly dueAt: number }
  | { readonly status: 'delivered' }
  | { readonly status: 'dead'; readonly reason: DeathReason }
