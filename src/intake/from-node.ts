import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { concat } from '../core/bytes.js'
import { after, type Clock } from '../core/clock.js'
import { DEFAULTS } from '../options.js'
import type { Deadlines } from './deadlines.js'
import { hasNoBody, type Reply } from './reply.js'
import { type Body, EMPTY_BODY, type IntakeRequest } from './request.js'
import type { Route } from './route.js'

/**
 * A request of `node:http`.
 *
 *   N1. Nothing is read before `readBody`, and nothing is read on once it has said why not.
 *   N2. A body that ends before its end, by an abort or a lost connection, is `incomplete`, never a shorter body.
 */
export class NodeRequest implements IntakeRequest {
  readonly route: Route
  readonly #message: IncomingMessage
  readonly #response: ServerResponse
  readonly #deadlines: Deadlines
  readonly #chunks: Uint8Array[] = []
  #length = 0
  #begun = false

  constructor(
    message: IncomingMessage,
    response: ServerResponse,
    parts: { route: Route; deadlines: Deadlines },
  ) {
    this.#message = message
    this.#response = response
    this.route = parts.route
    this.#deadlines = parts.deadlines
  }

  get method(): string {
    return this.#message.method ?? ''
  }

  get rawHeaders(): readonly string[] {
    const { rawHeaders, httpVersionMajor } = this.#message
    return httpVersionMajor < 2 ? rawHeaders : withoutPseudoHeaders(rawHeaders)
  }

  get gone(): boolean {
    return isGone(this.#response)
  }

  onGone(listener: () => void): () => void {
    return onClose(this.#response, listener)
  }

  readBody(maxBytes: number): Promise<Body> {
    const message = this.#message
    const begun = this.#begun
    this.#begun = true
    if (!begun && message.readableDidRead) return Promise.resolve('already_read')
    if (this.#length > maxBytes) return Promise.resolve('too_large')
    if (message.readableEnded) return Promise.resolve(this.#read())
    if (message.destroyed) return Promise.resolve('incomplete')

    return new Promise(resolve => {
      const settle = (body: Body) => {
        this.#deadlines.stop(onLate)
        if (typeof body === 'string') {
          message.off('data', onData).off('end', onEnd).off('close', onClosed)
          message.pause()
        }
        resolve(body)
      }
      const onData = (chunk: Uint8Array) => {
        this.#chunks.push(chunk)
        this.#length += chunk.length
        if (this.#length > maxBytes) settle('too_large')
      }
      const onEnd = () => settle(this.#read())
      const onClosed = () => settle('incomplete')
      const onLate = () => settle('too_slow')
      this.#deadlines.start(onLate)
      message.on('data', onData).on('end', onEnd).on('close', onClosed)
      if (begun) message.resume()
    })
  }

  #read(): Uint8Array {
    return this.#length === 0 ? EMPTY_BODY : concat(this.#chunks, this.#length)
  }
}

/** HTTP/2 has method and path among the headers, under names that no header may have. */
function withoutPseudoHeaders(rawHeaders: readonly string[]): readonly string[] {
  return rawHeaders.filter((_, index) => rawHeaders[index - (index % 2)]?.startsWith(':') !== true)
}

/** The target as it was sent; Express takes the path it is mounted under out of `url`. */
export function targetsOf(message: IncomingMessage & { readonly originalUrl?: unknown }): readonly string[] {
  const { url = '', originalUrl } = message
  return typeof originalUrl === 'string' && originalUrl !== url ? [originalUrl, url] : [url]
}

/** Connections whose last answer has been given: what still comes on them is not to be processed. */
const closing = new WeakSet<Socket>()

export function comesTooLate(message: IncomingMessage): boolean {
  return closing.has(message.socket)
}

export function sendReply(
  response: ServerResponse,
  { status, headers, body, close }: Reply,
  clock: Clock,
): void {
  if (response.headersSent || response.destroyed) return
  const lines: string[] = []
  for (const [name, value] of headers) lines.push(name, value)
  if (!hasNoBody(status)) lines.push('content-length', String(body.length))
  if (close !== true) {
    response.writeHead(status, lines)
    // An empty chunk would be written all the same, as a second buffer, which costs more than the rest of the answer.
    if (body.length === 0) response.end()
    else response.end(body)
    return
  }
  if (response.req.httpVersionMajor < 2) {
    lines.push('connection', 'close')
    closing.add(response.req.socket)
  }
  response.writeHead(status, lines)
  // A connection that is cut with something unread in it is reset, and a sender that is still writing would never see
  // its answer. So it gets the answer at once, and a moment to read it.
  response.write(body)
  const stopTimer = after(clock, DEFAULTS.lingerMs, () => response.end())
  onClose(response, stopTimer)
}

/** Calls back when an answer has left this process, or nobody is there to read it. */
export function whenSent(response: ServerResponse, listener: () => void): void {
  if (response.writableLength === 0 || isGone(response)) listener()
  else onClose(response, listener)
}

/** A pipelined request whose turn to be answered has not come hears of its connection only. */
function isGone(response: ServerResponse): boolean {
  return response.destroyed || response.req.socket.destroyed
}

function onClose(response: ServerResponse, listener: () => void): () => void {
  const { socket } = response.req
  const stop = () => {
    response.off('close', onClosed)
    socket.off('close', onClosed)
  }
  const onClosed = () => {
    stop()
    listener()
  }
  response.on('close', onClosed)
  socket.on('close', onClosed)
  return stop
}
