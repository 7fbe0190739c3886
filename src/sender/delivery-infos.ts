import type {
  AttemptRecord,
  DeathReason,
  DeliveryRecord,
  DeliveryStatus,
  ErrorClass,
  Lane,
} from '../model/delivery.js'
import type { EndpointAnswer } from '../model/message.js'
import { toEndpointAnswer } from './answer.js'

// What is shown of deliveries and attempts to whoever looks back.

export interface DeliveryInfo {
  readonly id: string
  readonly messageId: string
  readonly status: DeliveryStatus
  /** Why it is dead. */
  readonly reason?: DeathReason
  /** Whom it is for: an endpoint by its name, a subscription by its id, or the origin of a URL that was written out. */
  readonly endpoint?: string
  readonly subscription?: string
  readonly origin?: string
  /** What its message was published to. */
  readonly topic?: string
  /** When its message was created. */
  readonly createdAt: Date
  /** How many there were; `attempts({ deliveryId })` of the deliveries says what came of each. */
  readonly attempts: number
  /** When the next attempt is due, while there is to be one. */
  readonly dueAt?: Date
  readonly endedAt?: Date
  /** The delivery by which it was sent again. */
  readonly redeliveredAs?: string
  /** Where a list goes on behind it. */
  readonly cursor: string
}

export interface AttemptInfo {
  readonly deliveryId: string
  readonly messageId: string
  readonly endpoint?: string
  readonly subscription?: string
  readonly origin?: string
  /** 1 is the first of its delivery. */
  readonly number: number
  readonly at: Date
  readonly durationMs: number
  readonly status?: number
  readonly error?: string
  readonly errorClass?: ErrorClass
  /** As it left, with credentials and signatures taken out. */
  readonly request?: { readonly method: string; readonly url: string; readonly headers: Headers }
  readonly answer?: EndpointAnswer
  /** Where a stream goes on behind it, also after a restart. */
  readonly cursor: string
}

export function toDeliveryInfo(record: DeliveryRecord, cursor: string): DeliveryInfo {
  const { id, messageId, status, reason, lane, topic, createdAt, attempts, dueAt, endedAt, redeliveredAs } =
    record
  return {
    ...{ id, messageId, status },
    ...(reason === undefined ? {} : { reason }),
    ...targetOf(lane),
    ...(topic === undefined ? {} : { topic }),
    createdAt: new Date(createdAt),
    attempts,
    ...(endedAt === undefined ? { dueAt: new Date(dueAt) } : { endedAt: new Date(endedAt) }),
    ...(redeliveredAs === undefined ? {} : { redeliveredAs }),
    cursor,
  }
}

export function toAttemptInfo(logged: {
  readonly cursor: string
  readonly deliveryId: string
  readonly messageId: string
  readonly lane: Lane
  readonly number: number
  readonly attempt: AttemptRecord
}): AttemptInfo {
  const { cursor, deliveryId, messageId, lane, number, attempt } = logged
  const { at, durationMs, status, error, errorClass, request } = attempt
  const answer = toEndpointAnswer(attempt)
  return {
    ...{ deliveryId, messageId },
    ...targetOf(lane),
    ...{ number, at: new Date(at), durationMs },
    ...(status === undefined ? {} : { status }),
    ...(error === undefined ? {} : { error }),
    ...(errorClass === undefined ? {} : { errorClass }),
    ...(request === undefined
      ? {}
      : {
          request: {
            ...request,
            headers: new Headers(request.headers.map(([name, value]) => [name, value])),
          },
        }),
    ...(answer === undefined ? {} : { answer }),
    cursor,
  }
}

function targetOf(lane: Lane): Pick<DeliveryInfo, 'endpoint' | 'subscription' | 'origin'> {
  const [, kind = '', name = ''] = /^(\w+):(.*)$/s.exec(lane) ?? []
  if (kind === 'endpoint') return { endpoint: name }
  return kind === 'origin' ? { origin: name } : { subscription: name }
}
