import type { RawRequest } from '../../../src/model/received.js'
import { readRequest } from '../../../src/verify/read-request.js'

/** The instant at which the requests of these tests come in, in seconds and in milliseconds. */
export const NOW_S = 1_614_265_330
export const NOW = NOW_S * 1_000

export interface Given {
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: string | Uint8Array
  readonly url?: string
  readonly method?: string
  readonly remoteAddress?: string
  /** Milliseconds. Default `NOW`. */
  readonly at?: number
}

/** A request as an intake would hand it to a verifier. */
export function toRequest(given: Given = {}): Promise<RawRequest> {
  const { headers = {}, body = '', url = 'https://hooks.example.com/r/token', method = 'POST' } = given
  const { remoteAddress, at = NOW } = given
  return readRequest(
    { headers, body, url, method },
    { clock: clockAt(at), ...(remoteAddress === undefined ? {} : { remoteAddress }) },
  )
}

function clockAt(now: number) {
  return { now: () => now, monotonic: () => 0, setTimer: () => () => {} }
}
