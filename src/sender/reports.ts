import type { Clock } from '../core/clock.js'
import type { AfterAttempt, AttemptRecord, ClaimedDelivery, DeliveryRecord, Lane } from '../model/delivery.js'
import type { Logger, Observation } from '../options.js'
import type { TroubledLane } from '../store/nodes.js'
import type { StoreSession } from '../store/store.js'

// What is told of deliveries, once it is durable: every attempt and every end to whoever observes, and to the log what an
// operator has to know.
//
//   R1. A delivery that dies has one line, a warning. A cancelled one has none: whoever did that knows.
//   R2. An attempt that failed has a line of its own, on `debug`, only where another one follows: an endpoint that is down
//       for a day floods nobody's log.
//   R3. A line has ids, the name of the endpoint or the origin of the URL, numbers, and an error in our words; never a
//       path, a query, a header or a body.

export interface ReportsParts {
  readonly session: StoreSession
  readonly clock: Clock
  readonly logger: Logger
  readonly observe: (event: Observation) => void
}

type Outcome = Pick<AttemptRecord, 'status' | 'error'>

interface Found {
  readonly delivery: DeliveryRecord | undefined
  readonly last: AttemptRecord | undefined
  /** Why there is no more to tell. */
  readonly failure: { readonly err?: unknown }
}

const DEAD = 'a delivery is dead; no further attempt is made'

export class Reports {
  readonly #parts: ReportsParts

  constructor(parts: ReportsParts) {
    this.#parts = parts
  }

  /** Without `next` the delivery had ended before the attempt did, and that was told. */
  attempted({ delivery }: ClaimedDelivery, attempt: AttemptRecord, next: AfterAttempt | undefined): void {
    const { clock, logger, observe } = this.#parts
    const at = new Date(clock.now())
    const number = delivery.attempts + 1
    const outcome = toOutcome(attempt)
    const { durationMs } = attempt
    const about = aboutOf(delivery)
    observe({ type: 'delivery.attempted', at, ...about, attempt: number, durationMs, ...outcome })
    if (next === undefined) return
    if (next.status === 'due') {
      const retryInMs = Math.max(0, next.dueAt - at.getTime())
      logger.debug(
        { ...namesOf(delivery), attempt: number, ...outcome, retryInMs },
        'an attempt to deliver failed; it is tried again',
      )
      return
    }

    const end = { type: 'delivery.ended', at, ...about }
    if (next.status === 'delivered') {
      observe({ ...end, status: 'delivered' })
    } else {
      const { reason } = next
      observe({ ...end, status: 'dead', reason })
      logger.warn({ ...namesOf(delivery), reason, attempts: number, ...outcome }, DEAD)
    }
  }

  /** A sweep found the delivery past its deadline, or its subscription gone. Where no more can be read of it, its id has to do. Never rejects. */
  async died(
    deliveryId: string,
    reason: 'expired' | 'unsubscribed',
    whyUntold: (lane: Lane) => Error | undefined,
  ): Promise<void> {
    const { clock, logger, observe } = this.#parts
    const { delivery, last, failure } = await this.#read(deliveryId)
    const at = new Date(clock.now())
    const about = delivery === undefined ? { deliveryId } : aboutOf(delivery)
    const names = delivery === undefined ? about : { ...namesOf(delivery), attempts: delivery.attempts }
    observe({ type: 'delivery.ended', at, ...about, status: 'dead', reason })
    logger.warn({ ...names, reason, ...toOutcome(last), ...failure }, DEAD)
    const untold = delivery && whyUntold(delivery.lane)
    if (delivery === undefined || untold === undefined) return
    if (!(await this.#followsAnother(delivery))) this.untold(delivery, untold)
  }

  /** An endpoint keeps failing. */
  troubled({ lane, what, failingSince }: TroubledLane): void {
    const { clock, logger, observe } = this.#parts
    const since = new Date(failingSince)
    observe({ type: `endpoint.${what}`, at: new Date(clock.now()), lane, failingSince: since })
    logger.warn({ ...targetOf(lane), failingSince: since }, troubleOf(what))
  }

  /** Whoever was to be told of an end cannot be: it is not declared here, or may not be called. */
  untold(delivery: DeliveryRecord, err: Error): void {
    this.#parts.logger.warn(
      { ...namesOf(delivery), err },
      'nobody can be told how a delivery ended, from here; it waits, for this process or another that can',
    )
  }

  /** An endpoint names somebody who is not declared here. */
  silent(lane: Lane, err: Error | undefined): void {
    this.#parts.logger.warn(
      { ...targetOf(lane), err },
      'an endpoint names a deadLetter that is not declared here; how its deliveries end waits until it is, here or on another node',
    )
  }

  cancelled({ id, messageId }: { readonly id: string; readonly messageId: string }): void {
    const { clock, observe } = this.#parts
    const at = new Date(clock.now())
    observe({ type: 'delivery.ended', at, deliveryId: id, messageId, status: 'dead', reason: 'cancelled' })
  }

  /** Of the end of what tells of another end nobody is told. */
  async #followsAnother({ messageId }: DeliveryRecord): Promise<boolean> {
    try {
      return (await this.#parts.session.findMessage({ messageId }))?.follows !== undefined
    } catch {
      return false // then it has a line too many
    }
  }

  async #read(deliveryId: string): Promise<Found> {
    const { session } = this.#parts
    try {
      const delivery = await session.findDelivery({ deliveryId })
      const attempts = delivery?.attempts ? await session.listAttempts({ deliveryId }) : []
      return { delivery, last: attempts.at(-1), failure: {} }
    } catch (err) {
      return { delivery: undefined, last: undefined, failure: { err } }
    }
  }
}

function aboutOf({ id, messageId, lane }: DeliveryRecord): object {
  return { deliveryId: id, messageId, lane }
}

function namesOf({ id, messageId, lane }: DeliveryRecord): object {
  return { deliveryId: id, messageId, ...targetOf(lane) }
}

function troubleOf(what: TroubledLane['what']): string {
  if (what === 'paused') {
    return 'an endpoint has failed for so long that it is paused; its messages wait until it is resumed'
  }
  return 'an endpoint keeps failing; it is paused when it has done so for twice as long'
}

function targetOf(lane: Lane): object {
  const [, kind = '', target] = /^(endpoint|origin|subscription|proof):(.*)$/s.exec(lane) ?? []
  return { [kind]: target }
}

/** What came of an attempt; what was answered beyond its status is nobody's business here. */
function toOutcome({ status, error }: Outcome = {}): Outcome {
  return { ...(status === undefined ? {} : { status }), ...(error === undefined ? {} : { error }) }
}
