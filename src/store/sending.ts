import type {
  AddressedMessage,
  Addressee,
  AfterAttempt,
  AttemptRecord,
  ClaimedDelivery,
  DeliveryClaim,
  DeliveryRecord,
  Lane,
} from '../model/delivery.js'
import type { LaneNews, Rate } from '../model/lane.js'

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
   * the lanes taking turns. `lanes` says how many each declared endpoint has room for; any other lane has room for
   * `originRoom`, or for what its subscription says, minus the number that `lanes` gives for it (those under way). Lanes of
   * endpoints that are not named wait (P18).
   *
   * From a lane that is paused, or rests, nothing is taken; from one that is probing, one at most, and none while one of its
   * deliveries is being sent by anybody. Where there is a rate (in `rates` for endpoints, of the subscription for
   * `subscription:<id>`, `catchUp` of a lane that is catching up; the slower counts), its bucket is emptied by what is taken.
   * A lane has caught up when what is taken leaves nothing due in it.
   */
  claimDeliveries(input: {
    readonly epoch: number
    readonly now: number
    readonly limit: number
    readonly lanes: Readonly<Record<Lane, number>>
    readonly originRoom: number
    readonly rates?: Readonly<Record<Lane, Rate>>
  }): ClaimDeliveriesOutcome

  /**
   * Records an attempt and what follows from it, and what it has shown of its endpoint (`afterNews`). `ended`: the delivery
   * had ended meanwhile (cancelled, expired); the attempt is recorded all the same. `lost`: the claim is no longer valid, and
   * nothing was written; so it is when the same attempt is recorded again.
   *
   * A delivery in the lane of a proof that ends as delivered has proven its subscription if its message is the proof that was
   * asked for last, unless it is one that the world proves by a visit (`proves` is false). Who has to be told of its end: see `EndCommands`.
   */
  recordAttempt(input: {
    readonly claim: DeliveryClaim
    readonly now: number
    readonly attempt: AttemptRecord
    readonly next: AfterAttempt
    readonly news?: LaneNews
    /** Its end is to be told to somebody: it is among `claimEnds`, for whoever asks for its lane where that is an endpoint's. */
    readonly tells?: boolean
    readonly proves?: boolean
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
  readonly message: AddressedMessage
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
  | { readonly type: 'conflict'; readonly lane: Addressee }

export interface ClaimDeliveriesOutcome {
  readonly claimed: readonly ClaimedDelivery[]
  /**
   * When the next delivery falls due in a lane that still has room after this call, is not paused, and neither rests until
   * then nor has an empty bucket; at or before `now` when the limit left some behind. Absent under an epoch that is over.
   */
  readonly nextDueAt?: number
}
