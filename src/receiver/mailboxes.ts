import type { StandardSchemaV1 as Schema } from '@standard-schema/spec'
import { retryDelay } from '../core/backoff.js'
import { type Clock, random } from '../core/clock.js'
import { within } from '../core/within.js'
import {
  CancelledError,
  InvalidInputError,
  LeaseLostError,
  MalformedContentError,
  ReceiverClosedError,
  ServerClosedError,
} from '../errors.js'
import type { CallbackRecord, Claim } from '../model/callback.js'
import { readData } from '../model/received.js'
import type { ReceiverRecord } from '../model/receiver.js'
import { DEFAULTS, type Logger, type Observation } from '../options.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import { type CallbackScopes, HandedOut, namesOfHandOut, type Respond } from './callback.js'
import { type Claimed, Mailbox, type Place, type Prepared } from './mailbox.js'
import { Settler } from './settler.js'

type PrepareRun = (
  workflow: { readonly name: string },
  key: string,
  input: unknown,
) => Promise<(claim: Claim) => Promise<boolean>>

export interface MailboxesParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly epoch: () => number
  readonly respond: Respond
  readonly scopes: CallbackScopes
  /**
   * A run for a callback, checked. What it returns starts the run and acknowledges the callback in one commit; `false` when
   * the callback had been taken over.
   */
  readonly prepareRun: PrepareRun
  /** The schema that applies to a receiver's callbacks in this process, if one is loaded. */
  readonly schemaFor: (receiver: ReceiverRecord) => Schema | undefined
  readonly observe: (event: Observation) => void
  readonly logger: Logger
  readonly onError: (error: unknown) => void
}

const LOST = 'a callback was taken over before it was acknowledged; it may be handled twice'
const MISFIT = 'a callback does not fit the schema of its receiver, or its content type; it is set aside'

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
  readonly #inHand = new Map<string, InHand>()
  readonly #forgotten: FinalizationRegistry<Forgotten>
  readonly #work = new Set<Promise<unknown>>()
  #closed: Error | undefined

  constructor(parts: MailboxesParts) {
    this.#parts = parts
    this.settler = new Settler(parts)
    this.#forgotten = new FinalizationRegistry(forgotten => this.#giveBack(forgotten))
  }

  get clock(): Clock {
    return this.#parts.clock
  }

  get logger(): Logger {
    return this.#parts.logger
  }

  get prepareRun(): PrepareRun {
    return this.#parts.prepareRun
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

  closeGrouped(mailbox: Mailbox): void {
    this.#grouped.delete(mailbox)
    mailbox.close(new CancelledError())
  }

  handOut<T>(receiver: ReceiverRecord, prepared: Prepared): HandedOut<T> {
    const { respond, scopes, observe } = this.#parts
    const callback = new HandedOut<T>(receiver, prepared, { settler: this.settler, respond, scopes })
    const { id: callbackId, receiverId, seq, attempt } = prepared.record
    this.#inHand.set(callback.id, { receiverId, callback: new WeakRef(callback) })
    // Not the callback itself: what runs at its end must not keep it.
    const token = {}
    this.#forgotten.register(callback, { claim: prepared.claim, names: callback.names }, token)
    const over = () => {
      this.#forgotten.unregister(token)
      this.#inHand.delete(callbackId)
    }
    callback.ended.then(over, over)
    const at = new Date(this.clock.now())
    observe({ type: 'callback.handed_out', at, receiverId, callbackId, seq, attempt })
    return callback
  }

  /** One that was acknowledged before: it is in nobody's hands, and its scope has ended. */
  handOutEnded<T>(receiver: ReceiverRecord, prepared: Prepared): HandedOut<T> {
    const { respond, scopes } = this.#parts
    const callback = new HandedOut<T>(receiver, prepared, { settler: this.settler, respond, scopes })
    void callback.settle(() => Promise.resolve(true))
    return callback
  }

  /** The ids of a receiver's callbacks that are in somebody's hands here. */
  heldOf(receiverId: string): readonly string[] {
    return [...this.#inHand].flatMap(([id, held]) => (held.receiverId === receiverId ? [id] : []))
  }

  /** Acknowledges for a reader that does not wait for it. */
  acknowledge(callback: HandedOut<unknown>): void {
    callback.ack().catch((err: unknown) => {
      if (err instanceof ServerClosedError) return // it comes again, which is what closing does
      if (err instanceof LeaseLostError) this.logger.warn({ ...callback.names, err }, LOST)
      else this.#parts.onError(err)
    })
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

  /** @throws ServerClosedError where nobody is served any more. */
  checkServing(): void {
    if (this.#closed !== undefined) throw new ServerClosedError()
  }

  /** Nobody is served from now on. */
  stop(): void {
    this.#closed = new ServerClosedError()
    for (const mailbox of [...this.#shared.values(), ...this.#grouped]) mailbox.close(this.#closed)
    this.#shared.clear()
    this.#grouped.clear()
  }

  /** What is still in somebody's hands is theirs no longer. */
  abandon(reason: Error): void {
    for (const { callback } of [...this.#inHand.values()]) callback.deref()?.abandon(reason)
  }

  /** Nothing more is told to the store; what is still in hand goes back with the epoch. */
  close(): void {
    this.abandon(new ServerClosedError())
    this.settler.close()
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

  #giveBack({ claim, names }: Forgotten): void {
    this.#inHand.delete(claim.callbackId)
    this.logger.warn(names, 'a callback was dropped without ack() or release(); it is given back')
    this.settler.inBackground(this.settler.release(claim, { as: 'counted' }))
  }

  #create(receiver: ReceiverRecord, groupOf?: (callback: CallbackRecord) => Promise<string>): Mailbox {
    const mailbox = new Mailbox({
      ...this.#parts,
      settler: this.settler,
      receiverId: receiver.id,
      held: () => this.heldOf(receiver.id),
      prepare: callback => this.#prepare(receiver, callback),
      onIdle: idle => {
        if (this.#shared.get(receiver.id) === idle) this.#shared.delete(receiver.id)
      },
      endError: reason => new ReceiverClosedError({ receiver: receiver.key ?? receiver.id, reason }),
      ...(groupOf === undefined ? {} : { groupOf }),
    })
    if (this.#closed !== undefined) mailbox.close(this.#closed)
    return mailbox
  }

  async #prepare(receiver: ReceiverRecord, callback: Claimed): Promise<Prepared | undefined> {
    try {
      const data = await within(
        this.clock,
        DEFAULTS.codeTimeoutMs,
        'The schema',
        this.read(receiver, callback.record),
      )
      return { ...callback, data }
    } catch (error) {
      await this.#setAside(receiver, callback, error).catch(this.#parts.onError)
      return undefined
    }
  }

  /** What does not fit never will; what a schema threw for another reason is tried again, like a handler that threw. */
  async #setAside(receiver: ReceiverRecord, { claim, record }: Claimed, error: unknown): Promise<void> {
    const names = namesOfHandOut(receiver, record)
    const attempt = { attempt: record.failures + 1, elapsedMs: 0, random }
    const retryInMs = isMisfit(error) ? undefined : retryDelay(DEFAULTS.consumeRetry, attempt)
    if (isMisfit(error)) {
      this.logger.warn(names, MISFIT) // without the error: its issues may quote the body
    } else {
      const facts = { ...names, err: error, ...(retryInMs === undefined ? {} : { retryInMs }) }
      const end = retryInMs === undefined ? 'it is set aside' : 'it is tried again'
      this.logger.error(facts, `the schema of a callback failed; ${end}`)
    }
    if (retryInMs === undefined) await this.settler.giveUp(claim, 'schema', error)
    else await this.settler.release(claim, { as: 'failure', delayMs: retryInMs })
  }
}

/** A callback that its reader has dropped. Nothing of it leads to the callback, which could not be dropped then. */
interface Forgotten {
  readonly claim: Claim
  readonly names: object
}

interface InHand {
  readonly receiverId: string
  /** Weakly: what its reader drops is given back. */
  readonly callback: WeakRef<HandedOut<unknown>>
}

function isMisfit(error: unknown): boolean {
  return error instanceof InvalidInputError || error instanceof MalformedContentError
}
