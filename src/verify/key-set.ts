import { createPublicKey, type KeyObject } from 'node:crypto'
import { concat, toText } from '../core/bytes.js'
import { after, type Clock } from '../core/clock.js'
import { VerificationUnavailableError } from '../errors.js'

// The public keys of a sender, from where it publishes them (a JSON Web Key Set, RFC 7517; ed25519 as in RFC 8037).
//
// Owns:   the keys that are good, and the one request for them that is under way.
// Leaves: which of them has signed.
//
//   W1. Keys are used for a day from before they were asked for, by monotonic time; then they are asked for again.
//   W2. One request at a time: whoever needs keys meanwhile gets what it brings.
//   W3. They are asked for once a minute at the most, whatever comes in and whatever becomes of it: a stranger who signs with
//       a key of his own makes us call, and must not make us call at will. So a new key may be unknown for a minute.
//   W4. Where they are out of reach, nothing is said of a request: neither that it is good nor that it is bad.

const USABLE_MS = 24 * 60 * 60 * 1_000
const BETWEEN_REQUESTS_MS = 60 * 1_000
/** Less than a verifier may take, so that its caller hears of it from us. */
const TIMEOUT_MS = 5 * 1_000
const MOST_BYTES = 64 * 1_024
const MOST_KEYS = 16

interface KeySetParts {
  readonly name: string
  readonly url: URL
  readonly fetch: typeof globalThis.fetch
  readonly clock: Clock
}

export class KeySet {
  readonly #parts: KeySetParts
  /** What the last request that brought keys has brought. */
  #fetched: { readonly keys: readonly KeyObject[]; readonly askedAt: number } | undefined
  /** In monotonic time, when they were asked for last. */
  #askedAt = Number.NEGATIVE_INFINITY
  /** Why the last request brought none. */
  #failure: VerificationUnavailableError | undefined
  #request: Promise<readonly KeyObject[]> | undefined

  constructor(parts: KeySetParts) {
    this.#parts = parts
  }

  /** The keys that are known; none when they are too old. */
  known(): readonly KeyObject[] {
    const fetched = this.#fetched
    if (fetched === undefined || this.#parts.clock.monotonic() - fetched.askedAt >= USABLE_MS) return []
    return fetched.keys
  }

  /**
   * The keys as they are now, for a request that none of the known ones has signed.
   *
   * @throws VerificationUnavailableError where they cannot be fetched, or could not lately.
   */
  async renewed(): Promise<readonly KeyObject[]> {
    if (this.#request !== undefined) return this.#request
    const now = this.#parts.clock.monotonic()
    if (now - this.#askedAt < BETWEEN_REQUESTS_MS) {
      if (this.#failure !== undefined) throw this.#failure
      return this.known()
    }
    this.#askedAt = now
    this.#request = this.#renew(now).finally(() => {
      this.#request = undefined
    })
    return this.#request
  }

  async #renew(askedAt: number): Promise<readonly KeyObject[]> {
    try {
      const keys = await this.#fetch()
      this.#fetched = { keys, askedAt }
      this.#failure = undefined
      return keys
    } catch (error) {
      this.#failure = new VerificationUnavailableError(
        `${this.#parts.name}: its public keys cannot be fetched: ${reasonOf(error)}`,
        { cause: error },
      )
      throw this.#failure
    }
  }

  async #fetch(): Promise<readonly KeyObject[]> {
    const { url, fetch, clock } = this.#parts
    const controller = new AbortController()
    let stopTimer = () => {}
    const late = new Promise<never>((_, reject) => {
      stopTimer = after(clock, TIMEOUT_MS, () => {
        const error = new KeySetError('keysUrl takes too long')
        reject(error)
        controller.abort(error)
      })
    })
    try {
      return await Promise.race([ask(url, fetch, controller.signal), late])
    } finally {
      stopTimer()
      controller.abort() // what is left of the answer, nobody reads
    }
  }
}

/** There are no keys. The message says why, in our words. */
class KeySetError extends Error {}

async function ask(
  url: URL,
  fetch: typeof globalThis.fetch,
  signal: AbortSignal,
): Promise<readonly KeyObject[]> {
  const { status, body } = await fetch(url, {
    headers: { accept: 'application/json' },
    redirect: 'error',
    signal,
  })
  if (status !== 200) throw new KeySetError(`keysUrl answered ${status}`)
  if (body === null) throw new KeySetError('keysUrl answered nothing')
  const keys = toKeys(await readText(body))
  if (keys.length === 0) throw new KeySetError('there is no ed25519 key in the answer of keysUrl')
  return keys
}

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of body) {
    chunks.push(chunk)
    length += chunk.length
    if (length > MOST_BYTES) throw new KeySetError(`keysUrl answered more than ${MOST_BYTES} bytes`)
  }
  return toText(concat(chunks, length))
}

/** Whatever is no ed25519 key is for somebody else. */
function toKeys(text: string): readonly KeyObject[] {
  let set: unknown
  try {
    set = JSON.parse(text)
  } catch {
    throw new KeySetError('the answer of keysUrl is not valid JSON')
  }
  const keys = typeof set === 'object' && set !== null && 'keys' in set ? set.keys : undefined
  return Array.isArray(keys) ? keys.slice(0, MOST_KEYS).flatMap(toKey) : []
}

/** None for what is no ed25519 key, of which the platform decides. */
function toKey(key: unknown): readonly KeyObject[] {
  try {
    const publicKey = createPublicKey({ key: Object.assign({}, key), format: 'jwk' })
    return publicKey.asymmetricKeyType === 'ed25519' ? [publicKey] : []
  } catch {
    return []
  }
}

function reasonOf(error: unknown): string {
  return error instanceof KeySetError ? error.message : 'keysUrl does not answer'
}
