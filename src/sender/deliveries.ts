import { after as afterMs, type Clock } from '../core/clock.js'
import { toInstant } from '../core/duration.js'
import { createId } from '../core/ids.js'
import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { DeathReason, DeliveryRecord, DeliveryStatus, Lane } from '../model/delivery.js'
import type { Delivery } from '../model/message.js'
import { checkTopic } from '../model/topic.js'
import { DEFAULTS } from '../options.js'
import type { ListDeliveriesInput } from '../store/history.js'
import { eachPage } from '../store/pages.js'
import type { StoreSession } from '../store/store.js'
import { type AttemptInfo, type DeliveryInfo, toAttemptInfo, toDeliveryInfo } from './delivery-infos.js'
import type { Sent } from './outbox.js'

/** Everything that is given must hold. */
export interface DeliveryFilter {
  status?: DeliveryStatus
  reason?: DeathReason
  topic?: string
  /** The name of one, the id of a subscription, or a URL, of which the origin counts. */
  endpoint?: string
  subscription?: string
  messageId?: string
  /** When the message was created: from then on, … */
  since?: Date
  /** … and before that. */
  until?: Date
}

export interface DeliveryStreamOptions {
  /** The `cursor` of the last one that was seen. Default: from the beginning of what is kept. */
  after?: string
  topic?: string
  endpoint?: string
  subscription?: string
  /** Goes on for ever, with what comes. Default `false`: ends with what is there. */
  follow?: boolean
  signal?: AbortSignal
}

/**
 * What became of messages, for as long as `retention.messages` keeps it.
 *
 * ```ts
 * for await (const { id } of server.deliveries.list({ status: 'dead', endpoint: 'partner' })) {
 *   await server.deliveries.redeliver(id)
 * }
 * ```
 */
export interface Deliveries {
  get(id: string): Promise<DeliveryInfo | undefined>
  /** The oldest first, or with `newest` the other way round. `after` is the `cursor` of the last one that was seen. */
  list(filter?: DeliveryFilter & { after?: string; newest?: boolean }): AsyncIterable<DeliveryInfo>
  /** In the order in which they were recorded, so that whoever remembers the last `cursor` misses none. */
  attempts(options?: DeliveryStreamOptions): AsyncIterable<AttemptInfo>
  /** Dead letters, in the order in which they died. What was cancelled is not among them. */
  dead(options?: DeliveryStreamOptions): AsyncIterable<DeliveryInfo>
  /**
   * Sends a message again that has ended, as a new delivery of the same message; once for each delivery, so a second call
   * finds that new one.
   *
   * @throws InvalidOptionsError for one that has not ended, or is not kept any more, or whose body is not.
   */
  redeliver(id: string): Promise<Delivery>
  /**
   * The same for all that a filter finds and that have ended, ten a second, the oldest first: dead ones unless it says
   * `status: 'delivered'`. What was sent again before, or has lost its body, is passed over, and what was cancelled or died with
   * its subscription, unless `reason` asks for it.
   */
  redeliver(filter: DeliveryFilter): Promise<{ redelivered: number }>
}

export interface DeliveriesParts {
  readonly session: StoreSession
  readonly clock: Clock
  readonly toHandle: (sent: Sent) => Delivery
  readonly toLane: (target: {
    readonly endpoint?: string
    readonly subscription?: string
  }) => Lane | undefined
}

const filterNames = ['status', 'reason', 'topic', 'endpoint', 'subscription', 'messageId', 'since', 'until']
const streamNames = ['after', 'topic', 'endpoint', 'subscription', 'follow', 'signal']
const FOLLOW_MS = 1_000

export class StoredDeliveries implements Deliveries {
  readonly #parts: DeliveriesParts

  constructor(parts: DeliveriesParts) {
    this.#parts = parts
  }

  async get(id: string): Promise<DeliveryInfo | undefined> {
    const found = await this.#parts.session.findDelivery({ deliveryId: id })
    return found && toDeliveryInfo(found, found.id)
  }

  async *list(
    filter: DeliveryFilter & { after?: string; newest?: boolean } = {},
  ): AsyncGenerator<DeliveryInfo> {
    checkOptionNames(filter, [...filterNames, 'after', 'newest'], 'list of deliveries')
    const { after, newest = false, ...rest } = filter
    for await (const record of this.#records(rest, newest, after)) yield toDeliveryInfo(record, record.id)
  }

  async *attempts(options: DeliveryStreamOptions = {}): AsyncGenerator<AttemptInfo> {
    const { session } = this.#parts
    yield* this.#stream(options, from => session.readAttempts(from), toAttemptInfo)
  }

  async *dead(options: DeliveryStreamOptions = {}): AsyncGenerator<DeliveryInfo> {
    const { session } = this.#parts
    yield* this.#stream(
      options,
      from => session.readDead(from),
      ({ delivery, cursor }) => toDeliveryInfo(delivery, cursor),
    )
  }

  redeliver(id: string): Promise<Delivery>
  redeliver(filter: DeliveryFilter): Promise<{ redelivered: number }>
  async redeliver(which: string | DeliveryFilter): Promise<Delivery | { redelivered: number }> {
    if (typeof which === 'string') return this.#redeliverOne(which)
    checkOptionNames(which, filterNames, 'redeliver')
    const { status = 'dead' } = which
    if (status !== 'dead' && status !== 'delivered') {
      throw new InvalidOptionsError("redeliver sends again what has ended: status is 'dead' or 'delivered'")
    }
    const { session, clock } = this.#parts
    const { count, perMs } = DEFAULTS.catchUp
    const startedAt = clock.now()
    // What is sent again here may end before the list does, and is not meant.
    const last = createId('dlv', startedAt)
    let redelivered = 0
    for await (const { id, reason } of this.#records({ ...which, status }, false)) {
      if (id > last) break
      if (which.reason === undefined && isMeant(reason)) continue
      const dueAt = startedAt + Math.floor((redelivered * perMs) / count)
      const outcome = await session.redeliver({ deliveryId: id, again: this.#again(dueAt), now: clock.now() })
      if (outcome.type === 'redelivered') redelivered++
    }
    return { redelivered }
  }

  async #redeliverOne(id: string): Promise<Delivery> {
    const { session, clock, toHandle } = this.#parts
    const now = clock.now()
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

  #records(filter: DeliveryFilter, newest: boolean, after?: string): AsyncGenerator<DeliveryRecord> {
    const { session } = this.#parts
    const wanted = { ...this.#toWanted(filter), newest }
    return eachPage(
      from => session.listDeliveries({ ...wanted, ...from }),
      ({ id }) => id,
      after,
    )
  }

  #toWanted(filter: DeliveryFilter): Omit<ListDeliveriesInput, 'limit'> {
    const { status, reason, messageId, since, until } = filter
    return {
      ...this.#toPlace(filter),
      ...(status === undefined ? {} : { status }),
      ...(reason === undefined ? {} : { reason }),
      ...(messageId === undefined ? {} : { messageId }),
      ...(since === undefined ? {} : { since: toInstant(since, 0, 'since') }),
      ...(until === undefined ? {} : { until: toInstant(until, 0, 'until') }),
    }
  }

  #toPlace({ topic, endpoint, subscription }: DeliveryFilter): { lane?: Lane; topic?: string } {
    const target = {
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(subscription === undefined ? {} : { subscription }),
    }
    const lane = this.#parts.toLane(target)
    return {
      ...(topic === undefined ? {} : { topic: checkTopic(topic, 'topic') }),
      ...(lane === undefined ? {} : { lane }),
    }
  }

  async *#stream<R extends { readonly cursor: string }, T>(
    options: DeliveryStreamOptions,
    read: (from: {
      readonly after?: string
      readonly limit: number
      lane?: Lane
      topic?: string
    }) => Promise<readonly R[]>,
    toItem: (record: R) => T,
  ): AsyncGenerator<T> {
    checkOptionNames(options, streamNames, 'a stream of deliveries')
    const { follow = false, signal } = options
    const place = this.#toPlace(options)
    let { after } = options
    while (!hasEnded(signal)) {
      const page = eachPage(
        from => read({ ...place, ...from }),
        ({ cursor }) => cursor,
        after,
      )
      for await (const record of page) {
        after = record.cursor
        yield toItem(record)
        if (hasEnded(signal)) return
      }
      if (!follow) return
      await pause(this.#parts.clock, signal)
    }
  }
}

/** It died because somebody wanted that. */
function isMeant(reason: DeathReason | undefined): boolean {
  return reason === 'cancelled' || reason === 'unsubscribed'
}

/** A function, because it changes between two looks. */
function hasEnded(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true
}

/** Until it may be worth looking again, or the signal is aborted. */
function pause(clock: Clock, signal: AbortSignal | undefined): Promise<void> {
  return new Promise(resolve => {
    const end = () => {
      stop()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const stop = afterMs(clock, FOLLOW_MS, end)
    signal?.addEventListener('abort', end)
    if (signal?.aborted === true) end()
  })
}
