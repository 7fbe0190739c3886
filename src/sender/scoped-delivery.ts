import { checkWaitOptions, type Wait, type WaitOptions } from '../core/wait.js'
import type { Attempt, Delivery, EndpointAnswer, RememberedWaits } from '../model/message.js'
import type { DeliveryHandle } from './delivery.js'

/** A delivery of a scope: its waits are the scope's, the rest is any delivery's. */
export class ScopedDelivery implements Delivery {
  readonly id: string
  readonly messageId: string
  readonly #delivery: DeliveryHandle
  readonly #waits: RememberedWaits

  constructor(delivery: DeliveryHandle, waits: RememberedWaits) {
    this.id = delivery.id
    this.messageId = delivery.messageId
    this.#delivery = delivery
    this.#waits = waits
  }

  done<F = never>(options: WaitOptions<F> = {}): Wait<'delivered' | 'dead' | F> {
    checkWaitOptions(options, 'done')
    return this.#waits.done(options)
  }

  response<F = never>(options: WaitOptions<F> = {}): Wait<EndpointAnswer | F> {
    checkWaitOptions(options, 'response')
    return this.#waits.answered(options, () => this.#delivery.answer())
  }

  attempts(): Promise<Attempt[]> {
    return this.#delivery.attempts()
  }

  cancel(): Promise<boolean> {
    return this.#delivery.cancel()
  }
}
