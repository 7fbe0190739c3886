import { checkWaitOptions, type Wait, type WaitOptions } from '../core/wait.js'
import { DeliveryFailedError, InvalidOptionsError } from '../errors.js'
import type { DeliveryRecord } from '../model/delivery.js'
import type { Attempt, Delivery, EndpointAnswer } from '../model/message.js'
import type { EndWaits } from '../store/end-waits.js'
import type { StoreSession } from '../store/store.js'
import { lastAnswer } from './answer.js'

export interface DeliveryParts {
  readonly session: StoreSession
  readonly waits: EndWaits
  readonly now: () => number
  /** Why there is no such delivery. */
  readonly toMissing: (deliveryId: string) => Error
  readonly onCancelled: (delivery: { readonly id: string; readonly messageId: string }) => void
}

export class DeliveryHandle implements Delivery {
  readonly id: string
  readonly messageId: string
  readonly #parts: DeliveryParts

  constructor({ id, messageId }: { id: string; messageId: string }, parts: DeliveryParts) {
    this.id = id
    this.messageId = messageId
    this.#parts = parts
  }

  done<F = never>(options: WaitOptions<F> = {}): Wait<'delivered' | 'dead' | F> {
    checkWaitOptions(options, 'done')
    const what = `the end of delivery ${this.id}`
    return this.#untilEnded(({ status }) => (status === 'delivered' ? 'delivered' : 'dead'), {
      ...options,
      what,
    })
  }

  response<F = never>(options: WaitOptions<F> = {}): Wait<EndpointAnswer | F> {
    checkWaitOptions(options, 'response')
    const what = `the answer to delivery ${this.id}`
    return this.#untilEnded(delivery => this.#answerTo(delivery), { ...options, what })
  }

  async attempts(): Promise<Attempt[]> {
    const records = await this.#parts.session.listAttempts({ deliveryId: this.id })
    return records.map(({ at, durationMs, status, error }) => ({
      at: new Date(at),
      durationMs,
      ...(status === undefined ? {} : { status }),
      ...(error === undefined ? {} : { error }),
    }))
  }

  async cancel(): Promise<boolean> {
    const { session, now, onCancelled } = this.#parts
    const cancelled = await session.cancelDelivery({ deliveryId: this.id, now: now() })
    if (cancelled) onCancelled(this)
    return cancelled
  }

  /** What the endpoint answered, once the delivery has ended. */
  async answer(): Promise<EndpointAnswer> {
    const delivery = await this.#parts.session.findDelivery({ deliveryId: this.id })
    if (delivery === undefined) throw this.#parts.toMissing(this.id)
    return await this.#answerTo(delivery)
  }

  /** `toFound`: what is made of a delivery that has ended. */
  #untilEnded<T, F>(
    toFound: (delivery: DeliveryRecord) => T | Promise<T>,
    options: WaitOptions<F> & { readonly what: string },
  ): Wait<T | F> {
    const { session, waits, toMissing } = this.#parts
    const look = async () => {
      const delivery = await session.findDelivery({ deliveryId: this.id })
      if (delivery === undefined) throw toMissing(this.id)
      return hasEnded(delivery) ? { found: await toFound(delivery) } : {}
    }
    return waits.until<T, F>({ watched: [{ kind: 'delivery', id: this.id }], look }, options)
  }

  async #answerTo({ id, status, reason = 'exhausted' }: DeliveryRecord): Promise<EndpointAnswer> {
    const answer = lastAnswer(await this.#parts.session.listAttempts({ deliveryId: id }))
    if (status === 'dead') throw new DeliveryFailedError({ delivery: id, reason, answer })
    if (answer === undefined) throw forgotten(id)
    return answer
  }
}

/** Asking for what retention has let go of. */
export function forgotten(deliveryId: string): Error {
  return new InvalidOptionsError(
    `Delivery ${deliveryId} is not kept any more: it ended longer ago than retention.messages`,
  )
}

/** Asking for what was sent within a transaction of the caller's. */
export function uncommitted(deliveryId: string): Error {
  return new InvalidOptionsError(
    `There is no delivery ${deliveryId}: the transaction that it was sent within has not committed or was rolled back, or the delivery ended longer ago than retention.messages`,
  )
}

function hasEnded({ status }: DeliveryRecord): boolean {
  return status === 'delivered' || status === 'dead'
}
