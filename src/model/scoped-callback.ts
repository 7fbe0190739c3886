import type { Duration } from '../core/duration.js'
import type { Branches, Winner } from '../core/race.js'
import type { Wait } from '../core/wait.js'
import type { CallbackRecord } from './callback.js'
import type { Answer, ChildOptions } from './code.js'
import type { Delivery, Message, Publication, Published } from './message.js'
import { StoredCallback } from './received.js'
import type {
  Callback,
  Effect,
  ExchangeOptions,
  RunHandle,
  Scope,
  ScopeReceiver,
  StartArguments,
  StepOptions,
  Workflow,
} from './scope.js'

/** A callback that is a scope, too: its verbs are those of the scope that it is given. */
export abstract class ScopedCallback<T> extends StoredCallback<T> implements Callback<T> {
  readonly #openScope: () => Scope
  #scope: Scope | undefined

  /** `openScope` is called for the first verb. */
  constructor(record: CallbackRecord, data: T, openScope: () => Scope) {
    super(record, data)
    this.#openScope = openScope
  }

  abstract readonly attempt: number
  abstract readonly startedAt: Date
  abstract readonly signal: AbortSignal
  abstract ack(): Promise<void>
  abstract release(options?: { delay?: Duration }): Promise<void>
  abstract respond(answer: Answer): Promise<boolean>

  spawn<C = unknown>(key: string, options?: ChildOptions<C>): Promise<ScopeReceiver<C>> {
    return this.#verbs.spawn<C>(key, options)
  }

  send(key: string, message: Message): Promise<Delivery> {
    return this.#verbs.send(key, message)
  }

  publish(key: string, publication: Publication): Promise<Published> {
    return this.#verbs.publish(key, publication)
  }

  exchange<C = unknown, F = never>(
    key: string,
    options: ExchangeOptions<C, F>,
  ): Wait<Callback<C> | NoInfer<F>> {
    return this.#verbs.exchange<C, F>(key, options)
  }

  start<I, O>(key: string, workflow: Workflow<I, O>, ...input: StartArguments<I>): Promise<RunHandle<O>> {
    return this.#verbs.start(key, workflow, ...input)
  }

  step<R>(key: string, effect: Effect<R>): Promise<R>
  step<R>(key: string, options: StepOptions, effect: Effect<R>): Promise<R>
  step<R>(key: string, ...given: [Effect<R>] | [StepOptions, Effect<R>]): Promise<R> {
    return given.length === 1 ? this.#verbs.step(key, given[0]) : this.#verbs.step(key, given[0], given[1])
  }

  sleep(key: string, time: Duration | Date): Wait<void> {
    return this.#verbs.sleep(key, time)
  }

  race<B extends Branches>(key: string, branches: B): Wait<Winner<B>> {
    return this.#verbs.race(key, branches)
  }

  any<B extends Branches>(key: string, branches: B): Wait<Winner<B>> {
    return this.#verbs.any(key, branches)
  }

  get #verbs(): Scope {
    this.#scope ??= this.#openScope()
    return this.#scope
  }
}
