import { checkKey } from '../core/bytes.js'
import { after as afterMs, type Clock } from '../core/clock.js'
import { beforeIdsOf, createId } from '../core/ids.js'
import { InvalidOptionsError, ServerClosedError } from '../errors.js'
import { type DeathReason, type DeliveryRecord, type Lane, subscriptionIdOf } from '../model/delivery.js'
import type { Delivery } from '../model/message.js'
import { DEFAULTS } from '../options.js'
import type { ListDeliveriesInput } from '../store/history.js'
import { eachOf, eachPage } from '../store/pages.js'
import { isPassing } from '../store/passing.js'
import type { StoreSession } from '../store/store.js'
import {
  type AttemptStreamOptions,
  checkFilter,
  checkList,
  checkStream,
  type DeliveryFilter,
  type DeliveryListOptions,
  type DeliveryStreamOptions,
  type Place,
} from './delivery-filter.js'
import { type AttemptInfo, type DeliveryInfo, toAttemptInfo, toDeliveryInfo } from './delivery-infos.js'
import type { Sent } from './outbox.js'

/**
 * What became of messages, for as long as `retention.messages` keeps it.
 *
 * ```ts
 * for await (const { id, reason } of server.deliveries.list({ status: 'dead', endpoint: 'partner' })) {
 *   console.log(id, reason)
 * }
 * await server.deliveries.redeliver({ endpoint: 'partner' })
 * ```
 */
export interface Deliveries {
  get(id: string): Promise<DeliveryInfo | undefined>
  /** The oldest first, or with `newest` the other way round. */
  list(options?: DeliveryListOptions): AsyncIterable<DeliveryInfo>
  /** In the order in which they were recorded, so that whoever remembers the last `cursor` misses none. */
  attempts(options?: AttemptStreamOptions): AsyncIterable<AttemptInfo>
  /** Dead letters, in the order in which they died. What was cancelled is not among them. */
  dead(options?: DeliveryStreamOptions): AsyncIterable<DeliveryInfo>
  /**
   * Sends a message again that has ended, as a new delivery of the same message; once for each delivery, so a second call
   * finds that new one.
   *
   * @throws InvalidOptionsError for one that has not ended, or is not kept any more, or whose body is not; and for one of a
   *   subscription that was deleted or has retired, which gets nothing.
   */
  redeliver(id: string): Promise<Delivery>
  /**
   * The same for all that a filter finds and that have ended, ten a second, the oldest first: dead ones unless it says
   * `status: 'delivered'`. What was sent again before, or has lost its body, is passed over, and what belongs to a subscription
   * that was deleted or has retired; and what was cancelled or died with its subscription, unless `reason` asks for it.
   *
   * @throws InvalidOptionsError for a filter that says nothing: whoever means all writes `{ status: 'dead' }`.
   */
  redeliver(filter: DeliveryFilter): Promise<{ redelivered: number }>
}

export interface DeliveriesParts {
  readonly session: StoreSession
  readonly clock: Clock
  readonly toHandle: (sent: Sent) => Delivery
  /** Aborted when the server begins to close. */
  readonly closing: AbortSignal
}

const FOLLOW_MS = 1_000
/**
 * By how much the clock of the node that made a delivery may be behind that of the node that made its message. Of nodes further
 * apart a receiver would take no signature.
 */
const APART_MS = 3_600_000

export class StoredDeliveries implements Deliveries {
  readonly #parts: DeliveriesParts

  constructor(parts: DeliveriesParts) {
    this.#parts = parts
  }

  async get(id: string): Promise<DeliveryInfo | undefined> {
    const found = await this.#parts.session.findDelivery({ deliveryId: checkKey(id, 'The id of a delivery') })
    return found && toDeliveryInfo(found, found.id)
  }

  list(options: DeliveryListOptions = {}): AsyncGenerator<DeliveryInfo> {
    const { wanted, after } = checkList(options)
    return eachOf(this.#records(wanted, after), record => toDeliveryInfo(record, record.id))
  }

  attempts(options: AttemptStreamOptions = {}): AsyncGenerator<AttemptInfo> {
    const { session } = this.#parts
    const checked = checkStream(options, 'attempts', ['deliveryId'])
    return this.#stream(checked, from => session.readAttempts(from), toAttemptInfo)
  }

  dead(options: DeliveryStreamOptions = {}): AsyncGenerator<DeliveryInfo> {
    const { session } = this.#parts
    const checked = checkStream(options, 'dead')
    return this.#stream(
      checked,
      from => session.readDead(from),
      ({ delivery, cursor }) => toDeliveryInfo(delivery, cursor),
    )
  }

  redeliver(id: string): Promise<Delivery>
  redeliver(filter: DeliveryFilter): Promise<{ redelivered: number }>
  async redeliver(which: string | DeliveryFilter): Promise<Delivery | { redelivered: number }> {
    if (typeof which === 'string') return this.#redeliverOne(which)
    const { status = 'dead', ...wanted } = checkFilter(which, 'redeliver')
    if (Object.keys(which).length === 0) {
      throw new InvalidOptionsError(
        "redeliver({}) would send again all that is dead, whoever it is for: if that is meant, write redeliver({ status: 'dead' })",
      )
    }
    if (status !== 'dead' && status !== 'delivered') {
      throw new InvalidOptionsError("redeliver sends again what has ended: status is 'dead' or 'delivered'")
    }
    const { session, clock } = this.#parts
    const { count, perMs } = DEFAULTS.catchUp
    const startedAt = clock.now()
    // What is sent again here may end before the list does, and is not meant.
    const last = createId('dlv', startedAt)
    let redelivered = 0
    for await (const { id, lane, reason } of this.#records({ ...wanted, status })) {
      if (id > last) break
      if (wanted.reason === undefined && isMeant(reason)) continue
      if ((await this.#leftBy(lane)) !== undefined) continue
      const dueAt = startedAt + Math.floor((redelivered * perMs) / count)
      const outcome = await session.redeliver({ deliveryId: id, again: this.#again(dueAt), now: clock.now() })
      if (outcome.type === 'redelivered') redelivered++
    }
    return { redelivered }
  }

  async #redeliverOne(id: string): Promise<Delivery> {
    const { session, clock, toHandle } = this.#parts
    const now = clock.now()
    const delivery = await session.findDelivery({ deliveryId: id })
    if (delivery?.endedAt !== undefined && delivery.redeliveredAs === undefined) {
      const left = await this.#leftBy(delivery.lane)
      if (left !== undefined) {
        throw new InvalidOptionsError(`Delivery ${id} would die again: ${left}`)
      }
    }
    const outcome = await session.redeliver({ deliveryId: id, again: this.#again(now), now })
    switch (outcome.type) {
      case 'pending':
        throw new InvalidOptionsError(`Delivery ${id} has not ended, so it is not sent again`)
      case 'stripped':
        throw new InvalidOptionsError(
          `The body of delivery ${id} is not kept any more: it ended longer ago than retention.bodies`,
        )
      case 'unknown':
        throw new InvalidOptionsError(
          `There is no delivery ${id}: it never was, or ended longer ago than retention.messages`,
        )
      default:
        return toHandle({ id: outcome.deliveryId, messageId: outcome.messageId })
    }
  }

  #again(dueAt: number): { deliveryId: string; dueAt: number; deadlineAt: number } {
    return {
      deliveryId: createId('dlv', this.#parts.clock.now()),
      dueAt,
      deadlineAt: dueAt + DEFAULTS.deliveryDeadlineMs,
    }
  }

  /** Why nothing is sent in that lane any more, if it is that of a subscription. Looked up each time: it may change meanwhile. */
  async #leftBy(lane: Lane): Promise<string | undefined> {
    const id = subscriptionIdOf(lane)
    if (id === undefined) return undefined
    const subscription = await this.#parts.session.findSubscription({ id })
    if (subscription === undefined) return `subscription '${id}' was deleted`
    if (subscription.pause !== 'retired') return undefined
    return `subscription '${id}' has retired, for it answered 410; resume it, or put it again, first`
  }

  #records(wanted: Omit<ListDeliveriesInput, 'limit'>, after?: string): AsyncGenerator<DeliveryRecord> {
    const { session } = this.#parts
    const { since } = wanted
    // A delivery is made after its message, and its id says when: what was made before is not looked at.
    const behind = since === undefined ? {} : { behind: beforeIdsOf('dlv', since - APART_MS) }
    return eachPage(
      from => session.listDeliveries({ ...wanted, ...behind, ...from }),
      ({ id }) => id,
      after,
    )
  }

  async *#stream<R extends { readonly cursor: string }, T>(
    { place, after: first, follow, signal }: ReturnType<typeof checkStream>,
    read: (
      from: Place & { readonly deliveryId?: string; readonly after?: string; readonly limit: number },
    ) => Promise<readonly R[]>,
    toItem: (record: R) => T,
  ): AsyncGenerator<T> {
    const { clock, closing } = this.#parts
    if (closing.aborted) throw new ServerClosedError()
    // What ends with what is there must not seem to have come to its end when the server closes; what follows has none.
    const isOver = () => signal?.aborted === true || (follow && closing.aborted)
    let after = first
    while (!isOver()) {
      try {
        const page = eachPage(
          from => read({ ...place, ...from }),
          ({ cursor }) => cursor,
          after,
        )
        for await (const record of page) {
          after = record.cursor
          yield toItem(record)
          if (isOver()) return
        }
      } catch (error) {
        if (isOver() && (error instanceof ServerClosedError || isPassing(error))) return
        throw error
      }
      if (!follow) return
      await pause(clock, signal === undefined ? [closing] : [signal, closing])
    }
  }
}

/** It died because somebody wanted that. */
function isMeant(reason: DeathReason | undefined): boolean {
  return reason === 'cancelled' || reason === 'unsubscribed'
}

/** Until it may be worth looking again, or one of them is aborted. */
function pause(clock: Clock, signals: readonly AbortSignal[]): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      stop()
      for (const signal of signals) signal.removeEventListener('abort', end)
      resolve()
    }
    const stop = afterMs(clock, FOLLOW_MS, end)
    for (const signal of signals) signal.addEventListener('abort', end)
    if (signals.some(({ aborted }) => aborted)) end()
  })
}
