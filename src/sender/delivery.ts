import { checkOptionNames } from '../core/option-names.js'
import { type Wait, type WaitOptions, waitOptionNames } from '../core/wait.js'
import { DeliveryFailedError } from '../errors.js'
import type { DeliveryRecord } from '../model/delivery.js'
import type { Attempt, Delivery, EndpointAnswer } from '../model/message.js'
import type { StoreSession } from '../store/store.js'
import { lastAnswer } from './answer.js'
import { type DeliveryWaits, forgotten } from './delivery-waits.js'

export interface DeliveryParts {
  readonly session: StoreSession
  readonly waits: DeliveryWaits
  readonly now: () => number
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
    checkOptionNames(options, waitOptionNames, 'done')
    return this.#parts.waits.untilEnded(this.id, {
      ...options,
      what: `the end of delivery ${this.id}`,
      found: ({ status }) => (status === 'delivered' ? 'delivered' : 'dead'),
    })
  }

  response<F = never>(options: WaitOptions<F> = {}): Wait<EndpointAnswer | F> {
    checkOptionNames(options, waitOptionNames, 'response')
    return this.#parts.waits.untilEnded(this.id, {
      ...options,
      what: `the answer to delivery ${this.id}`,
      found: delivery => this.#answerTo(delivery),
    })
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
    if (delivery === undefined) throw forgotten(this.id)
    return await this.#answerTo(delivery)
  }

  async #answerTo({ id, status, reason = 'exhausted' }: DeliveryRecord): Promise<EndpointAnswer> {
    const answer = lastAnswer(await this.#parts.session.listAttempts({ deliveryId: id }))
    if (status === 'dead') throw new DeliveryFailedError({ delivery: id, reason, answer })
    if (answer === undefined) throw forgotten(id)
    return answer
  }
}
