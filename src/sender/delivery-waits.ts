import { after, type Clock } from '../core/clock.js'
import { Looks } from '../core/looks.js'
import { createWait, type PendingWait, type Wait, type WaitOptions } from '../core/wait.js'
import { InvalidOptionsError, ServerClosedError } from '../errors.js'
import type { DeliveryRecord } from '../model/delivery.js'
import { isPassing } from '../store/passing.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'

// Who waits in this process for a delivery to end.
//
// Owns:   the waits, their subscriptions to wake-ups.
// Leaves: ending deliveries (dispatcher, store), and what is made of one that ended (`found`).
//
//   V1. The store says whether a delivery ended; a wake-up is only a reason to ask it.
//   V2. A store that cannot be reached ends no wait: it is asked again a little later.
//   V3. A wait that ended holds no subscription and no timer.

export interface DeliveryWaitsParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

interface EndedOptions<T, F> extends WaitOptions<F> {
  /** In words, for a time-out. */
  readonly what: string
  /** What the wait resolves with, or rejects with. */
  readonly found: (delivery: DeliveryRecord) => T | Promise<T>
}

const RETRY_MS = 1_000

export class DeliveryWaits {
  readonly #parts: DeliveryWaitsParts
  readonly #open = new Set<PendingWait<unknown, unknown>>()
  #closed = false

  constructor(parts: DeliveryWaitsParts) {
    this.#parts = parts
  }

  /** A wait for the delivery's end, also when that lies behind already. */
  untilEnded<T, F = never>(deliveryId: string, { found, ...options }: EndedOptions<T, F>): Wait<T | F> {
    const { session, watch, clock } = this.#parts
    let stop = () => {}
    const pending = createWait<T, F>({ ...options, clock, onGiveUp: () => stop() })
    if (this.#closed) pending.fail(new ServerClosedError())
    if (!pending.pending) return pending.wait

    let stopTimer = () => {}
    const looks = new Looks(async () => {
      if (!pending.pending) return
      try {
        const delivery = await session.findDelivery({ deliveryId })
        if (delivery === undefined) throw forgotten(deliveryId)
        if (hasEnded(delivery)) pending.fulfil(await found(delivery))
        else pending.nothingYet()
      } catch (error) {
        if (!isPassing(error)) return void pending.fail(error)
        this.#parts.onError(error)
        pending.nothingYet()
        if (pending.pending) stopTimer = after(clock, RETRY_MS, () => looks.again())
      }
    })
    const unwatch = watch.watch({ kind: 'delivery', id: deliveryId }, () => looks.again())
    this.#open.add(pending)
    stop = () => {
      this.#open.delete(pending)
      stopTimer()
      unwatch()
    }
    pending.wait.then(stop, stop)
    looks.again()
    return pending.wait
  }

  /** Nobody is told any more. */
  close(): void {
    this.#closed = true
    for (const pending of [...this.#open]) pending.fail(new ServerClosedError())
  }
}

/** Asking for what retention has let go of. */
export function forgotten(deliveryId: string): Error {
  return new InvalidOptionsError(
    `Delivery ${deliveryId} is not kept any more: it ended longer ago than retention.messages`,
  )
}

function hasEnded({ status }: DeliveryRecord): boolean {
  return status === 'delivered' || status === 'dead'
}
