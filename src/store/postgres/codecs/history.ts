import { InvalidOptionsError } from '../../../errors.js'
import type { ClaimEndsOutcome, EndCommands, HistoryCommands, LoggedAttempt } from '../../history.js'
import { type Codecs, orUndefined } from '../codec.js'
import { type AttemptWire, type MessageWire, toAttempt, toMessage, toSend } from './outbox.js'

type LoggedAttemptWire = Omit<LoggedAttempt, 'attempt'> & { readonly attempt: AttemptWire }

type End = ClaimEndsOutcome['ends'][number]

interface ClaimEndsWire {
  readonly ends: readonly (Omit<End, 'message' | 'attempt'> & {
    readonly message: MessageWire
    readonly attempt?: AttemptWire
  })[]
  readonly nextAt?: number
}

/** @throws InvalidOptionsError for what is no cursor of a log. */
function checkCursor<I extends { readonly after?: string }>(input: I): I {
  if (input.after === undefined || /^\d{1,20}-\d{1,19}$/.test(input.after)) return input
  throw new InvalidOptionsError('after must be the cursor of something that was read before')
}

export const HISTORY_CODECS: Codecs<keyof (HistoryCommands & EndCommands)> = {
  listDeliveries: {},
  readAttempts: {
    toWire: checkCursor,
    fromWire: (wire: readonly LoggedAttemptWire[]) =>
      wire.map(({ attempt, ...logged }) => ({ ...logged, attempt: toAttempt(attempt) })),
  },
  readDead: { toWire: checkCursor },
  findMessage: { fromWire: orUndefined(toMessage) },
  redeliver: {},
  claimEnds: {
    fromWire: ({ ends, ...outcome }: ClaimEndsWire) => ({
      ...outcome,
      ends: ends.map(({ message, attempt, ...end }) => ({
        ...end,
        message: toMessage(message),
        ...(attempt === undefined ? {} : { attempt: toAttempt(attempt) }),
      })),
    }),
  },
  settleEnd: {
    toWire: ({ send, ...input }) => ({ ...input, ...(send === undefined ? {} : { send: toSend(send) }) }),
  },
}
