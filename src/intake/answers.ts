import { after, type Clock } from '../core/clock.js'
import { within } from '../core/within.js'
import type { StoredAnswer } from '../model/callback.js'
import type { Answer } from '../model/code.js'
import { namesOf, type ReceiverRecord } from '../model/receiver.js'
import type { Logger } from '../options.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import { ACCEPTED, type Reply, toReply, toStoredAnswer } from './reply.js'

/** A callback that was accepted, for which an answer is still to be found. */
export interface Unanswered {
  readonly callbackId: string
  readonly receiver: ReceiverRecord
  readonly receivedAt: number
  readonly respondTimeoutMs: number
  /** How long, from then on, repetitions may ask for the answer. */
  readonly dedupeWindowMs: number
}

interface Waiter {
  /** Its time is over: it takes what there is, and 202 if there is nothing. */
  late: boolean
  readonly dedupeWindowMs: number
  readonly look: () => void
  readonly giveUp: () => void
  readonly finish: (reply: Reply) => void
}

interface AnswersParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly logger: Logger
}

// What senders read of callbacks whose answer is not known when they are accepted: computed, or given by hand.
//
// Owns:   who waits here for which answer, and until when.
// Leaves: the answer itself to the store, where the first one stands.
//
//   A1. A sender reads what the store has as the first answer, so its repetitions read the same.
//   A2. A wait looks once when it begins, so no answer is missed that came before it.
//   A3. When nobody has answered in time, the answer is 202, and that is recorded like any other.
//   A4. A store that fails costs the answer, never the callback: that is durable, and its sender reads 202.
export class Answers {
  readonly #parts: AnswersParts
  readonly #waiting = new Map<string, Set<Waiter>>()
  /** Callbacks whose answer is being recorded here: who waits for it is told by us, with its whole body. */
  readonly #recording = new Map<string, number>()
  #closed = false

  constructor(parts: AnswersParts) {
    this.#parts = parts
  }

  /** Waits for the first answer. A sender that leaves ends its wait, and nothing else. */
  wait(
    callback: Unanswered,
    sender: { readonly gone: boolean; onGone(listener: () => void): () => void },
  ): Promise<Reply> {
    const { watch, clock } = this.#parts
    const { callbackId, dedupeWindowMs } = callback
    if (sender.gone) return Promise.resolve(ACCEPTED)
    return new Promise(resolve => {
      const waiter: Waiter = {
        late: false,
        dedupeWindowMs,
        look: () => void this.#look(callback, waiter),
        giveUp: () => void this.#giveUp(callback, waiter),
        finish: reply => {
          if (!this.#remove(callbackId, waiter)) return
          for (const stop of stops) stop()
          resolve(reply)
        },
      }
      this.#add(callbackId, waiter)
      const leftMs = Math.max(0, callback.receivedAt + callback.respondTimeoutMs - clock.now())
      const stops = [
        watch.watch({ kind: 'answer', id: callbackId }, waiter.look),
        sender.onGone(() => waiter.finish(ACCEPTED)),
        after(clock, leftMs, waiter.giveUp),
      ]
      if (this.#closed) waiter.giveUp()
      else waiter.look()
    })
  }

  /** Computes the answer of a callback, once it is durable. */
  async compute(callback: Unanswered, respond: () => Reply | Promise<Reply>): Promise<Reply> {
    const { clock, logger } = this.#parts
    const { respondTimeoutMs } = callback
    let reply = ACCEPTED
    try {
      reply = await within(clock, respondTimeoutMs, 'respond', respond())
    } catch (error) {
      logger.error(
        { ...factsOf(callback), err: error },
        'respond failed; the sender reads 202, and the callback is kept',
      )
    }
    return this.#record(callback, reply)
  }

  /**
   * Answers by hand. The first answer stands. `true` when it was this one and its sender reads it; `false` when the
   * sender is gone or has its answer.
   *
   * The answer is kept for as long as repetitions are recognised: by the window that the request was judged by, where its
   * sender waits here, else by the settings of the receiver that the callback was read from. Those may have changed in
   * between; and where they name a source that is not declared in this process, the default has to do.
   *
   * @throws InvalidOptionsError for an answer that cannot be sent.
   */
  async respond(
    callback: { readonly id: string; readonly receivedAt: number; readonly dedupeWindowMs: number },
    answer: Answer,
  ): Promise<boolean> {
    const { id: callbackId, receivedAt } = callback
    const reply = await toReply(answer)
    const { dedupeWindowMs } = this.#waitersOf(callbackId)[0] ?? callback
    const until = receivedAt + dedupeWindowMs

    this.#recording.set(callbackId, (this.#recording.get(callbackId) ?? 0) + 1)
    let recorded = false
    try {
      recorded = await this.#parts.session.answer({ callbackId, answer: toStoredAnswer(reply), until })
    } finally {
      const others = (this.#recording.get(callbackId) ?? 1) - 1
      if (others === 0) this.#recording.delete(callbackId)
      else this.#recording.set(callbackId, others)
      if (!recorded) for (const { look } of this.#waitersOf(callbackId)) look()
    }
    const waiters = recorded ? this.#waitersOf(callbackId) : []
    for (const { finish } of waiters) finish(reply)
    return waiters.length > 0
  }

  /** Whoever waits, or comes to wait, reads 202 unless there is an answer: nobody will answer here any more. */
  giveUpAll(): void {
    this.#closed = true
    for (const waiters of [...this.#waiting.values()]) for (const { giveUp } of [...waiters]) giveUp()
  }

  async #look(callback: Unanswered, waiter: Waiter): Promise<void> {
    const { callbackId } = callback
    let found: StoredAnswer | undefined
    try {
      found = await this.#parts.session.findAnswer({ callbackId })
    } catch (error) {
      this.#parts.logger.warn(
        { ...factsOf(callback), err: error },
        'could not look for an answer; looking again later',
      )
    }
    if (this.#recording.has(callbackId)) return
    if (found !== undefined) waiter.finish(found)
    else if (waiter.late) waiter.finish(ACCEPTED)
  }

  /** Until the store has taken the 202, an answer that comes in the same moment can still be the first. */
  async #giveUp(callback: Unanswered, waiter: Waiter): Promise<void> {
    waiter.late = true
    const reply = await this.#record(callback, ACCEPTED)
    if (!this.#recording.has(callback.callbackId)) waiter.finish(reply)
  }

  /** The answer that stands: this one, or the one that was there before. */
  async #record(callback: Unanswered, reply: Reply): Promise<StoredAnswer> {
    const { session, logger } = this.#parts
    const { callbackId, receivedAt, dedupeWindowMs } = callback
    const until = receivedAt + dedupeWindowMs
    try {
      if (await session.answer({ callbackId, answer: toStoredAnswer(reply), until })) return reply
      return (await session.findAnswer({ callbackId })) ?? reply
    } catch (error) {
      logger.error(
        { ...factsOf(callback), err: error },
        'an answer could not be recorded; repetitions may get another one',
      )
      return reply
    }
  }

  #waitersOf(callbackId: string): readonly Waiter[] {
    return [...(this.#waiting.get(callbackId) ?? [])]
  }

  #add(callbackId: string, waiter: Waiter): void {
    const waiters = this.#waiting.get(callbackId) ?? new Set()
    this.#waiting.set(callbackId, waiters.add(waiter))
  }

  #remove(callbackId: string, waiter: Waiter): boolean {
    const waiters = this.#waiting.get(callbackId)
    const there = waiters?.delete(waiter) ?? false
    if (waiters?.size === 0) this.#waiting.delete(callbackId)
    return there
  }
}

/** What an operator knows it by. */
function factsOf({ receiver, callbackId }: Unanswered): object {
  return { ...namesOf(receiver), callbackId }
}
