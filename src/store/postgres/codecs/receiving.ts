import type { CallbackRecord } from '../../../model/callback.js'
import type { ReceiverRecord } from '../../../model/receiver.js'
import type { AcceptOutcome, CallbackCommands, ReceiverCommands } from '../../receiving.js'
import { fromAnswer, fromBase64, toAnswer } from '../bytes.js'
import { type Codecs, orUndefined } from '../codec.js'

/** What is bytes in the library is base64 here. */
export type Wired<T> = { readonly [K in keyof T]: T[K] extends Uint8Array ? string : T[K] }

export function toCallback<T extends { readonly body: string }>(
  wire: T,
): Omit<T, 'body'> & { readonly body: Uint8Array } {
  return { ...wire, body: fromBase64(wire.body) }
}

type AcceptWire =
  | Exclude<AcceptOutcome, { readonly type: 'duplicate' }>
  | (Omit<Extract<AcceptOutcome, { readonly type: 'duplicate' }>, 'answer'> & { readonly answer?: string })

export const RECEIVING_CODECS: Codecs<keyof (ReceiverCommands & CallbackCommands)> = {
  spawn: {},
  findReceiver: { fromWire: orUndefined((wire: ReceiverRecord) => wire) },
  listReceivers: {},
  accept: {
    toWire: ({ answer, ...input }) => ({
      ...input,
      ...(answer === undefined ? {} : { answer: fromAnswer(answer) }),
    }),
    fromWire: (wire: AcceptWire) =>
      wire.type === 'duplicate' && wire.answer !== undefined
        ? { ...wire, answer: toAnswer(wire.answer) }
        : (wire as AcceptOutcome),
  },
  closeReceiver: { fromWire: (wire: readonly Wired<CallbackRecord>[]) => wire.map(toCallback) },
  answer: { toWire: ({ answer, ...input }) => ({ ...input, answer: fromAnswer(answer) }) },
  findAnswer: { fromWire: orUndefined(toAnswer) },
  claim: {},
  acknowledge: {},
  release: {},
  reclaim: {},
  giveUp: {},
  listFailed: {},
  retryFailed: {},
  discardFailed: {},
  news: {},
}
