import type { ClaimedCallback } from '../model/callback.js'
import type { Lane } from '../model/delivery.js'
import type { ReceiverRecord } from '../model/receiver.js'
import type { Conflict, Lost, NewReceiver } from './scoping.js'
import type { SendInput } from './sending.js'

// Exchanges of the server, outside of any scope: a receiver, a message that carries its URL, and the answer.
//
//   S21. The receiver, the message and its delivery are there together, or none of them is.
//   S22. Keys of exchanges are kept apart: neither the receiver nor the message has the key, so `spawn` and `send` never
//        meet it. It holds for as long as the receiver is kept, and that for as long as its answer.
//   S23. How an exchange ends is one fact, decided by `takeAnswer`: the first answer stays the answer, and whoever asks
//        again is told what the first was told.

export interface ExchangeCommands {
  /**
   * Makes a receiver, a message and its delivery, or finds those that the key has. The receiver has no key: with one for
   * the exchange it belongs to no node, else to that of `epoch`. `send.message.key` is not used. Under an epoch that is
   * over nothing is written, and the outcome is `lost`.
   */
  beginExchange(input: BeginExchangeInput): BeginExchangeOutcome

  /**
   * Looks how an exchange ended, and ends it: with its oldest callback, whereupon its receiver closes and no further
   * attempt is made; else with its dead delivery, whereupon its receiver closes; else with the end of its receiver. The
   * callback is claimed; given back, it is taken again before any other. A delivery that is not kept any more was not
   * heard of in time, and ends nothing.
   *
   * Nothing is taken under an epoch that is over. Whoever sent this without learning its outcome sends `reclaim` first.
   */
  takeAnswer(input: {
    readonly receiverId: string
    readonly deliveryId: string
    readonly epoch: number
    readonly now: number
  }): TakeAnswerOutcome
}

export interface BeginExchangeInput {
  readonly key?: string
  /** Binds the receiver of an exchange without a key to its node. */
  readonly epoch?: number
  readonly receiver: NewReceiver
  readonly send: SendInput
  readonly now: number
}

export type BeginExchangeOutcome =
  | {
      readonly type: 'begun'
      readonly receiver: ReceiverRecord
      readonly messageId: string
      readonly deliveryId: string
      readonly created: boolean
    }
  /** The key has an exchange with another target. */
  | { readonly type: 'other_target'; readonly lane: Lane }
  | Conflict
  | Lost

export type TakeAnswerOutcome =
  | { readonly type: 'taken'; readonly callback: ClaimedCallback }
  /** The answer was handled before, and is nobody's any more. */
  | { readonly type: 'acknowledged'; readonly callback: ClaimedCallback }
  /** It is not kept any more. */
  | { readonly type: 'forgotten' }
  /** It is nobody's any more, because those who had it in hand have died too often. */
  | { readonly type: 'set_aside'; readonly callbackId: string }
  | { readonly type: 'dead' }
  | { readonly type: 'closed' | 'expired' }
  /** Nothing has come, or the answer is in somebody's hands. */
  | { readonly type: 'waiting'; readonly lookAgainAt?: number }
