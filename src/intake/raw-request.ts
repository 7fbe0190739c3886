import { toReceiverUrl } from '../model/public-url.js'
import { headersOf, type RawRequest } from '../model/received.js'
import type { ServerSettings } from '../options.js'
import type { IntakeRequest } from './request.js'

/** A request for verifiers and `dedupe`, made only when there are any; its parts are parsed when they are asked for. */
export class UnacceptedRequest implements RawRequest {
  readonly receivedAt: Date
  readonly url: string
  readonly remoteAddress: string | undefined
  readonly #request: IntakeRequest
  readonly #body: Uint8Array
  #headers: Headers | undefined
  #query: URLSearchParams | undefined

  constructor(
    request: IntakeRequest,
    { receivedAt, url, body }: { readonly receivedAt: Date; readonly url: string; readonly body: Uint8Array },
  ) {
    this.#request = request
    this.receivedAt = receivedAt
    this.url = url
    this.remoteAddress = request.remoteAddress // now: of a sender that has left it is not known any more
    this.#body = body
  }

  get method(): string {
    return this.#request.method
  }

  get path(): string {
    return this.#request.route.path
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#request.route.query)
    return this.#query
  }

  get headers(): Headers {
    this.#headers ??= toHeaders(this.#request.rawHeaders)
    return this.#headers
  }

  /** A copy: what is stored is what came in, whatever a verifier does to it. */
  bytes(): Uint8Array {
    return new Uint8Array(this.#body)
  }
}

/**
 * The URL under which the world reaches a receiver, and whatever was appended to it.
 *
 * @throws InvalidOptionsError when `publicUrl` is a function, and what it returns is no URL.
 */
export function toPublicUrl(
  settings: Pick<ServerSettings, 'publicUrl' | 'prefix'>,
  { route }: IntakeRequest,
): string {
  const { token, path, query } = route
  return `${toReceiverUrl(settings, token)}${path}${query === '' ? '' : `?${query}`}`
}

export function toHeaders(rawHeaders: readonly string[]): Headers {
  try {
    return headersOf(rawHeaders)
  } catch {
    // The platform's own message quotes the value.
    throw new TypeError('the headers of the request cannot be read: one of them is not valid')
  }
}
