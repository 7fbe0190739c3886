import type { StandardSchemaV1 as Schema } from '@standard-schema/spec'
import type { Clock } from '../core/clock.js'
import { CancelledError, InvalidInputError, ReceiverClosedError, ServerClosedError } from '../errors.js'
import type { CallbackRecord, Claim } from '../model/callback.js'
import { MalformedContentError } from '../model/content.js'
import { readData } from '../model/received.js'
import type { ReceiverRecord } from '../model/receiver.js'
import type { Logger, Observation } from '../options.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import { HandedOut, type Respond } from './callback.js'
import { type Claimed, Mailbox, type Place, type Prepared } from './mailbox.js'
import { Settler } from './settler.js'

export interface MailboxesParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly epoch: () => number
  readonly respond: Respond
  /** The schema that applies to a receiver's callbacks in this process, if one is loaded. */
  readonly schemaFor: (receiver: ReceiverRecord) => Schema | undefined
  readonly observe: (event: Observation) => void
  readonly logger: Logger
  readonly onError: (error: unknown) => void
}

// The mailboxes that somebody reads in this process, and what they have handed out.
//
// Owns:   one mailbox for each receiver that is being read, and the list of callbacks in somebody's hands.
// Leaves: queues and claims (mailbox), telling the store how a hand-out ended (settler).
//
//   B1. All readers of a receiver share one queue, so who asked first is served first; readers in groups have their own.
//   B2. A mailbox that nobody reads is forgotten: a million open receivers cost nothing here.
//   B3. A callback that its reader has dropped without an end (a wait forgotten in a `Promise.race` can hold one) is given
//       back when the garbage collector finds it, not only when the process is gone.
export class Mailboxes {
  readonly #parts: MailboxesParts
  readonly settler: Settler
  readonly #shared = new Map<string, Mailbox>()
  readonly #grouped = new Set<Mailbox>()
  readonly #handedOut = new Map<string, WeakRef<HandedOut<unknown>>>()
  readonly #forgotten: FinalizationRegistry<Claim>
  readonly #work = new Set<Promise<unknown>>()
  #closed: Error | undefined

  constructor(parts: MailboxesParts) {
    this.#parts = parts
    this.settler = new Settler(parts)
    this.#forgotten = new FinalizationRegistry(claim => this.#giveBack(claim))
  }

  get clock(): Clock {
    return this.#parts.clock
  }

  /** Queues a place at a receiver. Returns how to give it up. */
  take(receiver: ReceiverRecord, place: Place): () => void {
    const mailbox = this.#shared.get(receiver.id) ?? this.#create(receiver)
    this.#shared.set(receiver.id, mailbox)
    return mailbox.take(place)
  }

  /** A queue of one's own, for callbacks read one at a time within each group. */
  openGrouped(receiver: ReceiverRecord, groupOf: (callback: CallbackRecord) => Promise<string>): Mailbox {
    const mailbox = this.#create(receiver, groupOf)
    this.#grouped.add(mailbox)
    return mailbox
  }

  closeGrouped(mailbox: Mailbox): Promise<void> {
    this.#grouped.delete(mailbox)
    return mailbox.close(new CancelledError())
  }

  handOut<T>(prepared: Prepared): HandedOut<T> {
    const callback = new HandedOut<T>(prepared, {
      settler: this.settler,
      respond: this.#parts.respond,
      onEnd: ended => {
        this.#handedOut.delete(ended.id)
        this.#forgotten.unregister(ended)
      },
    })
    this.#handedOut.set(callback.id, new WeakRef(callback))
    this.#forgotten.register(callback, prepared.claim, callback)
    const { receiverId, seq, attempt } = prepared.record
    this.#parts.observe({
      type: 'callback.handed_out',
      at: new Date(this.clock.now()),
      receiverId,
      seq,
      attempt,
    })
    return callback
  }

  /** Work that a closing server waits for: a consumer, or the turn of a loop. */
  track(work: Promise<unknown>): void {
    this.#work.add(work)
    const forget = () => void this.#work.delete(work)
    work.then(forget, forget)
  }

  /** Resolves when all of that has ended. */
  async finished(): Promise<void> {
    while (this.#work.size > 0) await Promise.allSettled([...this.#work])
  }

  /** Nobody is served from now on; resolves when every claim under way has come back. */
  async stop(): Promise<void> {
    this.#closed = new ServerClosedError()
    const error = this.#closed
    const mailboxes = [...this.#shared.values(), ...this.#grouped]
    this.#shared.clear()
    await Promise.all(mailboxes.map(mailbox => mailbox.close(error)))
  }

  /** What is still in somebody's hands is theirs no longer. */
  abandon(reason: Error): void {
    for (const callback of [...this.#handedOut.values()]) callback.deref()?.abandon(reason)
  }

  close(): void {
    this.settler.close()
    this.abandon(new ServerClosedError())
  }

  /** The data of a callback, through the schema that applies here. */
  async read(receiver: ReceiverRecord, record: CallbackRecord): Promise<unknown> {
    const data = await readData(record)
    const schema = this.#parts.schemaFor(receiver)
    if (schema === undefined) return data
    const result = await schema['~standard'].validate(data)
    if (result.issues !== undefined) {
      throw new InvalidInputError(
        `Callback ${record.id} does not fit the schema of its receiver`,
        result.issues,
      )
    }
    return result.value
  }

  #giveBack(claim: Claim): void {
    this.#handedOut.delete(claim.callbackId)
    this.#parts.logger.warn(
      { receiverId: claim.receiverId, callbackId: claim.callbackId },
      'a callback was dropped without ack() or release(); it comes again',
    )
    void this.settler.release(claim, { as: 'counted' })
  }

  #create(receiver: ReceiverRecord, groupOf?: (callback: CallbackRecord) => Promise<string>): Mailbox {
    const mailbox = new Mailbox({
      ...this.#parts,
      settler: this.settler,
      receiverId: receiver.id,
      prepare: callback => this.#prepare(receiver, callback),
      onIdle: idle => {
        if (this.#shared.get(receiver.id) === idle) this.#shared.delete(receiver.id)
      },
      endError: reason => new ReceiverClosedError({ receiver: receiver.key ?? receiver.id, reason }),
      ...(groupOf === undefined ? {} : { groupOf }),
    })
    if (this.#closed !== undefined) void mailbox.close(this.#closed)
    return mailbox
  }

  async #prepare(receiver: ReceiverRecord, callback: Claimed): Promise<Prepared | undefined> {
    try {
      return { ...callback, data: await this.read(receiver, callback.record) }
    } catch (error) {
      const misfit = error instanceof InvalidInputError || error instanceof MalformedContentError
      if (!misfit) this.#parts.onError(error)
      // Waits for the store, so that the next look does not find it again.
      await this.settler.giveUp(callback.claim, 'schema', error)
      return undefined
    }
  }
}
