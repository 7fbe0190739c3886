import { checkOptionNames } from '../core/option-names.js'
import { type Wait, type WaitOptions, waitOptionNames } from '../core/wait.js'
import { DeliveryFailedError } from '../errors.js'
import type { DeliveryRecord } from '../model/delivery.js'
import type { StoreSession } from '../store/store.js'
import { type EndpointAnswer, lastAnswer } from './answer.js'
import { type DeliveryWaits, forgotten } from './delivery-waits.js'

export type { EndpointAnswer } from './answer.js'

/** One HTTP try. Without a status there was no answer, and `error` says why. */
export interface Attempt {
  readonly at: Date
  readonly durationMs: number
  readonly status?: number
  readonly error?: string
}

/** One message to one endpoint: a handle, which can be let go of and found again by the key of the message. */
export interface Delivery {
  readonly id: string
  /** What every attempt carries as `webhook-id`. */
  readonly messageId: string
  /** How it ended. Waiting for it changes nothing: a delivery that is not waited for ends all the same. */
  done<F = never>(options?: WaitOptions<F>): Wait<'delivered' | 'dead' | NoInfer<F>>
  /** What the endpoint answered. Rejects with `DeliveryFailedError` if the delivery is dead. */
  response<F = never>(options?: WaitOptions<F>): Wait<EndpointAnswer | NoInfer<F>>
  /** Oldest first. */
  attempts(): Promise<Attempt[]>
  /** No attempt after this; one that is under way is not called back. `false` if it had ended. */
  cancel(): Promise<boolean>
}

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

  async #answerTo({ id, status, reason = 'exhausted' }: DeliveryRecord): Promise<EndpointAnswer> {
    const answer = lastAnswer(await this.#parts.session.listAttempts({ deliveryId: id }))
    if (status === 'dead') throw new DeliveryFailedError({ delivery: id, reason, answer })
    if (answer === undefined) throw forgotten(id)
    return answer
  }
}
