import type { Retry } from '../core/backoff.js'
import type { Duration } from '../core/duration.js'
import type { Target } from './message.js'

// What callers say of whom we call: of an endpoint in code, and of a subscription in the store.

/**
 * OAuth 2 client credentials (RFC 6749, section 4.4): a token is fetched before the first attempt, used until shortly
 * before its end, and fetched anew when the endpoint answers `401`. Fetching it is part of the attempt and of its
 * `timeout`; when there is none, the attempt has failed, and is tried again by the schedule.
 */
export interface OAuth2 {
  /** Where tokens are fetched, by `POST`. The same rules hold for it as for the `url` of an endpoint. */
  tokenUrl: string
  clientId: string
  /** Sent to `tokenUrl` alone, as HTTP Basic authentication. */
  clientSecret: string
  /** What the token is asked for, several separated by spaces. Default: what the server gives. */
  scope?: string
  /** Whom the token is for, where the server wants to know. */
  audience?: string
}

/** By what we are known to an endpoint; one of them. Of the same name, a message's own header goes before it. */
export type AuthOptions =
  /** `authorization: Basic …`, of a user and a password, which may be empty. */
  | { basic: readonly [user: string, password: string] }
  /** `authorization: Bearer …`. */
  | { bearer: string }
  /** A header of its own, such as `['x-api-key', '…']`. */
  | { header: readonly [name: string, value: string] }
  | { oauth2: OAuth2 }

/** A client certificate. Each is a text in PEM; certificates may be a chain, the own one first. */
export interface TlsOptions {
  cert: string
  /** Not encrypted. */
  key: string
  /** Who may have issued the endpoint's certificate. Default: whom the platform trusts, who is then not trusted any more. */
  ca?: string
}

/**
 * How messages are sent to one endpoint. Read at each attempt: declared anew, it holds for what waits, too. Whatever
 * makes no sense is an `InvalidOptionsError` when it is declared, and no message of ours quotes a secret.
 */
export interface PolicyOptions {
  /** Sent with each message; of the same name, the message's own goes before it. Credentials belong into `auth`. */
  headers?: Record<string, string>
  /**
   * What signs each attempt, as Standard Webhooks has it: `whsec_` and 24 to 64 bytes in base64 (HMAC-SHA256), or `whsk_` and
   * an ed25519 private key. Of several, each signs: that is how one is replaced by the next. Default: nothing is signed.
   * Given and `undefined` or empty it is an error, so that a missing variable of the environment turns no signature off.
   */
  secret?: string | readonly string[]
  /** Default: none. */
  auth?: AuthOptions
  /** For the whole attempt, connecting and fetching a token included. Default 15 s; connecting alone has 5 s. */
  timeout?: Duration
  /** Statuses that count as delivered. Default: 200 to 299. */
  success?: readonly number[]
  /** Statuses after which nothing is tried again. Default: 400 to 499 without 408, 409, 425 and 429. */
  final?: readonly number[]
  /** Default: ten tries over three days. */
  retry?: Retry
  /** Success only with an empty answer: one with a body is a failed attempt, also where its status is success. Default `false`. */
  requireEmptyResponse?: boolean
  /**
   * After so many failed attempts in a row, nothing is sent for a while. Default: ten failures, 30 s; `false` never
   * pauses.
   */
  breaker?: false | { failures?: number; pause?: Duration }
  /** A client certificate, for endpoints that ask for one. Needs an `https:` URL. Default: none. */
  tls?: TlsOptions
  /** At most so many attempts begin in so much time. Default: no limit. */
  rateLimit?: { count: number; per: Duration }
  /** Attempts under way at the same moment, on this node. Default 16. */
  concurrency?: number
}

export interface EndpointOptions extends PolicyOptions {
  /**
   * Messages' paths are appended to it. In its path and query, `{name}` and `{order.id}` stand for what the JSON payload
   * of the message has there, encoded, one segment each; a message without it is refused when it is sent. A brace that
   * is meant as such is written `%7B`.
   */
  url: string
  /**
   * Who is told of what could not be delivered here (return to sender): the name of an endpoint, or a URL. What tells
   * of it is a message like any other, and of its own end nobody is told. Default: nobody.
   */
  deadLetter?: Target
}

/** An endpoint that wants a topic, stored: its policy is that of an endpoint, and its secrets are kept in the store. */
export interface SubscriptionOptions extends EndpointOptions {
  /** A topic, `book.*` for every one below `book`, or `*` for every one. */
  topic: string
  /** By which it is found again. Default: one is made. */
  id?: string
  /**
   * What it wants of the topic: paths into a JSON payload, each with a value or a list of values to be there, such as
   * `{ 'order.country': ['DE', 'AT'] }`. Default: everything.
   */
  filter?: Filter
  /**
   * How its endpoint proves that it wants this, before anything else is sent to it: by echoing a token, by opening a URL, or by
   * the handshake of CloudEvents. Default: it need not.
   */
  proof?: Proof
  /** Who is told what it answered: the name of an endpoint, or a URL. */
  callback?: Target
}

/** `{ 'order.country': ['DE', 'AT'], status: 'paid' }`: a fact has to be one of its values, or a list that holds one. */
export type Filter = Readonly<Record<string, FilterValue | readonly FilterValue[]>>
export type FilterValue = string | number | boolean | null

/** How an endpoint shows that it wants what is sent to it. */
export type Proof = 'echo' | 'visit' | 'cloudevents'
