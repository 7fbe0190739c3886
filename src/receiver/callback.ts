import { type Duration, toMs } from '../core/duration.js'
import { LeaseLostError } from '../errors.js'
import type { ClaimedCallback } from '../model/callback.js'
import type { Answer } from '../model/code.js'
import { type Received, StoredCallback } from '../model/received.js'
import { namesOf, type ReceiverRecord } from '../model/receiver.js'
import type { Prepared } from './mailbox.js'
import type { Settler } from './settler.js'

/** A callback in your hands: handed to nobody else until you acknowledge it, release it, or your process is gone. */
export interface Callback<T> extends Received<T> {
  /** 1 the first time it is handed out. */
  readonly attempt: number
  /** Aborted when it is no longer yours: hand it to what you await while handling it. */
  readonly signal: AbortSignal
  /**
   * It is handled, and never comes again. Loops and `consume` do it for you.
   *
   * @throws LeaseLostError when it had been taken over by somebody else.
   * @throws ServerClosedError when the server closed before it could be told.
   */
  ack(): Promise<void>
  /** Gives it back: it comes again before anything newer, or after `delay`. */
  release(options?: { delay?: Duration }): Promise<void>
  /**
   * What the sender reads, for receivers with `respond: 'manual'`. The first answer stands; repetitions of the request
   * get it too. `false` when the sender is gone or has its answer.
   */
  respond(answer: Answer): Promise<boolean>
}

/** What a callback needs of the server: answering is the business of whoever holds the sender's connection. */
export type Respond = (
  receiver: ReceiverRecord,
  callback: { readonly id: string; readonly receivedAt: number },
  answer: Answer,
) => Promise<boolean>

/**
 * One hand-out.
 *
 *   held ──ack──▶ acknowledged
 *    └───release──▶ released
 *
 * The first end stands: later calls find it ended and do nothing.
 */
export class HandedOut<T> extends StoredCallback<T> implements Callback<T> {
  readonly attempt: number
  /** How many hand-outs before this one ended with a handler that threw. */
  readonly failures: number
  readonly #receiver: ReceiverRecord
  readonly #prepared: Prepared
  readonly #settler: Settler
  readonly #respond: Respond
  readonly #controller = new AbortController()
  readonly #ended: Promise<void>
  #onEnd: () => void = () => {}
  #end: Promise<boolean> | undefined
  #abandoned: Error | undefined

  constructor(
    receiver: ReceiverRecord,
    prepared: Prepared,
    parts: { readonly settler: Settler; readonly respond: Respond },
  ) {
    super(prepared.record, prepared.data as T)
    this.#receiver = receiver
    this.attempt = prepared.record.attempt
    this.failures = prepared.record.failures
    this.#prepared = prepared
    this.#settler = parts.settler
    this.#respond = parts.respond
    this.#ended = new Promise(resolve => {
      this.#onEnd = resolve
    })
  }

  /** What an operator knows it by. */
  get names(): object {
    return namesOfHandOut(this.#receiver, this.#prepared.record)
  }

  /** Resolves when the hand-out is over, and the store has been told. */
  get ended(): Promise<void> {
    return this.#ended
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  async ack(): Promise<void> {
    const stillOurs = await this.settle(settler => settler.acknowledge(this.#prepared.claim))
    if (stillOurs) return
    throw (
      this.#abandoned ??
      new LeaseLostError(`Callback ${this.id} had been taken over; it may be handled twice`)
    )
  }

  async release({ delay }: { delay?: Duration } = {}): Promise<void> {
    const delayMs = delay === undefined ? 0 : toMs(delay, 'delay')
    await this.settle(settler => settler.release(this.#prepared.claim, { as: 'counted', delayMs }))
  }

  respond(answer: Answer): Promise<boolean> {
    const { id, receivedAt } = this.#prepared.record
    return this.#respond(this.#receiver, { id, receivedAt }, answer)
  }

  /** Ends the hand-out in the given way, unless it has ended: the first end stands. */
  settle(how: (settler: Settler, claim: Prepared['claim']) => Promise<boolean>): Promise<boolean> {
    if (this.#end === undefined) {
      this.#end = how(this.#settler, this.#prepared.claim)
      const over = () => this.#onEnd()
      this.#end.then(over, over)
    }
    return this.#end
  }

  /** The entry is over without an end of its own: the server closes, or the lease is lost. */
  abandon(reason: Error): void {
    if (this.#end === undefined) {
      this.#abandoned = reason
      this.#end = Promise.resolve(false)
    }
    this.#controller.abort(reason)
    this.#onEnd()
  }
}

/** What an operator knows one hand-out of a callback by: facts of a log line. */
export function namesOfHandOut(
  receiver: ReceiverRecord,
  { id: callbackId, seq, attempt }: ClaimedCallback,
): object {
  return { ...namesOf(receiver), callbackId, seq, attempt }
}
