import type {
  AnswerRecord,
  AttemptRecord,
  ClaimedDelivery,
  DeliveryRecord,
  ErrorClass,
  MessageRecord,
  RequestRecord,
} from '../../../model/delivery.js'
import { optional } from '../../optional.js'
import type { OutboxCommands, SendInput } from '../../sending.js'
import { fromBase64 } from '../bytes.js'
import { type Codecs, orUndefined } from '../codec.js'
import type { Wired } from './receiving.js'

export type MessageWire = Omit<Wired<MessageRecord>, 'headers'> & { readonly headers: string }

interface ClaimsWire {
  readonly claimed: readonly (Omit<ClaimedDelivery, 'message'> & { readonly message: MessageWire })[]
  readonly nextDueAt?: number
}

export interface AttemptWire {
  readonly at: number
  readonly durationMs: number
  readonly status?: number
  readonly error?: string
  readonly errorClass?: ErrorClass
  readonly request?: string
  readonly answerHeaders?: string
  readonly answerBody?: string
  readonly truncated?: boolean
}

/** A message on its way to `store_message`. */
export function toSend({ message, ...input }: SendInput): unknown {
  return { ...input, message: fromMessage(message) }
}

export function fromMessage({ headers, ...message }: MessageRecord): unknown {
  return { ...message, headers: JSON.stringify(headers) }
}

export const OUTBOX_CODECS: Codecs<keyof OutboxCommands> = {
  send: { toWire: toSend },
  claimDeliveries: {
    fromWire: ({ claimed, ...outcome }: ClaimsWire) => ({
      ...outcome,
      claimed: claimed.map(({ message, ...rest }) => ({ ...rest, message: toMessage(message) })),
    }),
  },
  recordAttempt: { toWire: ({ attempt, ...input }) => ({ ...input, attempt: fromAttempt(attempt) }) },
  releaseDelivery: {},
  reclaimDeliveries: {},
  findDelivery: { fromWire: orUndefined((wire: DeliveryRecord) => wire) },
  listAttempts: { fromWire: (wire: readonly AttemptWire[]) => wire.map(toAttempt) },
  cancelDelivery: {},
}

export function toMessage({ headers, body, ...message }: MessageWire): MessageRecord {
  return { ...message, headers: JSON.parse(headers) as MessageRecord['headers'], body: fromBase64(body) }
}

function fromAttempt({ error, answer, request, ...attempt }: AttemptRecord): unknown {
  return {
    ...attempt,
    ...optional('error', error === undefined ? undefined : JSON.stringify(error)),
    ...optional('request', request && JSON.stringify(request)),
    ...optional('answer', answer && { ...answer, headers: JSON.stringify(answer.headers) }),
  }
}

export function toAttempt(wire: AttemptWire): AttemptRecord {
  const { error, request, answerHeaders, answerBody, truncated, ...attempt } = wire
  const answer = answerHeaders !== undefined &&
    answerBody !== undefined && {
      headers: JSON.parse(answerHeaders) as AnswerRecord['headers'],
      body: fromBase64(answerBody),
      truncated: truncated === true,
    }
  return {
    ...attempt,
    ...(error === undefined ? {} : { error: JSON.parse(error) as string }),
    ...(request === undefined ? {} : { request: JSON.parse(request) as RequestRecord }),
    ...(answer === false ? {} : { answer }),
  }
}
