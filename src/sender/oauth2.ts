import { sha256Hex, toText, utf8 } from '../core/bytes.js'
import { after, type Clock } from '../core/clock.js'
import type { OAuth2 } from '../model/endpoint-options.js'
import { DEFAULTS } from '../options.js'
import {
  AddressRefusedError,
  type CarriedRequest,
  type Carrier,
  type OpenAnswer,
  readBeginning,
  unlessAborted,
} from './carrier.js'
import { mergeHeaders, ourHeaders } from './headers.js'
import { describeNetworkError } from './network-errors.js'

// Tokens of OAuth 2 client credentials.
//
// Owns:   the tokens that are good, and the requests for one that are under way.
// Leaves: where they may be fetched (guard, by way of the carrier), how long an attempt may take (attempt).
//
//   O1. A token belongs to who asked for it: server, client, secret, scope and audience. Who has another secret never gets it.
//   O2. One request at a time for each; whoever needs the token meanwhile gets what it brings.
//   O3. It is called off when the last one who waited for it has given up, and not before.
//   O4. A token is used until shortly before its end, by monotonic time from before it was asked for.
//   O5. No error holds a secret, a token, or a text of the server's.

/** There is no token. The message says why, in our words. */
export class TokenError extends Error {
  override readonly name = 'TokenError'
}

interface Token {
  readonly value: string
  /** In monotonic time. */
  readonly usableUntil: number
}

interface TokenRequest {
  readonly token: Promise<Token>
  readonly controller: AbortController
  waiting: number
}

/** Bounds memory. Whoever is forgotten asks again. */
const MOST_TOKENS = 1_000

export class Tokens {
  readonly #clock: Clock
  readonly #carrier: Pick<Carrier, 'carry'>
  /** Oldest first. */
  readonly #tokens = new Map<string, Token>()
  readonly #requests = new Map<string, TokenRequest>()

  constructor({ clock, carrier }: { clock: Clock; carrier: Pick<Carrier, 'carry'> }) {
    this.#clock = clock
    this.#carrier = carrier
  }

  /**
   * Carries requests out with a token in their `authorization`, unless they have one of their own. Answered `401`, a
   * request is carried out once more, with a new token.
   */
  carrierFor(oauth2: OAuth2): Pick<Carrier, 'carry'> {
    return { carry: (request, signal) => this.#carry(request, oauth2, signal) }
  }

  async #carry(request: CarriedRequest, oauth2: OAuth2, signal: AbortSignal): Promise<OpenAnswer> {
    if (request.headers.some(([name]) => name === 'authorization')) {
      return this.#carrier.carry(request, signal)
    }
    const first = await this.#find(oauth2, signal)
    const answer = await this.#carrier.carry(withToken(request, first), signal)
    if (answer.status !== 401) return answer

    await readBeginning(answer.body, signal) // nobody wants it; read, its connection can be used again
    this.#forget(oauth2, first)
    return this.#carrier.carry(withToken(request, await this.#find(oauth2, signal)), signal)
  }

  async #find(oauth2: OAuth2, signal: AbortSignal): Promise<Token> {
    const id = idOf(oauth2)
    const known = this.#tokens.get(id)
    if (known !== undefined && this.#clock.monotonic() < known.usableUntil) return known

    const request = this.#requests.get(id) ?? this.#request(id, oauth2)
    request.waiting++
    try {
      return await unlessAborted(request.token, signal)
    } finally {
      request.waiting--
      if (request.waiting === 0) {
        request.controller.abort()
        if (this.#requests.get(id) === request) this.#requests.delete(id)
      }
    }
  }

  /** However many wait for it, it has an end: one that hangs makes room for the next. */
  #request(id: string, oauth2: OAuth2): TokenRequest {
    const controller = new AbortController()
    const stopTimer = after(this.#clock, DEFAULTS.endpointTimeoutMs, () => controller.abort())
    const token = unlessAborted(this.#fetch(oauth2, controller.signal), controller.signal)
      .catch((error: unknown) => {
        throw error instanceof TokenError ? error : new TokenError('no token: tokenUrl does not answer')
      })
      .then(fetched => {
        this.#remember(id, fetched)
        return fetched
      })
      .finally(() => {
        stopTimer()
        if (this.#requests.get(id) === request) this.#requests.delete(id)
      })
    const request: TokenRequest = { token, controller, waiting: 0 }
    this.#requests.set(id, request)
    return request
  }

  /** A `401` may be about a token that another attempt has replaced since. */
  #forget(oauth2: OAuth2, { value }: Token): void {
    const id = idOf(oauth2)
    if (this.#tokens.get(id)?.value === value) this.#tokens.delete(id)
  }

  #remember(id: string, token: Token): void {
    this.#tokens.delete(id)
    this.#tokens.set(id, token)
    const [oldest] = this.#tokens.keys()
    if (this.#tokens.size > MOST_TOKENS && oldest !== undefined) this.#tokens.delete(oldest)
  }

  async #fetch(oauth2: OAuth2, signal: AbortSignal): Promise<Token> {
    const askedAt = this.#clock.monotonic()
    const { status, text } = await this.#ask(oauth2, signal)
    const { value, lifeMs } = readToken(status, text)
    const { tokenMarginMs } = DEFAULTS
    return { value, usableUntil: askedAt + Math.max(lifeMs - tokenMarginMs, lifeMs / 2) }
  }

  async #ask(oauth2: OAuth2, signal: AbortSignal): Promise<{ status: number; text: string | undefined }> {
    try {
      const answer = await this.#carrier.carry(toTokenRequest(oauth2), signal)
      const { body, truncated } = await readBeginning(answer.body, signal)
      return { status: answer.status, text: truncated ? undefined : toText(body) }
    } catch (error) {
      const reason =
        error instanceof AddressRefusedError
          ? `address refused: ${error.message}`
          : describeNetworkError(error)
      throw new TokenError(`no token: ${reason}`)
    }
  }
}

/** RFC 6749, section 2.3.1: user and password are encoded like the fields of a form before they are put together. */
function toTokenRequest({ tokenUrl, clientId, clientSecret, scope, audience }: OAuth2): CarriedRequest {
  const fields = new URLSearchParams({ grant_type: 'client_credentials' })
  if (scope !== undefined) fields.set('scope', scope)
  if (audience !== undefined) fields.set('audience', audience)
  const client = Buffer.from(`${asFormField(clientId)}:${asFormField(clientSecret)}`).toString('base64')
  const headers = mergeHeaders(ourHeaders, [
    ['authorization', `Basic ${client}`],
    ['content-type', 'application/x-www-form-urlencoded'],
    ['accept', 'application/json'],
  ])
  return { method: 'POST', url: new URL(tokenUrl), headers, body: utf8(fields.toString()) }
}

function asFormField(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}

function withToken(request: CarriedRequest, { value }: Token): CarriedRequest {
  return { ...request, headers: mergeHeaders(request.headers, [['authorization', `Bearer ${value}`]]) }
}

/** Of the codes that RFC 6749 knows. Others may be anything, and are not repeated. */
const errorCodes = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
])

function readToken(status: number, text: string | undefined): { value: string; lifeMs: number } {
  const answer = text === undefined ? undefined : readObject(text)
  if (status < 200 || status > 299) {
    const { error } = answer ?? {}
    const code = typeof error === 'string' && errorCodes.has(error) ? ` (${error})` : ''
    throw new TokenError(`no token: tokenUrl answered ${status}${code}`)
  }
  const { access_token: value, token_type: type = 'bearer', expires_in: seconds } = answer ?? {}
  if (typeof value !== 'string' || !/^[\x21-\x7e]+$/.test(value)) {
    throw new TokenError('no token: there is none in the answer of tokenUrl')
  }
  if (typeof type !== 'string' || type.toLowerCase() !== 'bearer') {
    throw new TokenError('no token: that of tokenUrl is not of the type Bearer')
  }
  return { value, lifeMs: toLifeMs(seconds) }
}

/** Some write the number as a text. */
function toLifeMs(seconds: unknown): number {
  const count = typeof seconds === 'string' && seconds !== '' ? Number(seconds) : seconds
  return typeof count === 'number' && count >= 0 && Number.isFinite(count)
    ? count * 1_000
    : DEFAULTS.tokenLifeMs
}

function readObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function idOf({ tokenUrl, clientId, clientSecret, scope, audience }: OAuth2): string {
  return sha256Hex(JSON.stringify([tokenUrl, clientId, clientSecret, scope, audience]))
}
