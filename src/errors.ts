// The errors of longline: one family, told apart by `code`.
//
//   E1. `code` never changes its meaning; `retryable` says whether the same call can succeed later by itself.
//   E2. Facts are fields, the message is a sentence; neither holds a secret, a token, a signature or a body.
//   E3. The names are written out below: a bundler may rename a class, and the first line of a stack must not notice.

import type { StandardSchemaV1 } from '@standard-schema/spec'

/** What every error of longline is an instance of. `code` is stable and has a page in the docs. */
export class LonglineError<C extends string = string> extends Error {
  readonly code: C
  /** Whether the same call may succeed later, with nothing changed by the caller. */
  readonly retryable: boolean

  constructor(code: C, message: string, facts: { retryable?: boolean; cause?: unknown } = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause })
    this.code = code
    this.retryable = facts.retryable ?? false
  }
}

/** A wait reached its deadline. It has consumed nothing. */
export class TimeoutError extends LonglineError<'timeout'> {
  constructor(message: string) {
    super('timeout', message, { retryable: true })
  }
}

/** A wait was given up by `cancel()`, or lost a race. It has consumed nothing. */
export class CancelledError extends LonglineError<'cancelled'> {
  constructor(message = 'The wait was cancelled') {
    super('cancelled', message)
  }
}

/** Nothing is left in the mailbox, and nothing more will come. */
export class ReceiverClosedError extends LonglineError<'receiver_closed'> {
  /** Its key, or its id where it has none. */
  readonly receiver: string
  readonly reason: 'closed' | 'expired'

  constructor({ receiver, reason }: { receiver: string; reason: 'closed' | 'expired' }) {
    const state = reason === 'closed' ? 'is closed' : 'has expired'
    super('receiver_closed', `Receiver ${receiver} ${state}; no more callbacks will arrive`)
    this.receiver = receiver
    this.reason = reason
  }
}

/** There is no room in the mailbox until some of what is unread has been handled. */
export class MailboxFullError extends LonglineError<'mailbox_full'> {
  /** Its key, or its id where it has none. */
  readonly receiver: string
  /** How many unread callbacks it holds. */
  readonly capacity: number

  constructor({ receiver, capacity }: { receiver: string; capacity: number }) {
    super('mailbox_full', `Receiver ${receiver} is full: its capacity of ${capacity} is used up`, {
      retryable: true,
    })
    this.receiver = receiver
    this.capacity = capacity
  }
}

/** What the endpoint of a dead delivery answered last. */
export interface FailedAnswer {
  readonly status: number
  readonly headers: Headers
  readonly truncated: boolean
  bytes(): Uint8Array
  text(): string
  json(): unknown
}

/** A delivery is dead: no further attempt will be made. */
export class DeliveryFailedError extends LonglineError<'delivery_failed'> {
  readonly delivery: string
  readonly reason: string
  /** Not enumerable: whoever logs the error does not log the answer. */
  declare readonly answer?: FailedAnswer

  constructor({
    delivery,
    reason,
    answer,
  }: { delivery: string; reason: string; answer?: FailedAnswer | undefined }) {
    super('delivery_failed', `Delivery ${delivery} failed: ${reason}`)
    this.delivery = delivery
    this.reason = reason
    if (answer !== undefined) Object.defineProperty(this, 'answer', { value: answer })
  }
}

/** A key was used twice where it may be used once, or for two different things. */
export class KeyConflictError extends LonglineError<'key_conflict'> {
  readonly key: string

  constructor({ key, message }: { key: string; message: string }) {
    super('key_conflict', message)
    this.key = key
  }
}

/**
 * A verb of the server was called without a key inside a scope, where it would be repeated on re-entry; or a receiver of the
 * server was read there.
 */
export class UnscopedCallError extends LonglineError<'unscoped_call'> {
  constructor(message: string) {
    super('unscoped_call', message)
  }
}

/** A verb was called on a scope that has ended, or inside the function of a step. */
export class ScopeEndedError extends LonglineError<'scope_ended'> {
  constructor(message: string) {
    super('scope_ended', message)
  }
}

/** A run failed. Its `cause` is what was thrown in it. */
export class RunFailedError extends LonglineError<'run_failed'> {
  /** `workflow/key`. */
  readonly run: string

  constructor(run: string, cause: unknown) {
    super('run_failed', `Run ${run} failed`, { cause })
    this.run = run
  }
}

/** A run was cancelled: thrown in it once, so that it can compensate, and to whoever waits for its result. */
export class RunCancelledError extends LonglineError<'run_cancelled'> {
  readonly reason?: string

  constructor(reason?: string) {
    super(
      'run_cancelled',
      reason === undefined ? 'The run was cancelled' : `The run was cancelled: ${reason}`,
    )
    if (reason !== undefined) this.reason = reason
  }
}

/** A value that is to be recorded cannot be stored, or is too large. The message says which part of it, and quotes none. */
export class UnstorableValueError extends LonglineError<'unstorable_value'> {
  constructor(message: string, options?: ErrorOptions) {
    super('unstorable_value', message, options)
  }
}

/** Data did not pass its schema. */
export class InvalidInputError extends LonglineError<'invalid_input'> {
  readonly issues: readonly StandardSchemaV1.Issue[]

  constructor(message: string, issues: readonly StandardSchemaV1.Issue[]) {
    super('invalid_input', message)
    this.issues = issues
  }
}

/** A body is not what its content type says, or not what it was read as. The message never quotes it. */
export class MalformedContentError extends LonglineError<'malformed_content'> {
  constructor(message: string) {
    super('malformed_content', message)
  }
}

/** A request does not come from whom it should. The message says why, for the operator: its sender is told nothing. */
export class VerificationError extends LonglineError<'not_verified'> {
  constructor(message: string) {
    super('not_verified', message)
  }
}

/** What is needed to verify a request, such as the keys of its sender, is out of reach: neither good nor bad, it may come again. */
export class VerificationUnavailableError extends LonglineError<'verification_unavailable'> {
  constructor(message: string, options?: ErrorOptions) {
    super('verification_unavailable', message, { ...options, retryable: true })
  }
}

/** The call itself is wrong: thrown at once, before anything is done. */
export class InvalidOptionsError extends LonglineError<'invalid_options'> {
  constructor(message: string, options?: ErrorOptions) {
    super('invalid_options', message, options)
  }
}

/** An address that nothing is sent to: loopback, private, metadata, or not a web address. */
export class EndpointRefusedError extends LonglineError<'endpoint_refused'> {
  constructor(message: string) {
    super('endpoint_refused', message)
  }
}

/** This node could not renew its lease in time; its work may be another node's by now. */
export class LeaseLostError extends LonglineError<'lease_lost'> {
  constructor(message = 'The lease of this node ran out; its work goes on elsewhere') {
    super('lease_lost', message)
  }
}

/** The server was closed while the call was under way, or before it. */
export class ServerClosedError extends LonglineError<'server_closed'> {
  constructor(message = 'The server is closed') {
    super('server_closed', message)
  }
}

/** Another process has the store's file open. */
export class StoreInUseError extends LonglineError<'store_in_use'> {
  constructor(message: string) {
    super('store_in_use', message, { retryable: true })
  }
}

/** The store cannot be reached, or did not answer in time. What was asked of it may have happened. */
export class StoreUnavailableError extends LonglineError<'store_unavailable'> {
  constructor(message: string, options?: ErrorOptions) {
    super('store_unavailable', message, { ...options, retryable: true })
  }
}

/** The store is there but cannot be used: only a full disk can get better by itself. */
export class StoreUnusableError extends LonglineError<'store_unusable'> {
  readonly reason: 'newer' | 'corrupt' | 'read_only' | 'full'

  constructor(facts: {
    reason: 'newer' | 'corrupt' | 'read_only' | 'full'
    message: string
    cause?: unknown
  }) {
    super('store_unusable', facts.message, { cause: facts.cause, retryable: facts.reason === 'full' })
    this.reason = facts.reason
  }
}

/** Yours to throw, in a handler or a step: it is not tried again. */
export class NonRetryableError extends LonglineError<'final'> {
  constructor(message: string, options?: ErrorOptions) {
    super('final', message, options)
  }
}

const names = {
  LonglineError,
  TimeoutError,
  CancelledError,
  ReceiverClosedError,
  MailboxFullError,
  DeliveryFailedError,
  KeyConflictError,
  UnscopedCallError,
  ScopeEndedError,
  RunFailedError,
  RunCancelledError,
  UnstorableValueError,
  InvalidInputError,
  MalformedContentError,
  VerificationError,
  VerificationUnavailableError,
  InvalidOptionsError,
  EndpointRefusedError,
  LeaseLostError,
  ServerClosedError,
  StoreInUseError,
  StoreUnavailableError,
  StoreUnusableError,
  NonRetryableError,
}

for (const [name, { prototype }] of Object.entries(names)) {
  Object.defineProperty(prototype, 'name', { value: name, configurable: true, writable: true })
}
