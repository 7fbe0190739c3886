import type { IncomingMessage, ServerResponse } from 'node:http'
import { concat } from '../core/bytes.js'
import type { Deadlines } from './deadlines.js'
import { isGone, onClose } from './node-response.js'
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

  get remoteAddress(): string | undefined {
    return this.#message.socket.remoteAddress
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
        if (work.isOver) return
        this.#deadlines.stop(work)
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
      const work = this.#deadlines.start(() => settle('too_slow'))
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
