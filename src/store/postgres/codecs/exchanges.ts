import type { ClaimedCallback } from '../../../model/callback.js'
import type { BeginExchangeOutcome, ExchangeCommands, TakeAnswerOutcome } from '../../exchanging.js'
import type { Codecs } from '../codec.js'
import { toSend } from './outbox.js'
import { type ConflictWire, toCallback, toConflict, type Wired } from './receiving.js'

type BegunWire = Exclude<BeginExchangeOutcome, { readonly type: 'conflict' }> | ConflictWire

type TakenWire =
  | Exclude<TakeAnswerOutcome, { readonly callback: ClaimedCallback }>
  | { readonly type: 'taken' | 'acknowledged'; readonly callback: Wired<ClaimedCallback> }

export const EXCHANGE_CODECS: Codecs<keyof ExchangeCommands> = {
  beginExchange: {
    toWire: ({ send, ...input }) => ({ ...input, send: toSend(send) }),
    fromWire: (wire: BegunWire) => (wire.type === 'conflict' ? toConflict(wire) : wire),
  },
  takeAnswer: {
    fromWire: (wire: TakenWire): TakeAnswerOutcome =>
      'callback' in wire ? { type: wire.type, callback: toCallback(wire.callback) } : wire,
  },
}
