import type { Route } from './route.js'

/** The bytes, or why there are none. `already_read`: somebody before us has taken them. */
export type Body = Uint8Array | 'too_large' | 'too_slow' | 'incomplete' | 'already_read'

/** A request as the intake sees it, wherever it came from. Nothing is parsed before somebody asks. */
export interface IntakeRequest {
  readonly method: string
  readonly route: Route
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[]
  /** Who is at the other end of the connection, where that is known. */
  readonly remoteAddress: string | undefined
  /**
   * Reads up to `maxBytes`, and not on once there are more. Asked again, with another limit, it goes on where it was:
   * what came is kept.
   */
  readBody(maxBytes: number): Promise<Body>
  /** Nobody waits for an answer any more. */
  readonly gone: boolean
  /** Calls back when the sender leaves. Returns how to stop. */
  onGone(listener: () => void): () => void
}

export const EMPTY_BODY: Uint8Array = new Uint8Array()

/** The value of a header, several of one name joined as `Headers` does. `name` is in lower case. */
export function headerOf(rawHeaders: readonly string[], name: string): string | undefined {
  let found: string | undefined
  for (let index = 0; index + 1 < rawHeaders.length; index += 2) {
    const candidate = rawHeaders[index]
    if (candidate?.length !== name.length || candidate.toLowerCase() !== name) continue
    const value = rawHeaders[index + 1] ?? ''
    found = found === undefined ? value : `${found}, ${value}`
  }
  return found
}
