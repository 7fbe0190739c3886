import { toText } from '../core/bytes.js'
import { readContent } from '../model/content.js'
import type { AttemptRecord, MessageRecord } from '../model/delivery.js'

/** Of `CallbackType`, as receivers of it have known it since captain-hook. */
const ANSWERED = 0
const FAILED = 1

/** What somebody is told who wants to know how a delivery ended. The names are a contract older than this library. */
export interface Wrapper {
  readonly Payload: unknown
  readonly MessageId: string
  readonly EventType: string | null
  readonly StatusCode: number | null
  /** Where the history of the message could be read; there is no such address yet. */
  readonly StatusUri: null
  readonly CallbackType: typeof ANSWERED | typeof FAILED
}

/** Return to sender: the message that could not be delivered, and the last status there was, if any. */
export function toFailure(message: MessageRecord, last: AttemptRecord | undefined): Wrapper {
  return wrap(message, {
    Payload: toValue(message.headers, message.body),
    StatusCode: last?.status ?? null,
    CallbackType: FAILED,
  })
}

/** What the endpoint answered. */
export function toAnswer(message: MessageRecord, last: AttemptRecord | undefined): Wrapper {
  const { status = null, answer } = last ?? {}
  return wrap(message, {
    Payload: answer === undefined ? null : toValue(answer.headers, answer.body),
    StatusCode: status,
    CallbackType: ANSWERED,
  })
}

function wrap(
  { id, type }: MessageRecord,
  { Payload, StatusCode, CallbackType }: Pick<Wrapper, 'Payload' | 'StatusCode' | 'CallbackType'>,
): Wrapper {
  return { Payload, MessageId: id, EventType: type ?? null, StatusCode, StatusUri: null, CallbackType }
}

/** JSON as a value, a form as its fields, text as a text, anything else in base64; nothing at all is `null`. */
function toValue(headers: MessageRecord['headers'], body: Uint8Array): unknown {
  if (body.length === 0) return null
  const type = headers.find(([name]) => name.toLowerCase() === 'content-type')?.[1]
  try {
    const value = readContent(type, body)
    // Of a form with files its fields come later, and of bytes there is no value: both go as they are.
    const isValue = !(value instanceof Promise) && !(value instanceof Uint8Array)
    return isValue ? value : Buffer.from(body).toString('base64')
  } catch {
    return toText(body) // it is not what it says it is
  }
}
