import { concat, utf8 } from '../core/bytes.js'
import { type Clock, systemClock } from '../core/clock.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError, VerificationError } from '../errors.js'
import type { RawRequest } from '../model/received.js'
import { DEFAULTS } from '../options.js'

/** A request in parts, as any framework can give it. */
export interface RequestParts {
  /** As `Headers`, as pairs of name and value, or as `node:http` has them. */
  readonly headers:
    | Headers
    | Iterable<readonly [string, string]>
    | Readonly<Record<string, string | readonly string[] | undefined>>
  /** The bytes as they came, before any parser: a body that was parsed and written again is another one. */
  readonly body: Uint8Array | ArrayBuffer | string
  /** The whole URL under which the sender called: some sign it, and handshakes by `GET` ask in its query. */
  readonly url?: string
  /** Default `POST`. Handshakes look at it. */
  readonly method?: string
}

export interface ReadOptions {
  /** The largest body of a `Request` that is read. Default 1 MiB. */
  readonly maxBodyBytes?: number
  /** The URL under which the sender called, where a proxy has made another one of it. */
  readonly url?: string
  /** Who is at the other end of the connection, for `ip` and `mtls`: `request.socket.remoteAddress` of `node:http` and Express. */
  readonly remoteAddress?: string | undefined
  /** Tells the time of the request. For tests. */
  readonly clock?: Clock
}

const optionNames: readonly string[] = [
  'maxBodyBytes',
  'url',
  'remoteAddress',
  'clock',
] satisfies (keyof ReadOptions)[]

/**
 * What verifiers and handshakes see, of a request in a web framework of yours. The body of a `Request` is read by this.
 *
 * @throws InvalidOptionsError when the body was parsed or read before; for what is no request.
 * @throws VerificationError when it is larger than `maxBodyBytes`.
 */
export async function readRequest(
  request: Request | RequestParts,
  options: ReadOptions = {},
): Promise<RawRequest> {
  checkOptionNames(options, optionNames, 'A request')
  if (typeof request !== 'object' || request === null) {
    throw new InvalidOptionsError('The request must be a Request, or { headers, body }')
  }
  const { maxBodyBytes = DEFAULTS.maxBodyBytes, clock = systemClock, remoteAddress } = options
  if (!Number.isSafeInteger(maxBodyBytes) || maxBodyBytes < 1) {
    throw new InvalidOptionsError(
      `maxBodyBytes must be a whole number of at least 1; got ${String(maxBodyBytes)}`,
    )
  }
  const receivedAt = new Date(clock.now())
  const { method = 'POST' } = request
  const url = options.url ?? request.url ?? ''
  const headers = toHeaders(request.headers)
  const body = isRequest(request) ? await readBody(request, maxBodyBytes) : toBytes(request.body)
  return {
    receivedAt,
    method,
    url,
    path: '',
    query: new URLSearchParams(/^[^?#]*\?([^#]*)/.exec(url)?.[1]),
    headers,
    bytes: () => new Uint8Array(body),
    ...(remoteAddress === undefined ? {} : { remoteAddress }),
  }
}

/** By what it can do: a framework may bring a `Request` of its own. */
function isRequest(request: Request | RequestParts): request is Request {
  return 'bodyUsed' in request
}

function toHeaders(given: RequestParts['headers']): Headers {
  const headers = new Headers()
  for (const [name, value] of toPairs(given)) {
    if (name.startsWith(':')) continue // HTTP/2 has method and path among the headers, under names that no header may have
    for (const each of [value ?? []].flat()) append(headers, name, each)
  }
  return headers
}

/** `Headers` are pairs, too, also those that a framework brings of its own. */
function toPairs(given: RequestParts['headers']) {
  if (typeof given !== 'object' || given === null) {
    throw new InvalidOptionsError('headers is missing: pass a Request, or { headers, body }')
  }
  const pairs = Symbol.iterator in given ? [...given] : Object.entries(given)
  if (pairs.every(isPair)) return pairs
  throw new InvalidOptionsError(
    'headers must be Headers, pairs of name and value, or an object of texts, as request.headers of node:http is',
  )
}

function isPair(pair: unknown): boolean {
  if (!Array.isArray(pair) || typeof pair[0] !== 'string') return false
  return pair.flat().every(each => each === undefined || typeof each === 'string')
}

function append(headers: Headers, name: string, value: string): void {
  try {
    headers.append(name, value)
  } catch {
    // The platform's own message quotes the value.
    throw new InvalidOptionsError(
      `headers: what stands under ${JSON.stringify(name)} is no header that can be sent`,
    )
  }
}

function toBytes(body: unknown): Uint8Array {
  if (typeof body === 'string') return utf8(body)
  if (body instanceof Uint8Array) return body
  if (body instanceof ArrayBuffer) return new Uint8Array(body)
  if (body === undefined)
    throw new InvalidOptionsError(
      'body is missing: read the bytes of the request, with express.raw({ type: () => true }) in Express',
    )
  throw new InvalidOptionsError(
    'body must be the bytes as they came, or a text; what a body parser made of them cannot be verified: read them before it, with express.raw({ type: () => true }) in Express',
  )
}

async function readBody({ body, bodyUsed }: Request, maxBytes: number): Promise<Uint8Array> {
  if (bodyUsed) {
    throw new InvalidOptionsError(
      'The body of the request was read before: verify first, or read it once and pass { headers, body, url }',
    )
  }
  if (body === null) return new Uint8Array()
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    length += chunk.length
    if (length > maxBytes)
      throw new VerificationError(`the body is larger than ${maxBytes} bytes; pass maxBodyBytes for more`)
  }
  return concat(chunks, length)
}
