import { checkKey } from '../core/bytes.js'
import { checkOptionNames } from '../core/option-names.js'
import { DeliveryFailedError, ServerClosedError } from '../errors.js'
import type { Addressee, Lane } from '../model/delivery.js'
import type { EndpointOptions } from '../model/endpoint-options.js'
import type { JoinOptions } from '../model/joining.js'
import type { Delivery, Message, Publication, Published, RememberedWaits } from '../model/message.js'
import { DEFAULTS, type ServerSettings } from '../options.js'
import { EndWaits } from '../store/end-waits.js'
import { join } from '../store/join.js'
import type { TroubledLane } from '../store/nodes.js'
import type { PublishInput } from '../store/publishing.js'
import type { NewDelivery, SendInput } from '../store/sending.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import type { Carrier } from './carrier.js'
import { Courier } from './courier.js'
import { type Deliveries, StoredDeliveries } from './deliveries.js'
import { DeliveryHandle, forgotten, uncommitted } from './delivery.js'
import { Dispatcher } from './dispatcher.js'
import { toHealth } from './endpoint-health.js'
import { type Endpoint, Endpoints } from './endpoints.js'
import { Ends } from './ends.js'
import { FanOut } from './fan-out.js'
import { createFetchCarrier } from './fetch-carrier.js'
import { Guard, isLoopbackHost } from './guard.js'
import { checkMessage } from './message.js'
import { Tokens } from './oauth2.js'
import { keyConflict, type Sent, send, toDelivery, toSend } from './outbox.js'
import { PublishedMessage } from './published.js'
import { toPublish } from './publisher.js'
import { Reports } from './reports.js'
import { ScopedDelivery } from './scoped-delivery.js'
import { Subscribers } from './subscribers.js'
import { StoredSubscriptions, type Subscriptions, type SubscriptionsParts } from './subscriptions.js'
import { createTopics, type Topics } from './topics.js'
import { createTransport } from './transport.js'

export interface SenderParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly settings: ServerSettings
  /** It changes when a lease was lost. */
  readonly epoch: () => number
  /** Where to go to prove a subscription by a visit. */
  readonly toVisitUrl: SubscriptionsParts['toVisitUrl']
}

/** What the rest of the library sees of sending: a parts list. */
export class Sender {
  readonly #parts: SenderParts
  readonly #carrier: Carrier
  readonly #endpoints: Endpoints
  readonly #dispatcher: Dispatcher
  readonly #fanOut: FanOut
  readonly #ends: Ends
  readonly #waits: EndWaits
  readonly #reports: Reports
  readonly topics: Topics
  readonly subscriptions: Subscriptions
  readonly deliveries: Deliveries
  readonly #closing = new AbortController()
  #closed = false

  /** @throws InvalidOptionsError when `allowPrivate` lists something that is not a range. */
  constructor(parts: SenderParts) {
    const { session, watch, settings, epoch, toVisitUrl } = parts
    const { clock, allowInsecure, allowPrivate, fetch, logger, observe } = settings
    const development = () => isDevelopment(settings)
    const guard = new Guard({ allowPrivate, development })
    const onError = (err: unknown) => logger.error({ err }, 'sending met an error; trying again')

    this.#parts = parts
    this.#carrier =
      fetch === undefined
        ? createTransport({ guard, clock, connectTimeoutMs: DEFAULTS.connectTimeoutMs })
        : createFetchCarrier(fetch)
    this.#endpoints = new Endpoints({ allowInsecure, development, ...(fetch === undefined ? { guard } : {}) })
    this.#waits = new EndWaits({ watch, clock, onError })
    this.#reports = new Reports({ session, clock, logger, observe })
    const courier = new Courier({
      session,
      clock,
      endpoints: this.#endpoints,
      subscribers: new Subscribers(this.#endpoints),
      carrier: this.#carrier,
      tokens: new Tokens({ clock, carrier: this.#carrier }),
      reports: this.#reports,
      onError,
    })
    this.#dispatcher = new Dispatcher({
      session,
      watch,
      clock,
      endpoints: this.#endpoints,
      courier,
      epoch,
      onError,
    })
    this.#fanOut = new FanOut({ session, watch, clock, onError })
    this.#ends = new Ends({
      ...{ session, watch, clock, onError },
      endpoints: this.#endpoints,
      onUntold: ({ delivery }, error) => this.#reports.untold(delivery, error),
      onSilent: lane => this.#reports.silent(lane, this.#endpoints.whyUntold(lane)),
    })
    const shown = { session, clock }
    this.topics = createTopics(shown)
    this.subscriptions = new StoredSubscriptions({
      ...{ ...shown, toVisitUrl },
      endpoints: this.#endpoints,
      origin: () => new URL(settings.publicUrl()).hostname,
    })
    this.deliveries = new StoredDeliveries({
      ...shown,
      toHandle: sent => this.#handle(sent),
      closing: this.#closing.signal,
    })
  }

  /**
   * @throws InvalidOptionsError for an option that makes no sense.
   * @throws EndpointRefusedError for an address that would not be called.
   */
  endpoint(name: string, options: EndpointOptions): Endpoint {
    this.#endpoints.declare(name, options)
    this.#dispatcher.look() // what waits for it can be sent now
    this.#ends.look() // and told
    const lane = `endpoint:${name}` as const
    const { session, settings } = this.#parts
    const { clock } = settings
    return {
      name,
      pause: () => session.pauseLane({ lane, now: clock.now() }),
      resume: () => session.resumeLane({ lane, catchUp: DEFAULTS.catchUp, now: clock.now() }),
      health: async () => toHealth(await session.findLane({ lane }), clock.now()),
      send: async (...given: [Unaddressed] | Keyed) => {
        // A key that is there and undefined is a mistake, and not a message without a key.
        const key = isKeyed(given) ? checkKey(given[0], 'The key of a message') : undefined
        const [message, options] = isKeyed(given) ? [given[1], given[2]] : [given[0]]
        checkMessage(message)
        return this.send(key, { ...message, to: name }, options)
      },
    }
  }

  /** Resolves when the message is durable, or part of the caller's transaction; see `outbox.ts`. */
  async send(key: string | undefined, message: Message, options: JoinOptions = {}): Promise<Delivery> {
    if (this.#closed) throw new ServerClosedError()
    checkOptionNames(options, ['within'], 'send')
    const { session, settings } = this.#parts
    // A transaction that is there and undefined is a mistake, and not a message outside of it.
    const joins = 'within' in options
    const outbox = joins ? join(session, options.within) : session
    const sent = await send(key, message, { outbox, endpoints: this.#endpoints, clock: settings.clock })
    return this.#handle(sent, joins ? uncommitted : forgotten)
  }

  /** Resolves when the message, and its deliveries or its place in the list of subscriptions, are durable. */
  async publish(
    key: string | undefined,
    publication: Publication,
    options: JoinOptions = {},
  ): Promise<Published> {
    if (this.#closed) throw new ServerClosedError()
    checkOptionNames(options, ['within'], 'publish')
    const { session } = this.#parts
    const joins = 'within' in options
    const outbox = joins ? join(session, options.within) : session
    const input = await this.#toPublish(key, publication)
    const outcome = await outbox.publish(input)
    if (outcome.type === 'published') return this.toPublished(outcome.messageId)
    throw keyConflict(key ?? '', 'publication', outcome.lane, input.message.lane)
  }

  /** A publication of a scope, as it goes into the store; the same checks as in `publish`. */
  toPublish(publication: Publication): Promise<PublishInput> {
    return this.#toPublish(undefined, publication)
  }

  toPublished(messageId: string): Published {
    return new PublishedMessage(messageId, {
      session: this.#parts.session,
      toHandle: sent => this.#handle(sent),
    })
  }

  #toPublish(key: string | undefined, publication: Publication): Promise<PublishInput> {
    return toPublish(key, publication, { endpoints: this.#endpoints, clock: this.#parts.settings.clock })
  }

  /** A message of a scope, as it goes into the store; the same checks as in `send`. */
  toSend(message: Message): SendInput {
    checkMessage(message)
    return toSend(undefined, message, { endpoints: this.#endpoints, clock: this.#parts.settings.clock })
  }

  /** For a key that has an exchange with another target. */
  toExchangeConflict(key: string, first: Addressee, second: Addressee): Error {
    return keyConflict(key, 'exchange', first, second)
  }

  /** Another delivery of a message that is in the store. */
  toRedelivery(): NewDelivery {
    return toDelivery(this.#parts.settings.clock.now())
  }

  /** A delivery whose waits a scope remembers. */
  toScopedDelivery(sent: Sent, waits: RememberedWaits): Delivery {
    return new ScopedDelivery(this.#handle(sent), waits)
  }

  /** Why a dead delivery is dead. */
  async toDeliveryError(deliveryId: string): Promise<Error> {
    try {
      await this.#handle({ id: deliveryId, messageId: '' }).answer()
    } catch (error) {
      if (error instanceof DeliveryFailedError) return error
      throw error
    }
    throw forgotten(deliveryId)
  }

  /** Begins to send what is due. */
  start(): void {
    this.#dispatcher.start()
    this.#fanOut.start()
    this.#ends.start()
  }

  /** What is due now, up to a limit of each kind, where nothing is done by itself: fan-outs, ends, attempts. How much that was. */
  async pass(limit: number, signal?: AbortSignal): Promise<number> {
    let batches = 0
    while (batches < limit && signal?.aborted !== true && (await this.#fanOut.once()).worked) batches++
    const told = signal?.aborted === true ? 0 : (await this.#ends.once(limit)).told
    const attempts = await this.#dispatcher.pass(limit, signal)
    return batches + told + attempts
  }

  /** Deliveries that died of their deadline, or with their subscription: a sweep has found them. Never rejects. */
  async died(deliveryIds: readonly string[], reason: 'expired' | 'unsubscribed'): Promise<void> {
    const whyUntold = (lane: Lane) => (reason === 'expired' ? this.#endpoints.whyUntold(lane) : undefined)
    for (const id of deliveryIds) await this.#reports.died(id, reason, whyUntold)
  }

  /** A lane keeps failing: a sweep tells of it at half of the time it may, and when it is paused. */
  troubled(lane: TroubledLane): void {
    this.#reports.troubled(lane)
  }

  /** A delivery was called off by the end of its exchange. */
  calledOff(delivery: { readonly id: string; readonly messageId: string }): void {
    this.#reports.cancelled(delivery)
  }

  /** Begins no attempt any more. Resolves when those under way have ended. */
  async finish(): Promise<void> {
    this.#closing.abort()
    await Promise.all([this.#fanOut.finish(), this.#ends.finish(), this.#dispatcher.finish()])
  }

  /** Gives back what is under way, and ends every wait for a delivery. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#closed = true
    await Promise.all([this.#fanOut.finish(), this.#ends.finish(), this.#dispatcher.close()])
    this.#waits.close()
    await this.#carrier.close()
  }

  /** `toMissing`: why there is no such delivery. */
  #handle(sent: Sent, toMissing: (deliveryId: string) => Error = forgotten): DeliveryHandle {
    const { session, settings } = this.#parts
    return new DeliveryHandle(sent, {
      session,
      waits: this.#waits,
      now: () => settings.clock.now(),
      toMissing,
      onCancelled: delivery => this.#reports.cancelled(delivery),
    })
  }
}

/** A message to an endpoint. */
type Unaddressed = Omit<Message, 'to'>
type Keyed = [key: string, message: Unaddressed, options?: JoinOptions | undefined]

function isKeyed(given: [Unaddressed] | Keyed): given is Keyed {
  return given.length > 1
}

/** A server that only this machine can reach, outside production. One whose public URL cannot be had may be anything. */
function isDevelopment({ publicUrl, logger }: ServerSettings): boolean {
  if (process.env.NODE_ENV === 'production') return false
  try {
    return isLoopbackHost(new URL(publicUrl()).hostname)
  } catch (err) {
    logger.warn({ err }, 'publicUrl threw; nothing is sent to loopback while it does')
    return false
  }
}
