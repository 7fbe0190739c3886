import { toMs } from '../core/duration.js'
import { checkOptionNames } from '../core/option-names.js'
import { checkWaitOptions, type Wait, type WaitOptions } from '../core/wait.js'
import { InvalidInputError, MalformedContentError } from '../errors.js'
import type { CallbackRecord } from '../model/callback.js'
import type { Payload } from '../model/payload.js'
import { type Received, StoredCallback } from '../model/received.js'
import { namesOf, type ReceiverRecord } from '../model/receiver.js'
import type { Callback } from '../model/scope.js'
import type { ConsumeOptions, Logger } from '../options.js'
import type { StoreSession } from '../store/store.js'
import { type Consumer, type Handler, Slots } from './consumer.js'
import { type FailedCallback, listFailed, toReceived } from './failed.js'
import type { Mailboxes } from './mailboxes.js'
import { CallbackLoop, type StreamOptions, waitForCallback } from './stream.js'

/**
 * A mailbox with a URL of its own.
 *
 * The handle is no promise, on purpose: `await server.spawn()` means that the URL is durable, not that the world has
 * answered.
 *
 * ```ts
 * const payment = await server.spawn('payment/7')
 * await fetch(provider, { method: 'POST', body: JSON.stringify({ webhook: payment.url }) })
 * const paid = await payment.next({ timeout: '1h' })
 * ```
 */
export interface Receiver<T> extends AsyncIterable<Callback<T>>, AsyncDisposable {
  readonly id: string
  readonly key?: string
  /** Hand this to the other party. Whoever knows it can post to it, so treat it as a secret. */
  readonly url: string
  /**
   * The oldest callback not handed out; `ack()` is yours to call. A handle has one wait: asking again cancels a pending
   * one, so a wait forgotten in a `Promise.race` steals nothing that comes later; what it was given before comes again
   * once your program has dropped it.
   *
   * @throws TimeoutError when nothing came in time and there is no `fallback`.
   * @throws ReceiverClosedError once it is closed or expired, and empty.
   * @throws ServerClosedError when the server closes.
   */
  next<F = never>(options?: WaitOptions<F>): Wait<Callback<T> | NoInfer<F>>
  /**
   * Like `for await` over the receiver: acknowledges when the loop asks for the next; left by `break` or `throw`,
   * releases. Ends when the receiver is closed or expired, and empty, when the server closes, or after `idle`.
   */
  stream(options?: StreamOptions): AsyncIterable<Callback<T>>
  /**
   * Calls the handler for each callback, and acknowledges when it returns. A handler that throws is tried again with
   * growing delays; then the callback is among `failed()`, and the others go on. With a workflow a run is started for each
   * callback, which is acknowledged in the same commit.
   *
   * @throws ServerClosedError when the server closes.
   */
  consume(handler: Handler<T>): Consumer
  consume(options: ConsumeOptions<T>, handler: Handler<T>): Consumer
  /**
   * Puts something in without HTTP: the result of a poll, a message from a queue. A `deliveryId` that came before is
   * accepted without effect.
   *
   * @throws ReceiverClosedError when it is closed or expired.
   * @throws InvalidInputError when the data do not fit the schema.
   * @throws MailboxFullError when as many callbacks as it may hold are unread.
   */
  accept(data: Payload, options?: { deliveryId?: string }): Promise<void>
  /** What was given up, in order of `seq`. */
  failed(): AsyncIterable<FailedCallback>
  /** `410` from now on, restarts included, until `reopen`. Lists what nobody has read, without taking it. */
  close(): Promise<Received<T>[]>
  /** Lets go of the handle. Closes the receiver only if it has no key. */
  [Symbol.asyncDispose](): Promise<void>
}

export interface ReceiverParts {
  readonly session: StoreSession
  readonly mailboxes: Mailboxes
  readonly logger: Logger
  readonly toUrl: () => string
  readonly accept: (data: Payload, options: { deliveryId?: string }) => Promise<void>
  /** Throws when the server has closed. */
  readonly checkOpen: () => void
  readonly isOpen: () => boolean
  /** Throws within the code of a scope, where what is read here would not be read again. */
  readonly checkUnscoped: (what: string) => void
  /** Throws where nothing is consumed: on a server that only accepts. */
  readonly checkWorking: () => void
  readonly onClosed: () => void
}

export class ReceiverHandle<T> implements Receiver<T> {
  readonly id: string
  declare readonly key?: string
  readonly #receiver: ReceiverRecord
  readonly #parts: ReceiverParts
  #wait: Wait<unknown> | undefined

  constructor(receiver: ReceiverRecord, parts: ReceiverParts) {
    this.#receiver = receiver
    this.id = receiver.id
    if (receiver.key !== undefined) this.key = receiver.key
    this.#parts = parts
  }

  get url(): string {
    return this.#parts.toUrl()
  }

  next<F = never>(options: WaitOptions<F> = {}): Wait<Callback<T> | F> {
    checkWaitOptions(options, 'next')
    this.#parts.checkUnscoped('Reading a receiver of the server')
    this.#wait?.cancel()
    const { wait } = waitForCallback<T, F>(this.#parts.mailboxes, this.#receiver, options)
    this.#wait = wait
    return wait
  }

  [Symbol.asyncIterator](): AsyncIterator<Callback<T>> {
    return this.stream()[Symbol.asyncIterator]()
  }

  stream(options: StreamOptions = {}): AsyncIterable<Callback<T>> {
    checkOptionNames(options, ['signal', 'idle'], 'stream')
    if (options.idle !== undefined) toMs(options.idle, 'idle')
    const { mailboxes, checkUnscoped } = this.#parts
    checkUnscoped('Reading a receiver of the server')
    return { [Symbol.asyncIterator]: () => new CallbackLoop<T>(mailboxes, this.#receiver, options) }
  }

  consume(handler: Handler<T>): Consumer
  consume(options: ConsumeOptions<T>, handler: Handler<T>): Consumer
  consume(...given: [Handler<T>] | [ConsumeOptions<T>, Handler<T>]): Consumer {
    const [options, handler] = given.length === 1 ? [{}, given[0]] : given
    const { mailboxes, checkUnscoped, checkWorking } = this.#parts
    checkUnscoped('Consuming a receiver of the server')
    checkWorking()
    mailboxes.checkServing()
    return new Slots<T>(mailboxes, this.#receiver, options, handler)
  }

  accept(data: Payload, options: { deliveryId?: string } = {}): Promise<void> {
    return this.#parts.accept(data, options)
  }

  failed(): AsyncIterable<FailedCallback> {
    const { session, mailboxes } = this.#parts
    return listFailed({ session, clock: mailboxes.clock }, this.id)
  }

  async close(): Promise<Received<T>[]> {
    const { session, mailboxes, logger, checkOpen, onClosed } = this.#parts
    checkOpen()
    const unread = await session.closeReceiver({ receiverId: this.id, now: mailboxes.clock.now() })
    onClosed()
    if (unread.length > 0)
      logger.info({ ...namesOf(this.#receiver), unread: unread.length }, 'closed with unread callbacks')
    return await Promise.all(unread.map(record => this.#read(record)))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#wait?.cancel()
    // With its server, a receiver without a key has ended already.
    if (this.key === undefined && this.#parts.isOpen()) await this.close()
  }

  /** Through the schema where it fits; a callback that does not fit is listed all the same, with its data as they are. */
  async #read(record: CallbackRecord): Promise<Received<T>> {
    try {
      return new StoredCallback<T>(record, (await this.#parts.mailboxes.read(this.#receiver, record)) as T)
    } catch (error) {
      if (!(error instanceof InvalidInputError || error instanceof MalformedContentError)) throw error
      return (await toReceived(record)) as Received<T>
    }
  }
}
