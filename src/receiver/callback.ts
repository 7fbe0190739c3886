import { type Duration, toMs } from '../core/duration.js'
import { LeaseLostError } from '../errors.js'
import type { Claim, ClaimedCallback } from '../model/callback.js'
import type { Answer } from '../model/code.js'
import type { MemoryKey } from '../model/memory.js'
import { namesOf, type ReceiverRecord } from '../model/receiver.js'
import type { Scope } from '../model/scope.js'
import { ScopedCallback } from '../model/scoped-callback.js'
import type { Prepared } from './mailbox.js'
import type { Settler } from './settler.js'

/** What a callback needs of the server: answering is the business of whoever holds the sender's connection. */
export type Respond = (
  receiver: ReceiverRecord,
  callback: { readonly id: string; readonly receivedAt: number },
  answer: Answer,
) => Promise<boolean>

/** How the verbs of a callback work is the business of scopes. */
export interface CallbackScope {
  readonly verbs: Scope
  /** Resolves when the code of this entry has been dropped where it waits. */
  readonly dropped: Promise<void>
  /** Waits for what was begun and not awaited; gives up waits. */
  close(): Promise<void>
  /** The entry is over. */
  end(reason: Error): void
  /** The memory that an error came from. */
  blameOf(error: unknown): MemoryKey | undefined
  /** The key of the step that an error came from, if it was one. */
  stepBehind(error: unknown): string | undefined
}

export interface CallbackScopes {
  open(claimed: {
    readonly claim: Claim
    readonly record: ClaimedCallback
    /** What an operator knows the hand-out by. */
    readonly names: object
    /** What becomes of code whose entry is over: it stops where it is, or its verbs reject. */
    readonly whenOver: 'stops' | 'rejects'
  }): CallbackScope
  /** Runs the handler of a callback as code of its scope. */
  run<T>(callbackId: string, handler: () => T): T
}

/**
 * One hand-out.
 *
 *   held ──ack──▶ acknowledged
 *    └───release──▶ released
 *
 * The first end stands: later calls find it ended and do nothing. Its verbs are a scope, made for the first of them.
 */
export class HandedOut<T> extends ScopedCallback<T> {
  readonly attempt: number
  /** How many hand-outs before this one ended with a handler that threw. */
  readonly failures: number
  readonly #receiver: ReceiverRecord
  readonly #prepared: Prepared
  readonly #parts: HandedOutParts
  readonly #scope: { opened?: CallbackScope; whenOver: 'stops' | 'rejects' }
  readonly #controller = new AbortController()
  readonly #ended: Promise<void>
  #onEnd: () => void = () => {}
  #end: Promise<boolean> | undefined
  #endedBy: 'ack' | 'release' | undefined
  #abandoned: Error | undefined

  constructor(receiver: ReceiverRecord, prepared: Prepared, parts: HandedOutParts) {
    const scope: { opened?: CallbackScope; whenOver: 'stops' | 'rejects' } = { whenOver: 'rejects' }
    super(prepared.record, prepared.data as T, () => {
      const { claim, record } = prepared
      const names = namesOfHandOut(receiver, record)
      scope.opened = parts.scopes.open({ claim, record, names, whenOver: scope.whenOver })
      if (this.#abandoned !== undefined) scope.opened.end(this.#abandoned)
      else if (this.#end !== undefined) void scope.opened.close()
      // The store may say that the entry is over before the node knows: whoever waits for this hand-out goes on.
      else void scope.opened.dropped.then(() => this.#lost())
      return scope.opened.verbs
    })
    this.#receiver = receiver
    this.attempt = prepared.record.attempt
    this.failures = prepared.record.failures
    this.#prepared = prepared
    this.#parts = parts
    this.#scope = scope
    this.#ended = new Promise(resolve => {
      this.#onEnd = resolve
    })
  }

  get startedAt(): Date {
    return new Date(this.#prepared.record.startedAt)
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

  /**
   * Runs its handler: as code of its scope, which stops where it waits when the entry is over. Tells how it went, or that
   * it was dropped.
   */
  async handle(handler: () => Promise<void> | void): Promise<'handled' | 'dropped'> {
    this.#scope.whenOver = 'stops'
    const running = this.#parts.scopes.run(this.id, async () => handler())
    const first = await Promise.race([running.then(() => 'handled' as const), this.#dropped(running)])
    if (first === 'handled') await this.#scope.opened?.close()
    return first
  }

  blameOf(error: unknown): MemoryKey | undefined {
    return this.#scope.opened?.blameOf(error)
  }

  stepBehind(error: unknown): string | undefined {
    return this.#scope.opened?.stepBehind(error)
  }

  /** Which end its handler has chosen, if it has. */
  get endedBy(): 'ack' | 'release' | undefined {
    return this.#endedBy
  }

  async ack(): Promise<void> {
    if (this.#end === undefined) this.#endedBy = 'ack'
    const stillOurs = await this.settle(settler => settler.acknowledge(this.#prepared.claim))
    if (stillOurs) return
    this.#endedBy = undefined
    throw (
      this.#abandoned ??
      new LeaseLostError(`Callback ${this.id} had been taken over; it may be handled twice`)
    )
  }

  async release({ delay }: { delay?: Duration } = {}): Promise<void> {
    const delayMs = delay === undefined ? 0 : toMs(delay, 'delay')
    if (this.#end === undefined) this.#endedBy = 'release'
    await this.settle(settler => settler.release(this.#prepared.claim, { as: 'counted', delayMs }))
  }

  respond(answer: Answer): Promise<boolean> {
    const { id, receivedAt } = this.#prepared.record
    return this.#parts.respond(this.#receiver, { id, receivedAt }, answer)
  }

  /** Ends the hand-out in the given way, unless it has ended: the first end stands. */
  settle(how: (settler: Settler, claim: Prepared['claim']) => Promise<boolean>): Promise<boolean> {
    if (this.#end === undefined) {
      const { settler } = this.#parts
      const { opened } = this.#scope
      const tell = () => how(settler, this.#prepared.claim)
      // Told at once where nothing is under way: it shares the commit of the claim that follows.
      this.#end = opened === undefined ? tell() : opened.close().then(tell)
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
    this.#scope.opened?.end(reason)
    this.#onEnd()
  }

  #lost(): void {
    if (this.#end === undefined) this.abandon(new LeaseLostError())
  }

  /** A handler that was dropped in its scope never returns. */
  async #dropped(running: Promise<void>): Promise<'dropped'> {
    await this.#ended
    const { opened } = this.#scope
    await (opened === undefined ? running : Promise.race([running, opened.dropped]))
    return 'dropped'
  }
}

interface HandedOutParts {
  readonly settler: Settler
  readonly respond: Respond
  readonly scopes: CallbackScopes
}

/** What an operator knows one hand-out of a callback by: facts of a log line. */
export function namesOfHandOut(
  receiver: ReceiverRecord,
  { id: callbackId, seq, attempt }: ClaimedCallback,
): object {
  return { ...namesOf(receiver), callbackId, seq, attempt }
}
