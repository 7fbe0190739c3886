import { type RetrySettings, retryDelay, toRetrySettings } from '../core/backoff.js'
import { sha256Hex } from '../core/bytes.js'
import { random } from '../core/clock.js'
import { checkOptionNames } from '../core/option-names.js'
import type { PendingWait } from '../core/wait.js'
import {
  CancelledError,
  InvalidOptionsError,
  NonRetryableError,
  ReceiverClosedError,
  ServerClosedError,
} from '../errors.js'
import type { CallbackRecord } from '../model/callback.js'
import { type Received, StoredCallback } from '../model/received.js'
import type { ReceiverRecord } from '../model/receiver.js'
import type { Callback, Workflow } from '../model/scope.js'
import { type ConsumeOptions, DEFAULTS } from '../options.js'
import type { HandedOut } from './callback.js'
import type { Mailboxes } from './mailboxes.js'
import { waitForCallback } from './stream.js'

export type Handler<T> = ((callback: Callback<T>) => Promise<void> | void) | Workflow<T, unknown>

/** What becomes of a callback in a slot; `handled`: it is still to be acknowledged. */
type Work<T> = (callback: HandedOut<T>) => Promise<'handled' | 'over'>

/** A handler at work on a receiver. */
export interface Consumer extends AsyncDisposable {
  /** Takes no more, and waits for the handlers under way. */
  stop(): Promise<void>
}

// The handlers of one `consume`: as many slots as its concurrency, each taking one callback after the other.
//
// Owns:   its slots, and what becomes of a callback whose handler threw.
// Leaves: the queue (mailbox), telling the store (settler).
//
//   C1. A callback is acknowledged when its handler has returned, and not before; for a workflow, with the start of its run,
//       in one commit.
//   C2. A handler that throws has its callback retried with growing delays, then set aside; the others go on.
//   C3. With `orderBy` the store keeps one callback of a group in hand at a time, for the whole cluster.
//   C4. `stop` takes no more and waits for the handlers under way; a server that closes does the same, for its grace.
export class Slots<T> implements Consumer {
  readonly #mailboxes: Mailboxes
  readonly #receiver: ReceiverRecord
  readonly #workOn: Work<T>
  readonly #retry: RetrySettings
  readonly #waits = new Set<PendingWait<HandedOut<T>>>()
  readonly #wait: () => PendingWait<HandedOut<T>>
  readonly #closeQueue: () => void
  readonly #finished: Promise<unknown>
  /** Callbacks whose group could not be told, and why. */
  readonly #unsortable = new Map<string, Error>()
  #stopping = false

  constructor(
    mailboxes: Mailboxes,
    receiver: ReceiverRecord,
    options: ConsumeOptions<T>,
    handler: Handler<T>,
  ) {
    checkOrder(options)
    checkOptionNames(options, ['concurrency', 'retry', 'orderBy', 'key'], 'consume')
    const concurrency = options.concurrency ?? DEFAULTS.consumeConcurrency
    if (!Number.isInteger(concurrency) || concurrency < 1) {
      throw new InvalidOptionsError(`concurrency must be a whole number of at least 1; got ${concurrency}`)
    }
    this.#mailboxes = mailboxes
    this.#receiver = receiver
    this.#retry = toRetrySettings(options.retry, DEFAULTS.consumeRetry, 'retry')
    const { orderBy } = options
    const work = toWork(mailboxes, handler, options)
    if (orderBy === undefined) {
      this.#workOn = work
      this.#wait = () => waitForCallback<T>(mailboxes, receiver)
      this.#closeQueue = () => undefined
    } else {
      this.#workOn = async callback => {
        // Without its group it may not run beside the others of it, so it is set aside. Where the group was asked for by
        // another process, it is asked for again.
        const unsortable = this.#unsortable.get(callback.id) ?? attempt(() => groupIn(orderBy, callback))
        this.#unsortable.delete(callback.id)
        if (unsortable !== undefined) throw unsortable
        return await work(callback)
      }
      const queue = mailboxes.openGrouped(receiver, record => this.#groupOf(record, orderBy))
      this.#wait = () => waitForCallback<T>(mailboxes, receiver, {}, place => queue.take(place))
      this.#closeQueue = () => mailboxes.closeGrouped(queue)
    }
    this.#finished = Promise.all(Array.from({ length: concurrency }, () => this.#work()))
    mailboxes.track(this.#finished)
  }

  async stop(): Promise<void> {
    this.#stopping = true
    for (const pending of [...this.#waits]) pending.wait.cancel()
    await this.#finished
    this.#closeQueue()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  async #work(): Promise<void> {
    while (!this.#stopping) {
      const callback = await this.#next()
      if (callback === undefined) return
      await this.#handle(callback)
    }
  }

  async #next(): Promise<HandedOut<T> | undefined> {
    const pending = this.#wait()
    this.#waits.add(pending)
    try {
      return await pending.wait
    } catch (error) {
      const over = [CancelledError, ReceiverClosedError, ServerClosedError].some(
        kind => error instanceof kind,
      )
      if (over) return undefined
      throw error
    } finally {
      this.#waits.delete(pending)
    }
  }

  async #handle(callback: HandedOut<T>): Promise<void> {
    try {
      if ((await this.#workOn(callback)) === 'over') return
    } catch (error) {
      return this.#failed(callback, error)
    }
    // Not awaited: it joins the commit of the claim that follows.
    this.#mailboxes.acknowledge(callback)
  }

  #failed(callback: HandedOut<T>, error: unknown): void {
    if (callback.endedBy !== undefined) {
      this.#failedLate(callback, error)
      return
    }
    const elapsedMs = this.#mailboxes.clock.now() - callback.startedAt.getTime()
    // What is remembered fails again: trying again would change nothing.
    const blamed = callback.blameOf(error)
    const retryInMs =
      error instanceof NonRetryableError || blamed !== undefined
        ? undefined
        : retryDelay(this.#retry, { attempt: callback.failures + 1, elapsedMs, random })
    const { settler, logger } = this.#mailboxes
    const step = callback.stepBehind(error)
    const facts = { ...callback.names, ...(step === undefined ? {} : { step }), err: error }
    if (retryInMs === undefined) logger.warn(facts, 'the handler of a callback failed; it is set aside')
    else logger.warn({ ...facts, retryInMs }, 'the handler of a callback failed; it is tried again')
    const told = callback.settle((_, claim) =>
      retryInMs === undefined
        ? settler.giveUp(claim, 'handler', error, blamed)
        : settler.release(claim, { as: 'failure', delayMs: retryInMs }),
    )
    settler.inBackground(told)
  }

  /** Its handler has said before what becomes of it, and that stands. */
  #failedLate({ names, endedBy }: HandedOut<T>, error: unknown): void {
    const end = endedBy === 'ack' ? 'after ack(); it is not tried again' : 'after release(); it comes again'
    this.#mailboxes.logger.warn({ ...names, err: error }, `the handler of a callback failed ${end}`)
  }

  async #groupOf(record: CallbackRecord, orderBy: (callback: Received<T>) => string): Promise<string> {
    // A group of its own where there is none: it is handed out, found wanting there, and set aside with the reason.
    let callback: Received<T>
    try {
      callback = new StoredCallback(record, (await this.#mailboxes.read(this.#receiver, record)) as T)
    } catch {
      return record.id
    }
    try {
      return sha256Hex(groupIn(orderBy, callback))
    } catch (error) {
      this.#unsortable.set(record.id, unsortable(error))
      return record.id
    }
  }
}

/** @throws InvalidOptionsError where handler and options have changed places. */
function checkOrder(options: unknown): void {
  const isWorkflow = typeof options === 'object' && options !== null && 'start' in options
  if (typeof options !== 'function' && !isWorkflow) return
  throw new InvalidOptionsError('consume takes its options first: consume({ concurrency: 10 }, handler)')
}

function toWork<T>(mailboxes: Mailboxes, handler: Handler<T>, { key }: ConsumeOptions<T>): Work<T> {
  if (typeof handler === 'function') {
    if (key !== undefined) {
      throw new InvalidOptionsError('key names the run of a workflow; consume with a function has none')
    }
    return async callback => {
      const went = await callback.handle(() => handler(callback))
      return went === 'handled' ? 'handled' : 'over'
    }
  }
  if (typeof handler?.name !== 'string') {
    throw new InvalidOptionsError('consume needs a function to handle callbacks with, or a workflow')
  }
  return async callback => {
    const named = key === undefined ? callback.id : key(callback)
    const begin = await mailboxes.prepareRun(handler, named, callback.data)
    await callback.settle((settler, claim) => settler.startRun(() => begin(claim)))
    return 'over'
  }
}

function groupIn<T>(orderBy: (callback: Received<T>) => unknown, callback: Received<T>): string {
  const group = orderBy(callback)
  if (typeof group === 'string') return group
  throw new InvalidOptionsError(`orderBy must return a string; got ${group === null ? 'null' : typeof group}`)
}

function attempt(work: () => unknown): Error | undefined {
  try {
    work()
    return undefined
  } catch (error) {
    return unsortable(error)
  }
}

function unsortable(error: unknown): Error {
  const why = error instanceof Error ? error.message : 'orderBy threw'
  return new NonRetryableError(`The callback has no place in the order: ${why}`, { cause: error })
}
