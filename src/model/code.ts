import type { StandardSchemaV1 as Schema } from '@standard-schema/spec'
import type { Duration } from '../core/duration.js'
import type { Payload } from './payload.js'
import type { RawRequest, Received } from './received.js'
import type { CallbackMethod, ReceiverState } from './receiver.js'

// The code by which requests are judged and answered: what a source, or a `spawn`, brings in functions.

/** `true` or an id lets the request in. Anything else, `undefined` included, is `401`. */
export type Verdict = boolean | { readonly deliveryId: string }

/** Says whether a request comes from the right sender. It sees the bytes as they were received. */
export type Verify = (request: RawRequest) => Verdict | Promise<Verdict>

/** What a sender reads: a `Response`, or its parts. Without a status it is 200. */
export type Answer =
  | Response
  | { readonly status?: number; readonly headers?: Record<string, string>; readonly body?: Payload }

/**
 * A question that a provider asks before it sends, such as whether this URL is ours. What it returns is the answer, and nothing
 * is stored; `undefined` says that it is no such question. It throws a `VerificationError` at somebody who has not shown who it
 * is: `401`. Any other error is a mistake of its own: `500`.
 */
export type Handshake = (request: RawRequest) => Answer | undefined | Promise<Answer | undefined>

/** What a person sees who opens the URL. */
export type Page = (visit: {
  readonly request: Request
  readonly state: ReceiverState
  readonly key?: string
}) => Response | Promise<Response>

export type Respond<T> = Answer | 'manual' | ((callback: Received<T>) => Answer | Promise<Answer>)

/** Who calls us: how its requests are verified, told apart and answered. */
export interface SourceCode<T> {
  readonly schema?: Schema<unknown, T>
  readonly verify: readonly Verify[]
  readonly dedupe?: (request: RawRequest) => string | undefined
  readonly respond?: Respond<T>
  readonly handshake?: Handshake
  readonly page?: Page
}

/** How the requests to one receiver are judged: its code and its numbers, with the defaults filled in. */
export interface Rules extends SourceCode<unknown> {
  readonly methods: readonly CallbackMethod[]
  readonly maxBodyBytes: number
  readonly capacity: number
  readonly dedupeWindowMs: number
  readonly respondTimeoutMs: number
}

/** A declared sender. */
export interface Source<T> {
  readonly name: string
  readonly '~data'?: T
}

export interface ChildOptions<T> {
  /** A source declared on the server; `null` takes away the one that was set before. */
  from?: Source<T> | null
  schema?: Schema<unknown, T>
  /** How long it stays open, from its creation or from `reopen`. */
  ttl?: Duration
  /** How many unread callbacks it holds before it answers `429`. Default 10 000. */
  capacity?: number
}
