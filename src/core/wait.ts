// A wait: a promise that can be given up, consuming nothing.
//
// Owns:   the life of one wait, its timer, its listener on a signal.
// Leaves: looking for what is waited for, and its place in a queue, to whoever made it (its owner).
//
//   W1. A wait looks at least once: a deadline that passes during the first look makes it the last one.
//   W2. Time-out, abort and cancel end it in their own tick: `onGiveUp` has run, once, before any reaction does.
//   W3. It ends once. What comes later is refused: `fulfil` returns false, and the value stays its owner's.
//   W4. An ended wait keeps nothing: no timer, no listener on the signal.
//   W5. A rejection nobody looks at is not an unhandled rejection.
//   W6. Whoever races waits learns of an end in its own tick (`onEnd`), so no second one is fulfilled beside it.

import { CancelledError, InvalidOptionsError, TimeoutError } from '../errors.js'
import type { Clock } from './clock.js'
import { type Duration, formatMs, toInstant, toMs } from './duration.js'
import { checkOptionNames } from './option-names.js'

/** A promise that can be given up. `then` and async functions make plain promises of it. */
export interface Wait<T> extends Promise<T> {
  cancel(): void
}

export interface WaitOptions<Fallback = never> {
  /** Counts from the first time the wait is made; `0` looks once. */
  timeout?: Duration
  /** The same as an instant; the earlier of the two counts. Without either it waits for ever. */
  until?: Date
  signal?: AbortSignal
  /** Its result instead of a `TimeoutError`; for time-outs only. */
  fallback?: () => Fallback
}

/** For who checks that no option is misspelt. */
export const waitOptionNames: readonly string[] = [
  'timeout',
  'until',
  'signal',
  'fallback',
] satisfies (keyof WaitOptions)[]

/** @throws InvalidOptionsError for what is no options of a wait: a mere time-out, or a name that there is not. */
export function checkWaitOptions(options: unknown, what: string): void {
  if (typeof options === 'string' || typeof options === 'number') {
    throw new InvalidOptionsError(`${what} takes its options in an object: ${what}({ timeout: '5s' })`)
  }
  checkOptionNames(options, waitOptionNames, what)
}

export interface CreateWaitOptions<Fallback = never> extends WaitOptions<Fallback> {
  clock: Clock
  /** What is waited for, in words: `a callback of orders/berlin`. A function is asked at the time-out. */
  what: string | (() => string)
  /**
   * Runs when the wait ends by time-out, abort or cancel: give back its place. That can be within another wait's
   * `fulfil`, when both are in a race. A wait whose signal was aborted before it was made never began, and has no
   * place: ask `pending`.
   */
  onGiveUp?: (how: GivenUp) => void
}

export type GivenUp = Extract<WaitState, 'timed_out' | 'aborted' | 'cancelled'>

/** The side of a wait that its owner holds. */
export interface PendingWait<T, Fallback = never> {
  readonly wait: Wait<T | Fallback>
  readonly pending: boolean
  /** False: it had ended, and the value is still the caller's to hand on. */
  fulfil(value: T): boolean
  fail(error: unknown): boolean
  /** The first look came back empty. */
  nothingYet(): void
}

export type WaitState =
  | 'looking'
  | 'last_look'
  | 'waiting'
  | 'fulfilled'
  | 'failed'
  | 'timed_out'
  | 'aborted'
  | 'cancelled'
export type WaitEvent = 'found' | 'failed' | 'nothing' | 'deadline' | 'abort' | 'cancel'

/**
 * The life of one wait.
 *
 *   looking ──nothing──▶ waiting ────deadline──▶ timed_out
 *      └─────deadline──▶ last_look ──nothing───▶ timed_out
 *
 *   looking, last_look, waiting ──found───▶ fulfilled
 *                               ──failed──▶ failed
 *                               ──abort───▶ aborted
 *                               ──cancel──▶ cancelled
 *
 * The states on the right are final.
 */
export function advance(state: WaitState, event: WaitEvent): WaitState {
  if (isFinal(state)) return state

  switch (event) {
    case 'found':
      return 'fulfilled'
    case 'failed':
      return 'failed'
    case 'abort':
      return 'aborted'
    case 'cancel':
      return 'cancelled'
    case 'nothing':
      return state === 'last_look' ? 'timed_out' : 'waiting'
    case 'deadline':
      return state === 'waiting' ? 'timed_out' : 'last_look'
  }
}

export function isFinal(state: WaitState): boolean {
  return state !== 'looking' && state !== 'last_look' && state !== 'waiting'
}

function isGivenUp(state: WaitState): state is GivenUp {
  return state === 'timed_out' || state === 'aborted' || state === 'cancelled'
}

export function createWait<T, Fallback = never>(
  options: CreateWaitOptions<Fallback>,
): PendingWait<T, Fallback> {
  return new OwnedWait(options)
}

/**
 * Tells how a wait ends, in the tick in which it does, while reactions to a promise come later. Of a wait that is not
 * ours it tells as soon as its promise does.
 */
export function onEnd<T>(wait: Wait<T>, listener: EndListener<T>): void {
  const { [addEndListener]: add }: HearableWait<T> = wait
  if (add !== undefined) {
    add(listener)
  } else {
    wait.then(
      value => listener({ status: 'fulfilled', value }),
      (reason: unknown) => listener({ status: 'rejected', reason }),
    )
  }
}

type EndListener<T> = (result: PromiseSettledResult<T>) => void

const addEndListener = Symbol('addEndListener')

interface HearableWait<T> extends Wait<T> {
  readonly [addEndListener]?: (listener: EndListener<T>) => void
}

class OwnedWait<T, Fallback> implements PendingWait<T, Fallback> {
  readonly wait: Wait<T | Fallback>
  readonly #options: CreateWaitOptions<Fallback>
  readonly #deadline: Deadline | undefined
  #state: WaitState = 'looking'
  #settle!: EndListener<T | Fallback>
  #result: PromiseSettledResult<T | Fallback> | undefined
  #endListeners: EndListener<T | Fallback>[] = []
  #cancelTimer: (() => void) | undefined

  constructor(options: CreateWaitOptions<Fallback>) {
    check(options)
    this.#options = options
    this.#deadline = toDeadline(options)
    this.wait = this.#createPromise()

    if (options.signal?.aborted) {
      this.#state = advance(this.#state, 'abort')
      this.#publish({ status: 'rejected', reason: options.signal.reason })
      return
    }
    options.signal?.addEventListener('abort', this.#onAbort)
    if (this.#deadline !== undefined) {
      this.#cancelTimer = options.clock.setTimer(this.#deadline.at, () => this.#apply('deadline'))
    }
  }

  get pending(): boolean {
    return !isFinal(this.#state)
  }

  fulfil(value: T): boolean {
    return this.#apply('found', () => ({ status: 'fulfilled', value }))
  }

  fail(error: unknown): boolean {
    return this.#apply('failed', () => ({ status: 'rejected', reason: error }))
  }

  nothingYet(): void {
    // The timer of a deadline that has passed may still be behind us in the event loop.
    if (this.#state === 'looking' && this.#deadlineHasPassed()) this.#apply('deadline')
    this.#apply('nothing')
  }

  readonly #onAbort = () => {
    this.#apply('abort', () => ({ status: 'rejected', reason: this.#options.signal?.reason }))
  }

  readonly #onCancel = () => {
    this.#apply('cancel', () => ({ status: 'rejected', reason: new CancelledError() }))
  }

  /** False when the wait had ended before. Without a result given, an end is a time-out. */
  #apply(event: WaitEvent, result = () => this.#timedOut()): boolean {
    if (isFinal(this.#state)) return false

    this.#state = advance(this.#state, event)
    if (!isFinal(this.#state)) return true

    this.#cancelTimer?.()
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    try {
      if (isGivenUp(this.#state)) this.#options.onGiveUp?.(this.#state)
    } finally {
      this.#publish(result())
    }
    return true
  }

  #publish(result: PromiseSettledResult<T | Fallback>): void {
    this.#result = result
    this.#settle(result)
    const listeners = this.#endListeners
    this.#endListeners = []
    for (const listener of listeners) listener(result)
  }

  #timedOut(): PromiseSettledResult<T | Fallback> {
    const { what, fallback } = this.#options
    try {
      if (fallback !== undefined) return { status: 'fulfilled', value: fallback() }
    } catch (reason) {
      return { status: 'rejected', reason }
    }
    return {
      status: 'rejected',
      reason: new TimeoutError(
        `Timed out ${this.#deadline?.words()}, waiting for ${typeof what === 'string' ? what : what()}`,
      ),
    }
  }

  #deadlineHasPassed(): boolean {
    return this.#deadline !== undefined && this.#options.clock.monotonic() >= this.#deadline.at
  }

  #createPromise(): Wait<T | Fallback> {
    const promise = new Promise<T | Fallback>((resolve, reject) => {
      this.#settle = result => (result.status === 'fulfilled' ? resolve(result.value) : reject(result.reason))
    })
    promise.catch(() => {}) // W5: counts as looked at; whoever awaits it still gets the rejection

    // Properties of this one promise, not of a subclass: `then` makes plain promises.
    const properties: PropertyDescriptorMap = {
      cancel: { value: this.#onCancel },
      [addEndListener]: {
        value: (listener: EndListener<T | Fallback>) => {
          if (this.#result === undefined) this.#endListeners.push(listener)
          else listener(this.#result)
        },
      },
    }
    return Object.defineProperties(promise, properties) as Wait<T | Fallback>
  }
}

interface Deadline {
  /** A monotonic instant. */
  readonly at: number
  words(): string
}

function toDeadline({ clock, timeout, until }: CreateWaitOptions<unknown>): Deadline | undefined {
  const timeoutMs = timeout === undefined ? Number.POSITIVE_INFINITY : toMs(timeout, 'timeout')
  const untilMs = until === undefined ? Number.POSITIVE_INFINITY : toInstant(until, 0, 'until') - clock.now()
  if (timeout === undefined && until === undefined) return undefined

  return {
    at: clock.monotonic() + Math.min(timeoutMs, untilMs),
    words: () => (timeoutMs <= untilMs ? `after ${formatMs(timeoutMs)}` : `at ${until?.toISOString()}`),
  }
}

function check({ until, signal, fallback }: CreateWaitOptions<unknown>): void {
  if (until !== undefined && !(until instanceof Date)) throw new InvalidOptionsError('until must be a Date')
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new InvalidOptionsError('signal must be an AbortSignal')
  }
  checkFallback(fallback)
}

/** @throws InvalidOptionsError when it is there, and no function. */
export function checkFallback(fallback: unknown): void {
  if (fallback !== undefined && typeof fallback !== 'function') {
    throw new InvalidOptionsError('fallback must be a function')
  }
}
