import type { StandardSchemaV1 as Schema } from '@standard-schema/spec'
import type { Retry } from '../core/backoff.js'
import type { Duration } from '../core/duration.js'
import type { Branches, Winner } from '../core/race.js'
import type { Wait, WaitOptions } from '../core/wait.js'
import type { Answer, ChildOptions } from './code.js'
import type { JoinOptions } from './joining.js'
import type { Delivery, Message, Publication, Published } from './message.js'
import type { Payload } from './payload.js'
import type { Received } from './received.js'

// What code sees of a scope: the verbs of a callback in hand, and of a run.

/** Runs once, or again until it has succeeded: what it returns is remembered, so that it never runs again. */
export type Effect<T> = (step: {
  /** The same at every attempt, also after a crash: hand it to whoever must not do the same thing twice. */
  readonly idempotencyKey: string
  /** 1 at first, in this entry of the scope. */
  readonly attempt: number
  /** Aborted when the entry is over, or the step took too long. */
  readonly signal: AbortSignal
}) => T | Promise<T>

export interface StepOptions {
  /** Default: three tries, from 1 s apart. */
  retry?: Retry
  /** For each attempt. Default: none. */
  timeout?: Duration
}

export interface ExchangeOptions<T, F = never> extends ChildOptions<T>, WaitOptions<F> {
  /** Called once, with the URL to place in path, query, header or body. */
  send: (url: string) => Message
}

/**
 * A unit of re-entry: a callback being handled, or a run. After a crash its code runs again from the top, and what has a
 * key returns what it returned before. A key names one call: using it twice in one entry, or for two verbs, is a
 * `KeyConflictError`, so put the item into the key inside a loop.
 *
 * Every verb rejects with `ScopeEndedError` once the scope has ended, with `LeaseLostError` or `ServerClosedError` in a
 * loop of yours whose entry is over, and with `RunCancelledError`, once, in a run that is cancelled.
 */
export interface Scope {
  /** 1 the first time it is entered. */
  readonly attempt: number
  /** The same on every entry: compute deadlines from it. */
  readonly startedAt: Date
  /** Aborted when this entry is over: hand it to what you await besides verbs. */
  readonly signal: AbortSignal
  /** A receiver of this scope. It closes when the scope ends. */
  spawn<T = unknown>(key: string, options?: ChildOptions<T>): Promise<ScopeReceiver<T>>
  /** Resolves when the message is durable; there is one, however often the scope is entered. */
  send(key: string, message: Message): Promise<Delivery>
  /** To the subscribers of a topic, or to a list; the function of a list is asked once. */
  publish(key: string, publication: Publication): Promise<Published>
  /**
   * A receiver, a message with its URL, and a wait for the answer, as one durable move.
   *
   * @throws DeliveryFailedError as soon as the message cannot be delivered.
   * @throws TimeoutError when there was no answer in time and there is no `fallback`.
   */
  exchange<T = unknown, F = never>(
    key: string,
    options: ExchangeOptions<T, F>,
  ): Wait<Callback<T> | NoInfer<F>>
  /** Starts a run that outlives this scope. To wait for it: `(await scope.start(…)).result()`. */
  start<I, O>(key: string, workflow: Workflow<I, O>, ...input: StartArguments<I>): Promise<RunHandle<O>>
  /**
   * A side effect: tried until it succeeds or its retries are spent, then remembered.
   *
   * @throws what the effect threw last, on this entry and every later one.
   * @throws UnstorableValueError when its result cannot be kept.
   */
  step<T>(key: string, effect: Effect<T>): Promise<T>
  step<T>(key: string, options: StepOptions, effect: Effect<T>): Promise<T>
  sleep(key: string, time: Duration | Date): Wait<void>
  /** The first to settle, remembered. The others are cancelled. */
  race<B extends Branches>(key: string, branches: B): Wait<Winner<B>>
  /** The first to succeed, remembered; `AggregateError` when none does, its errors in the order of the branches. */
  any<B extends Branches>(key: string, branches: B): Wait<Winner<B>>
}

/** A callback in your hands: handed to nobody else until you acknowledge it, release it, or your process is gone. */
export interface Callback<T> extends Received<T>, Scope {
  /**
   * It is handled, and never comes again. Loops and `consume` do it for you. On a callback that was read from a scope's
   * receiver it does nothing.
   *
   * @throws LeaseLostError when it had been taken over by somebody else.
   * @throws ServerClosedError when the server closed before it could be told.
   */
  ack(): Promise<void>
  /**
   * Gives it back: it comes again before anything newer, or after `delay`.
   *
   * @throws InvalidOptionsError for a callback that was read from a scope's receiver.
   */
  release(options?: { delay?: Duration }): Promise<void>
  /**
   * What the sender reads, for receivers with `respond: 'manual'`. The first answer stands; repetitions of the request
   * get it too. `false` when the sender is gone or has its answer.
   */
  respond(answer: Answer): Promise<boolean>
}

/** A receiver of a scope: what is read from it is the scope's, and is read again on re-entry. */
export interface ScopeReceiver<T> extends AsyncIterable<Callback<T>>, AsyncDisposable {
  readonly id: string
  /** Hand this to the other party. Whoever knows it can post to it, so treat it as a secret. */
  readonly url: string
  /** The oldest callback that this scope has not read. Asking again cancels a pending wait. */
  next<F = never>(options?: WaitOptions<F>): Wait<Callback<T> | NoInfer<F>>
  /** Like `for await` over the receiver. Ends when it is closed or expired, and empty, or after `idle`. */
  stream(options?: { signal?: AbortSignal; idle?: Duration }): AsyncIterable<Callback<T>>
  /** Puts something in without HTTP. */
  accept(data: Payload, options?: { deliveryId?: string }): Promise<void>
  /** `410` from now on. Lists what was not read, without taking it. */
  close(): Promise<Received<T>[]>
}

// ── Workflows ──

/** One durable execution of a workflow. */
export interface Run extends Scope {
  readonly id: string
  readonly key: string
}

export interface WorkflowOptions<In, I> {
  /** Checks the input of `start`. */
  schema?: Schema<In, I>
  /** How many runs are in memory at the same moment, on this node; parked ones do not count. Default: no limit. */
  concurrency?: number
  /** For errors that no verb threw. Default: ten tries, 1 s to 10 min apart. */
  retry?: Retry
}

export interface Workflow<I, O> {
  readonly name: string
  /**
   * A key that was started before returns the handle of that run, running or finished. `within` a transaction of yours
   * nothing is run, and the handle is not to be asked, before the commit.
   *
   * @throws InvalidInputError when the input does not fit the schema.
   * @throws UnstorableValueError when the input cannot be kept.
   */
  start(key: string, ...input: StartArguments<I>): Promise<RunHandle<O>>
  get(key: string): Promise<RunHandle<O> | undefined>
  runs(filter?: { status?: RunState; startedBefore?: Date }): AsyncIterable<RunInfo>
}

export type StartArguments<I> = undefined extends I
  ? [input?: I, options?: StartOptions]
  : [input: I, options?: StartOptions]

/** `within` is of `workflow.start` alone: what a scope starts is recorded with the scope. */
export interface StartOptions extends JoinOptions {
  /** Holds the first entry back; `startedAt` is then. */
  after?: Duration | Date
}

export interface RunHandle<O> {
  readonly key: string
  /**
   * What the workflow returned.
   *
   * @throws RunFailedError, its `cause` being what was thrown.
   * @throws RunCancelledError when it was cancelled.
   */
  result<F = never>(options?: WaitOptions<F>): Wait<O | NoInfer<F>>
  status(): Promise<RunInfo>
  /**
   * Throws `RunCancelledError` once, at the wait or verb the run is at, so that it can compensate. A failed run is
   * cancelled as it is: its code is not entered again.
   */
  cancel(reason?: string): Promise<void>
  /** Of a failed run: forgets the failure it ended with, keeps what succeeded and what the code dealt with. */
  retry(): Promise<void>
}

export type RunState = 'running' | 'parked' | 'done' | 'failed' | 'cancelled'

export interface RunInfo {
  readonly key: string
  readonly status: RunState
  /** The keys of what a parked run waits for. */
  readonly waitingFor: readonly string[]
  /** With `after`: when it was due. */
  readonly startedAt: Date
}
