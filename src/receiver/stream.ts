import type { Duration } from '../core/duration.js'
import { createWait, type PendingWait, type WaitOptions } from '../core/wait.js'
import { ReceiverClosedError, ServerClosedError } from '../errors.js'
import type { ReceiverRecord } from '../model/receiver.js'
import type { Callback } from '../model/scope.js'
import type { HandedOut } from './callback.js'
import type { Place } from './mailbox.js'
import type { Mailboxes } from './mailboxes.js'

export interface StreamOptions {
  /** Aborted, the loop rejects with the signal's reason, and what it held is released. */
  signal?: AbortSignal
  /** Ends the loop when nothing has come for so long. */
  idle?: Duration
}

/** What the loop finds instead of a callback when it has been idle for long enough. */
const IDLE = Symbol('idle')

/** A wait for one callback, with its place in a queue: given up in any way, it is out of the queue in that tick. */
export function waitForCallback<T, F = never>(
  mailboxes: Mailboxes,
  receiver: ReceiverRecord,
  options: WaitOptions<F> = {},
  queue: (place: Place) => () => void = place => mailboxes.take(receiver, place),
): PendingWait<HandedOut<T>, F> {
  let leave: (() => void) | undefined
  const pending = createWait<HandedOut<T>, F>({
    ...options,
    clock: mailboxes.clock,
    what: () => `a callback of ${receiver.key ?? receiver.id}${inHand(mailboxes.heldOf(receiver.id).length)}`,
    onGiveUp: () => leave?.(),
  })
  if (!pending.pending) return pending
  leave = queue({
    offer: prepared => pending.pending && pending.fulfil(mailboxes.handOut<T>(receiver, prepared)),
    nothingYet: () => pending.nothingYet(),
    end: error => void pending.fail(error),
  })
  return pending
}

/** Who waits for the next with one unacknowledged may have forgotten it. */
function inHand(count: number): string {
  return count === 0 ? '' : ` (${count} ${count === 1 ? 'is' : 'are'} in hand and not acknowledged)`
}

/** One loop over a receiver: what it was handed is acknowledged when it asks for the next. */
export class CallbackLoop<T> implements AsyncIterator<Callback<T>> {
  readonly #mailboxes: Mailboxes
  readonly #receiver: ReceiverRecord
  readonly #options: StreamOptions
  #held: HandedOut<T> | undefined
  #waiting: PendingWait<HandedOut<T>, typeof IDLE> | undefined
  #done = false

  constructor(mailboxes: Mailboxes, receiver: ReceiverRecord, options: StreamOptions) {
    this.#mailboxes = mailboxes
    this.#receiver = receiver
    this.#options = options
  }

  async next(): Promise<IteratorResult<Callback<T>>> {
    if (this.#done) return { done: true, value: undefined }
    // Not awaited: it joins the commit of the claim that follows. A crash in between repeats, and loses nothing.
    if (this.#held !== undefined) this.#mailboxes.acknowledge(this.#held)
    this.#held = undefined
    try {
      const found = await this.#wait()
      if (found !== IDLE) {
        this.#held = found
        this.#mailboxes.track(found.ended)
        return { done: false, value: found }
      }
    } catch (error) {
      const left = this.#done
      this.#done = true
      const ended = error instanceof ReceiverClosedError || error instanceof ServerClosedError
      if (!ended && !left) throw error
    }
    this.#done = true
    return { done: true, value: undefined }
  }

  /** Left by `break` or `throw`: what the loop held comes again at once. */
  async return(): Promise<IteratorResult<Callback<T>>> {
    this.#done = true
    this.#waiting?.wait.cancel()
    await this.#held?.release()
    this.#held = undefined
    return { done: true, value: undefined }
  }

  async #wait(): Promise<HandedOut<T> | typeof IDLE> {
    const { idle, signal } = this.#options
    this.#waiting = waitForCallback<T, typeof IDLE>(this.#mailboxes, this.#receiver, {
      ...(signal === undefined ? {} : { signal }),
      ...(idle === undefined ? {} : { timeout: idle, fallback: () => IDLE }),
    })
    return await this.#waiting.wait
  }
}
