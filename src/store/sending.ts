import type {
  AfterAttempt,
  AttemptRecord,
  ClaimedDelivery,
  DeliveryClaim,
  DeliveryRecord,
  Lane,
  MessageRecord,
} from '../model/delivery.js'

// Messages, their deliveries, and the attempts at them. The table is the queue.
//
//   S5. A message and its delivery are one commit; a key has one message. A message that is sent again has another delivery,
//       and is kept as long as any of them.
//   S6. An attempt's result and the delivery's next state are one commit.
//   S7. A delivery that ended never becomes due again, and its first end stands.

export interface OutboxCommands {
  /** Stores a message and its delivery, or finds the message with that key, or with that very id, and its oldest delivery. */
  send(input: SendInput): SendOutcome

  /**
   * Takes deliveries that are due and not past their deadline, oldest first within each lane (by `dueAt`, then by id),
   * the lanes taking turns. `lanes` says how many each declared endpoint has room for; a lane of written-out URLs has
   * room for `originRoom` minus the number that `lanes` gives for it (those under way). Lanes of endpoints that are not
   * named wait (P18).
   */
  claimDeliveries(input: {
    readonly epoch: number
    readonly now: number
    readonly limit: number
    readonly lanes: Readonly<Record<Lane, number>>
    readonly originRoom: number
  }): ClaimDeliveriesOutcome

  /**
   * Records an attempt and what follows from it. `ended`: the delivery had ended meanwhile (cancelled, expired); the
   * attempt is recorded all the same. `lost`: the claim is no longer valid, and nothing was written; so it is when the
   * same attempt is recorded again.
   */
  recordAttempt(input: {
    readonly claim: DeliveryClaim
    readonly now: number
    readonly attempt: AttemptRecord
    readonly next: AfterAttempt
  }): 'recorded' | 'ended' | 'lost'

  /** Gives a claimed delivery back as it was: nothing was tried. `false` too when it has ended meanwhile. */
  releaseDelivery(input: { readonly claim: DeliveryClaim }): boolean

  /**
   * Gives back, as they were, the deliveries that this epoch has claimed without anybody knowing: every one being sent
   * whose id is not in `held`. For whoever sent a `claimDeliveries` that never had its reply. Returns how many; none
   * under an epoch that is over.
   */
  reclaimDeliveries(input: {
    readonly epoch: number
    readonly held: readonly string[]
    readonly now: number
  }): number

  findDelivery(input: { readonly deliveryId: string }): DeliveryRecord | undefined

  listAttempts(input: { readonly deliveryId: string }): readonly AttemptRecord[]

  /** Ends a delivery that has not ended: dead, `cancelled`. */
  cancelDelivery(input: { readonly deliveryId: string; readonly now: number }): boolean
}

export interface SendInput extends NewDelivery {
  readonly message: MessageRecord
}

/** Of a message that is there, or comes with it. */
export interface NewDelivery {
  readonly deliveryId: string
  readonly dueAt: number
  readonly deadlineAt: number
}

export type SendOutcome =
  | {
      readonly type: 'sent'
      readonly messageId: string
      readonly deliveryId: string
      readonly created: boolean
    }
  /** The key has a message to another target. */
  | { readonly type: 'conflict'; readonly lane: Lane }

export interface ClaimDeliveriesOutcome {
  readonly claimed: readonly ClaimedDelivery[]
  /**
   * When the next delivery falls due in a lane that still has room after this call; at or before `now` when the limit
   * left some behind. Absent under an epoch that is over.
   */
  readonly nextDueAt?: number
}
