import type { Clock } from '../core/clock.js'
import { createId } from '../core/ids.js'
import { Rounds } from '../store/rounds.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import { jsonOf, matches } from './filter.js'
import { fromStored } from './stored-subscription.js'

// Turns a message to a topic into deliveries to its subscribers, a batch at a time.
//
// Owns:   nothing: where each fan-out stands is in the store.
// Leaves: whose turn it is (store), sending (dispatcher).
//
//   F1. A batch and the place where the next one begins are one commit. Two nodes that have the same batch write it once.
//   F2. Fan-outs take turns, so whoever publishes to ten subscribers does not wait for one with a hundred thousand.

/** How many subscriptions are read and written at once. */
const BATCH = 500
/** How long nobody else takes the batch that is being made. */
const HOLD_MS = 5_000
const SOON_MS = 50

export interface FanOutParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

export class FanOut {
  readonly #parts: FanOutParts
  readonly #rounds: Rounds

  constructor(parts: FanOutParts) {
    this.#parts = parts
    const { watch, clock, onError } = parts
    this.#rounds = new Rounds({
      ...{ watch, clock, onError },
      wakes: { kind: 'fanOuts' },
      look: async () => {
        const { worked, nextAt } = await this.once()
        if (worked) return 0
        // One that another node has locked is due all the same.
        return nextAt === undefined ? undefined : Math.max(SOON_MS, nextAt - clock.now())
      },
    })
  }

  start(): void {
    this.#rounds.start()
  }

  finish(): Promise<void> {
    return this.#rounds.finish()
  }

  /** One batch, if there is one to be made. */
  async once(): Promise<{ readonly worked: boolean; readonly nextAt?: number }> {
    const { session, clock } = this.#parts
    const now = clock.now()
    const { fanOut, nextAt } = await session.claimFanOut({ now, holdMs: HOLD_MS, limit: BATCH })
    if (fanOut === undefined) return { worked: false, ...(nextAt === undefined ? {} : { nextAt }) }

    const { message, from, page, last, dueAt, deadlineAt } = fanOut
    const payload = jsonOf(message)
    const wanted = page.filter(({ subscription }) => matches(fromStored(subscription).filter, payload))
    await session.fanOut({
      messageId: message.id,
      from,
      to: page.at(-1)?.no ?? from,
      done: last,
      deliveries: wanted.map(({ subscription }) => ({
        deliveryId: createId('dlv', now),
        subscriptionId: subscription.id,
        dueAt,
        deadlineAt,
      })),
      now,
    })
    return { worked: true }
  }
}
