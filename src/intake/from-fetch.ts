import { concat } from '../core/bytes.js'
import type { Deadlines } from './deadlines.js'
import { hasNoBody, type Reply } from './reply.js'
import { type Body, EMPTY_BODY, type IntakeRequest } from './request.js'
import type { Route } from './route.js'

/** A request of the fetch standard. The same promises hold as for one of `node:http`. */
export class FetchRequest implements IntakeRequest {
  readonly route: Route
  readonly remoteAddress = undefined
  readonly #request: Request
  readonly #deadlines: Deadlines
  readonly #chunks: Uint8Array[] = []
  #length = 0
  #ended = false
  #reader: ReadableStreamDefaultReader<Uint8Array> | undefined
  #rawHeaders: readonly string[] | undefined

  constructor(request: Request, parts: { route: Route; deadlines: Deadlines }) {
    this.#request = request
    this.route = parts.route
    this.#deadlines = parts.deadlines
  }

  get method(): string {
    return this.#request.method
  }

  get rawHeaders(): readonly string[] {
    this.#rawHeaders ??= [...this.#request.headers].flat()
    return this.#rawHeaders
  }

  get gone(): boolean {
    return this.#request.signal.aborted
  }

  onGone(listener: () => void): () => void {
    const { signal } = this.#request
    signal.addEventListener('abort', listener, { once: true })
    return () => signal.removeEventListener('abort', listener)
  }

  async readBody(maxBytes: number): Promise<Body> {
    const { body, bodyUsed } = this.#request
    if (this.#reader === undefined) {
      if (bodyUsed || body?.locked) return 'already_read'
      if (body === null) return EMPTY_BODY
      this.#reader = body.getReader()
    }
    return this.#readOn(this.#reader, maxBytes)
  }

  /** Lets go of what was not read. */
  stop(): void {
    this.#reader?.cancel().catch(() => {}) // nobody is interested in it any more
  }

  async #readOn(reader: ReadableStreamDefaultReader<Uint8Array>, maxBytes: number): Promise<Body> {
    let interrupt: (body: Body) => void = () => {}
    const interrupted = new Promise<Body>(resolve => {
      interrupt = resolve
    })
    const work = this.#deadlines.start(() => interrupt('too_slow'))
    const stopListening = this.onGone(() => interrupt('incomplete'))
    if (this.gone) interrupt('incomplete')
    try {
      return await Promise.race([interrupted, this.#readAll(reader, maxBytes)])
    } finally {
      this.#deadlines.stop(work)
      stopListening()
    }
  }

  async #readAll(reader: ReadableStreamDefaultReader<Uint8Array>, maxBytes: number): Promise<Body> {
    try {
      while (!this.#ended && this.#length <= maxBytes) {
        const { done, value } = await reader.read()
        if (done) this.#ended = true
        else {
          this.#chunks.push(value)
          this.#length += value.length
        }
      }
    } catch {
      return 'incomplete' // a stream that fails is a sender that left
    }
    return this.#length > maxBytes ? 'too_large' : concat(this.#chunks, this.#length)
  }
}

/** The target of a request, as `node:http` would give it: without the fragment, which is nobody's but the sender's. */
export function targetOf(request: Request): string {
  const hash = request.url.indexOf('#')
  return hash < 0 ? request.url : request.url.slice(0, hash)
}

export function toResponse({ status, headers, body }: Reply, method: string): Response {
  const copied = headers.map(([name, value]): [string, string] => [name, value])
  const empty = hasNoBody(status) || method === 'HEAD' || body.length === 0
  return new Response(empty ? null : new Uint8Array(body), { status, headers: copied })
}
