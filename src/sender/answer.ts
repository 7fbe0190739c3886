import { toText } from '../core/bytes.js'
import { readJson } from '../model/content.js'
import type { AttemptRecord } from '../model/delivery.js'

/** What an endpoint answered. Of a long body it is the beginning. */
export interface EndpointAnswer {
  readonly status: number
  readonly headers: Headers
  /** The body was longer than the 16 KiB that are kept, broke off, or took longer than the attempt may. */
  readonly truncated: boolean
  bytes(): Uint8Array
  text(): string
  /** @throws MalformedContentError when the body is not JSON. */
  json(): unknown
}

/** The answer to the last attempt that had one. */
export function lastAnswer(attempts: readonly AttemptRecord[]): EndpointAnswer | undefined {
  const attempt = attempts.findLast(({ status, answer }) => status !== undefined && answer !== undefined)
  if (attempt?.status === undefined || attempt.answer === undefined) return undefined
  const { status, answer } = attempt
  return {
    status,
    headers: new Headers(answer.headers.map(([name, value]): [string, string] => [name, value])),
    truncated: answer.truncated,
    bytes: () => new Uint8Array(answer.body),
    text: () => toText(answer.body),
    json: () => readJson(answer.body),
  }
}
