import { InvalidOptionsError } from '../errors.js'
import type { StoredAnswer } from '../model/callback.js'
import type { Answer } from '../model/code.js'
import { encodePayload } from '../model/payload.js'
import { DEFAULTS } from '../options.js'
import { EMPTY_BODY } from './request.js'

/** What a sender reads, in full. */
export interface Reply extends StoredAnswer {
  /** Part of the request was left unread: its connection cannot be used for another one. */
  readonly close?: boolean
}

export const ACCEPTED: Reply = { status: 202, headers: [], body: EMPTY_BODY }

/** These say by themselves that there is no body. */
export function hasNoBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304
}

/**
 * Known by its shape: frameworks replace the global class by one of their own, and packages bring theirs.
 */
export function isResponse(value: unknown): value is Response {
  if (value instanceof Response) return true
  if (typeof value !== 'object' || value === null) return false
  const { arrayBuffer, status, headers } = value as Partial<Response>
  return typeof arrayBuffer === 'function' && typeof status === 'number' && typeof headers?.get === 'function'
}

/** What frames a message on its connection is ours to say. */
const framing = new Set(['connection', 'content-length', 'keep-alive', 'transfer-encoding', 'upgrade'])

/** What is said between two neighbours on a connection, and makes the platform refuse a whole answer. */
const hopByHop = new Set(['expect', 'http2-settings', 'proxy-connection', 'te', 'trailer'])

/** What `Headers` lets through and `node:http` does not. */
const unsendable = /[^\t\x20-\x7e\x80-\xff]/

const INVALID_HEADERS = 'The headers of an answer cannot be sent: a name or a value is not valid in HTTP'

const parts = ['status', 'headers', 'body']

/**
 * An answer as it goes out. A `Response` has to be read for that, so it takes a moment.
 *
 * @throws InvalidOptionsError for what cannot be sent. The promise rejects with it, too.
 */
export function toReply(answer: Answer): Reply | Promise<Reply> {
  if (isResponse(answer)) return fromResponse(answer)
  if (typeof answer !== 'object' || answer === null || Array.isArray(answer)) {
    throw new InvalidOptionsError(
      'An answer is a Response, or an object such as { status: 200, body: { ok: true } }',
    )
  }
  const unknown = Object.keys(answer).find(name => !parts.includes(name))
  if (unknown !== undefined) {
    throw new InvalidOptionsError(`An answer has no '${unknown}'; there are ${parts.join(', ')}`)
  }
  const { status = 200, headers, body } = answer
  const encoded = encodePayload(body, 'The body of an answer')
  const checked = toHeaders(headers)
  if (encoded.contentType !== undefined && !checked.has('content-type')) {
    checked.set('content-type', encoded.contentType)
  }
  return build(status, checked, encoded.bytes)
}

/** What is left to say when an answer cannot be sent: whether the request was taken. */
export function bareOf({ status, close }: Reply): Reply {
  const bare: Reply = { status: status < 400 ? 202 : 500, headers: [], body: EMPTY_BODY }
  return close === true ? { ...bare, close } : bare
}

/** The part that is remembered for repetitions of the request. */
export function toStoredAnswer({ status, headers, body }: Reply): StoredAnswer {
  return {
    status,
    headers,
    body: body.length <= DEFAULTS.answerBytes ? body : body.slice(0, DEFAULTS.answerBytes),
  }
}

/** What a repetition reads: the first answer, and that it is one. */
export function asDuplicate(first: StoredAnswer): Reply {
  return { ...first, headers: [...first.headers, ['longline-duplicate', 'true']] }
}

const readResponses = new WeakMap<Response, Promise<Reply>>()

/** A `Response` can be read once, so whoever brings it again gets what was read then. */
function fromResponse(response: Response): Promise<Reply> {
  const known = readResponses.get(response)
  if (known !== undefined) return known
  if (response.bodyUsed)
    throw new InvalidOptionsError('The body of the Response given as an answer was read before')
  const { status } = response
  checkStatus(status)
  const headers = toHeaders(response.headers)
  const reading = response.arrayBuffer().then(bytes => build(status, headers, new Uint8Array(bytes)))
  reading.catch(() => {}) // whoever needs the answer hears of it
  readResponses.set(response, reading)
  return reading
}

function build(status: number, headers: Headers, body: Uint8Array): Reply {
  checkStatus(status)
  if (hasNoBody(status) && body.length > 0) {
    throw new InvalidOptionsError(
      `An answer with status ${status} has no body; leave it out, or use another status`,
    )
  }
  const refused = [...headers].find(([name]) => hopByHop.has(name))
  if (refused !== undefined) {
    throw new InvalidOptionsError(`An answer cannot have the header '${refused[0]}'; leave it out`)
  }
  const kept = [...headers].filter(([name]) => !framing.has(name))
  if (kept.some(([, value]) => unsendable.test(value))) throw new InvalidOptionsError(INVALID_HEADERS)
  return { status, headers: kept, body }
}

function checkStatus(status: number): void {
  if (Number.isInteger(status) && status >= 200 && status <= 599) return
  throw new InvalidOptionsError(
    `The status of an answer is a whole number from 200 to 599; got ${String(status)}`,
  )
}

function toHeaders(headers: Record<string, string> | Headers | undefined): Headers {
  try {
    return new Headers(isIterable(headers) ? [...headers] : headers)
  } catch {
    // The platform's own message quotes the value.
    throw new InvalidOptionsError(INVALID_HEADERS)
  }
}

/** Also where the class is not ours. */
function isIterable(headers: Record<string, string> | Headers | undefined): headers is Headers {
  return headers !== undefined && Symbol.iterator in headers
}
