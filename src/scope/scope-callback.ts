import type { Duration } from '../core/duration.js'
import { InvalidOptionsError } from '../errors.js'
import type { CallbackRecord } from '../model/callback.js'
import type { Answer } from '../model/code.js'
import type { ReceiverRecord } from '../model/receiver.js'
import type { Scope } from '../model/scope.js'
import { ScopedCallback } from '../model/scoped-callback.js'
import type { ScopeParts } from './scope-parts.js'

/** A callback that was read from a receiver of a scope. It is a scope within that scope, and ends with it. */
export class ScopeCallback<T> extends ScopedCallback<T> {
  readonly #record: CallbackRecord
  readonly #receiver: ReceiverRecord
  readonly #scope: Scope
  readonly #respond: ScopeParts['respond']

  constructor(
    record: CallbackRecord,
    data: T,
    parts: { receiver: ReceiverRecord; scope: Scope; respond: ScopeParts['respond'] },
  ) {
    super(record, data, () => parts.scope)
    this.#record = record
    this.#receiver = parts.receiver
    this.#scope = parts.scope
    this.#respond = parts.respond
  }

  get attempt(): number {
    return this.#scope.attempt
  }

  get startedAt(): Date {
    return this.#scope.startedAt
  }

  get signal(): AbortSignal {
    return this.#scope.signal
  }

  ack(): Promise<void> {
    return Promise.resolve()
  }

  release(_?: { delay?: Duration }): Promise<void> {
    return Promise.reject(
      new InvalidOptionsError(
        'A callback that was read from a receiver of a scope is kept until the scope ends: it cannot be released',
      ),
    )
  }

  respond(answer: Answer): Promise<boolean> {
    const { id, receivedAt } = this.#record
    return this.#respond(this.#receiver, { id, receivedAt }, answer)
  }
}
