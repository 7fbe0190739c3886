import { toText } from '../core/bytes.js'
import { readJson } from '../model/content.js'
import type { AttemptRecord } from '../model/delivery.js'
import type { EndpointAnswer } from '../model/message.js'

/** The answer to the last attempt that had one. */
export function lastAnswer(attempts: readonly AttemptRecord[]): EndpointAnswer | undefined {
  const attempt = attempts.findLast(({ status, answer }) => status !== undefined && answer !== undefined)
  return attempt && toEndpointAnswer(attempt)
}

export function toEndpointAnswer({ status, answer }: AttemptRecord): EndpointAnswer | undefined {
  if (status === undefined || answer === undefined) return undefined
  return {
    status,
    headers: new Headers(answer.headers.map(([name, value]): [string, string] => [name, value])),
    truncated: answer.truncated,
    bytes: () => new Uint8Array(answer.body),
    text: () => toText(answer.body),
    json: () => readJson(answer.body),
  }
}
