import { definedOnly } from '../core/defined-only.js'
import { createId, createToken } from '../core/ids.js'
import { checkOptionNames } from '../core/option-names.js'
import { type GivenUp, type Wait, type WaitOptions, waitOptionNames } from '../core/wait.js'
import { within } from '../core/within.js'
import {
  InvalidOptionsError,
  NonRetryableError,
  ReceiverClosedError,
  StoreUnavailableError,
} from '../errors.js'
import type { ClaimedCallback } from '../model/callback.js'
import type { ChildOptions } from '../model/code.js'
import type { Lane } from '../model/delivery.js'
import type { Message } from '../model/message.js'
import type { Leftover, ReceiverRecord, SettingsPatch } from '../model/receiver.js'
import type { Callback, ExchangeOptions } from '../model/scope.js'
import { DEFAULTS, type Logger } from '../options.js'
import { EndWaits, type Sight } from '../store/end-waits.js'
import type { SendInput } from '../store/sending.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import type { Mailboxes } from './mailboxes.js'

// Exchanges of the server: a receiver, a message that carries its URL, and a wait for the answer.
//
// Owns:   the waits, and what those for one exchange share in this process.
// Leaves: beginning and ending exchanges to the store, what is in somebody's hands to the mailboxes.
//
//   E1. How an exchange ends the store decides, in one command: the answer, the dead delivery, the end of the receiver.
//   E2. A wait that was given up has consumed nothing: what was taken for it goes back, uncounted.
//   E3. What has a key is then left as it is, for whoever asks again. What has none is nobody's any more: its receiver
//       closes, and when its time was over no further attempt is made; also where it is not known whether it has begun.
//   E4. Those who wait for one exchange ask one after the other, so that what a lost reply has taken can be told from
//       what is in somebody's hands.

export interface ExchangesParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly mailboxes: Mailboxes
  readonly epoch: () => number
  /**
   * What the receiver of an exchange is, and how its code is kept in this process.
   *
   * @throws InvalidOptionsError for options that cannot be.
   */
  readonly toReceiver: (options: ChildOptions<unknown>) => Code & { readonly patch: SettingsPatch }
  readonly toUrl: (token: string) => string
  /**
   * A message as it goes into the store.
   *
   * @throws InvalidOptionsError, EndpointRefusedError for one that cannot be sent.
   */
  readonly toSend: (message: Message) => SendInput
  /** For a key that has an exchange with another target. */
  readonly toKeyConflict: (key: string, first: Lane, second: Lane) => Error
  readonly toDeliveryError: (deliveryId: string) => Promise<Error>
  /** Nobody will read what came. */
  readonly onLeftover: (leftover: Leftover) => void
  /** A delivery was called off, because its exchange has ended. */
  readonly onCalledOff: (delivery: Named) => void
  readonly logger: Logger
  readonly onError: (error: unknown) => void
}

interface Named {
  readonly id: string
  readonly messageId: string
}

interface Code {
  readonly attach: (receiverId: string) => void
  readonly detach: (receiverId: string) => void
}

interface Begun {
  readonly receiver: ReceiverRecord
  readonly messageId: string
  readonly deliveryId: string
}

/** What those who wait for one exchange share. */
interface Shared {
  waits: number
  turn: Promise<unknown>
  /** An answer was asked for, and whether it was taken is not known. */
  isUnsure: boolean
  /** It has ended: nothing is judged any more. */
  isOver: boolean
}

/** It passes: this node goes on under another epoch. */
const LEASE_LOST = 'The lease of this node was lost before an exchange had begun'

const SET_ASIDE =
  'the answer to an exchange is set aside: the processes that had it in hand have died too often'

const optionNames = ['send', 'from', 'schema', 'ttl', 'capacity', ...waitOptionNames]

export class Exchanges {
  readonly #parts: ExchangesParts
  readonly #waits: EndWaits
  readonly #shared = new Map<string, Shared>()

  constructor(parts: ExchangesParts) {
    this.#parts = parts
    const { watch, mailboxes, onError } = parts
    this.#waits = new EndWaits({ watch, clock: mailboxes.clock, onError })
  }

  /**
   * Begins an exchange, or finds the one with that key, and waits for its answer.
   *
   * @throws InvalidOptionsError, EndpointRefusedError for options or a message that cannot be.
   */
  exchange<T, F>(key: string | undefined, options: ExchangeOptions<T, F>): Wait<Callback<T> | F> {
    checkOptionNames(options, optionNames, 'exchange')
    const { send: toMessage, timeout, until, signal, fallback, ...child } = options
    if (typeof toMessage !== 'function') {
      throw new InvalidOptionsError('exchange needs send: url => ({ to, body: { callback_url: url } })')
    }
    const { session, mailboxes, epoch, toReceiver, toUrl, toSend, toKeyConflict } = this.#parts
    const { patch, ...code } = toReceiver(child)
    const now = mailboxes.clock.now()
    const receiver = { id: createId('rcv', now), token: createToken(), patch }
    const send = toSend(toMessage(toUrl(receiver.token)))

    let isGivenUp = false
    const begin = async () => {
      code.attach(receiver.id) // before anybody can answer
      const bound = key === undefined ? { epoch: epoch() } : { key }
      const outcome = await session.beginExchange({ ...bound, receiver, send, now })
      if (outcome.type !== 'begun' || outcome.receiver.id !== receiver.id) code.detach(receiver.id)
      if (outcome.type === 'conflict') throw new InvalidOptionsError(outcome.message)
      if (outcome.type === 'lost') throw new StoreUnavailableError(LEASE_LOST)
      if (outcome.type === 'other_target') throw toKeyConflict(key ?? '', outcome.lane, send.message.lane)
      if (!isGivenUp) this.#join(outcome, code, wait)
      return this.#toSought<T>(outcome)
    }
    const leave = (how: GivenUp) => {
      isGivenUp = true
      // What begins it has been sent, whether its reply comes or not: what is sent now comes after it.
      if (key !== undefined) return
      code.detach(receiver.id)
      this.#abandon(receiver.id, { id: send.deliveryId, messageId: send.message.id }, how)
    }
    const waitOptions: WaitOptions<F> = definedOnly({ timeout, until, signal, fallback })
    const what = key === undefined ? 'the answer to an exchange' : `the answer to exchange '${key}'`
    const wait = this.#waits.untilBegun<Callback<T>, F>(begin, { ...waitOptions, what, onGiveUp: leave })
    return wait
  }

  /** Nobody is told any more. */
  close(): void {
    this.#waits.close()
  }

  /** One more waits for it. Its code stays loaded for as long as answers may come, or be read. */
  #join({ receiver }: Begun, code: Code, wait: Wait<unknown>): void {
    const { settler } = this.#parts.mailboxes
    const shared = this.#sharedOf(receiver)
    shared.waits += 1
    code.attach(receiver.id)
    const leave = () => {
      shared.waits -= 1
      // A look under way may be the one whose reply is lost.
      if (shared.waits === 0) settler.inBackground(this.#inTurn(receiver, () => this.#letGo(receiver, code)))
    }
    wait.then(leave, leave)
  }

  /** Nobody here waits for it any more, unless somebody has come meanwhile: then that is whom it belongs to. */
  async #letGo({ id: receiverId }: ReceiverRecord, code: Code): Promise<void> {
    const shared = this.#shared.get(receiverId)
    if (shared === undefined || shared.waits > 0) return
    if (shared.isUnsure) {
      const { mailboxes, epoch } = this.#parts
      const { settler } = mailboxes
      await settler.reclaim(() => ({ receiverId, epoch: epoch(), held: mailboxes.heldOf(receiverId) }))
      shared.isUnsure = false
      if (shared.waits > 0) return
    }
    this.#shared.delete(receiverId)
    if (shared.isOver) code.detach(receiverId)
  }

  #abandon(receiverId: string, delivery: Named, how: GivenUp): void {
    const { mailboxes, onLeftover, onCalledOff } = this.#parts
    const { settler } = mailboxes
    const end = async () => {
      if (how === 'timed_out' && (await settler.callOff(delivery.id))) onCalledOff(delivery)
      return await settler.closeReceiver(receiverId, unread => onLeftover({ receiverId, unread }))
    }
    settler.inBackground(end())
  }

  #toSought<T>(begun: Begun) {
    const { receiver, deliveryId } = begun
    return {
      watched: [
        { kind: 'receiver', id: receiver.id },
        { kind: 'delivery', id: deliveryId },
      ] as const,
      look: () => this.#inTurn(receiver, shared => this.#look<T>(begun, shared)),
    }
  }

  #inTurn<R>(receiver: ReceiverRecord, look: (shared: Shared) => Promise<R>): Promise<R> {
    const shared = this.#sharedOf(receiver)
    const turn = shared.turn.then(() => look(shared))
    shared.turn = turn.catch(() => undefined)
    return turn
  }

  #sharedOf({ id }: ReceiverRecord): Shared {
    const known = this.#shared.get(id)
    if (known !== undefined) return known
    const shared = { waits: 0, turn: Promise.resolve(), isUnsure: false, isOver: false }
    this.#shared.set(id, shared)
    return shared
  }

  async #look<T>(begun: Begun, shared: Shared): Promise<Sight<Callback<T>>> {
    const { session, mailboxes, toDeliveryError, logger } = this.#parts
    const { receiver, deliveryId } = begun
    const receiverId = receiver.id
    const now = mailboxes.clock.now()
    const epoch = this.#parts.epoch()
    if (shared.isUnsure) {
      await session.reclaim({ receiverId, epoch, held: mailboxes.heldOf(receiverId), now })
    }
    shared.isUnsure = true
    const outcome = await session.takeAnswer({ receiverId, deliveryId, epoch, now })
    shared.isUnsure = false
    if (outcome.type !== 'waiting') shared.isOver = true
    switch (outcome.type) {
      case 'waiting':
        return outcome.lookAgainAt === undefined ? {} : { lookAgainAt: outcome.lookAgainAt }
      case 'taken':
        this.#tellCalledOff(begun, now)
        return await this.#handOut<T>(receiver, outcome.callback, epoch)
      case 'acknowledged':
        return { found: await this.#handOutAgain<T>(receiver, outcome.callback) }
      case 'forgotten':
        throw new InvalidOptionsError(
          'The answer to this exchange is not kept any more: it was taken longer ago than retention.callbacks',
        )
      case 'set_aside':
        logger.error({ receiverId, callbackId: outcome.callbackId }, SET_ASIDE)
        throw new NonRetryableError(
          `The answer to this exchange is set aside: ${DEFAULTS.maxCrashes} times the process that had it in hand died`,
        )
      case 'dead':
        throw await toDeliveryError(deliveryId)
      case 'closed':
      case 'expired':
        throw new ReceiverClosedError({ receiver: receiverId, reason: outcome.type })
    }
  }

  /** An answer ends the delivery, which whoever observes is told; not again, where the answer is taken again. */
  #tellCalledOff({ deliveryId, messageId }: Begun, now: number): void {
    const { session, onCalledOff, onError } = this.#parts
    const tell = async () => {
      const delivery = await session.findDelivery({ deliveryId })
      if (delivery?.reason === 'cancelled' && delivery.endedAt === now)
        onCalledOff({ id: deliveryId, messageId })
    }
    tell().catch(onError)
  }

  async #handOut<T>(
    receiver: ReceiverRecord,
    record: ClaimedCallback,
    epoch: number,
  ): Promise<Sight<Callback<T>>> {
    const { mailboxes } = this.#parts
    const { settler } = mailboxes
    const claim = { receiverId: receiver.id, callbackId: record.id, epoch, fence: record.fence }
    try {
      const data = await this.#read(receiver, record)
      const found = mailboxes.handOut<T>(receiver, { record, claim, data })
      const giveBack = () => found.settle(() => settler.release(claim, { as: 'uncounted' }))
      return { found, handBack: () => settler.inBackground(giveBack()) }
    } catch (error) {
      // It is the answer all the same: whoever asks again, with a schema that it fits, gets it.
      settler.inBackground(settler.release(claim, { as: 'uncounted' }))
      throw error
    }
  }

  async #handOutAgain<T>(receiver: ReceiverRecord, record: ClaimedCallback): Promise<Callback<T>> {
    const claim = { receiverId: receiver.id, callbackId: record.id, epoch: 0, fence: record.fence }
    const data = await this.#read(receiver, record)
    return this.#parts.mailboxes.handOutEnded<T>(receiver, { record, claim, data })
  }

  #read(receiver: ReceiverRecord, record: ClaimedCallback): Promise<unknown> {
    const { mailboxes } = this.#parts
    const { clock } = mailboxes
    return within(clock, DEFAULTS.codeTimeoutMs, 'The schema', mailboxes.read(receiver, record))
  }
}
