import type { Clock } from '../core/clock.js'
import { EndpointRefusedError, InvalidOptionsError } from '../errors.js'
import type { Lane } from '../model/delivery.js'
import type { ClaimEndsOutcome } from '../store/history.js'
import { Rounds } from '../store/rounds.js'
import type { SendInput } from '../store/sending.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import type { Endpoints } from './endpoints.js'
import { toSend } from './outbox.js'
import { fromStored } from './stored-subscription.js'
import { toAnswer, toFailure } from './wrapper.js'

// Tells of ends: what could not be delivered goes back to whom its endpoint names (return to sender), and what the
// endpoint of a subscription answered to whom that subscription names (callback with response).
//
// Owns:   what it has warned of. Which ends are to be told is in the store.
// Leaves: delivering what tells of them, which is a message like any other (dispatcher).
//
//   Z1. An end is settled in one commit with the message that tells of it: it is told once, also after a crash.
//   Z2. Of the end of such a message nobody is told, so there is no circle.
//   Z3. Whom to tell is read when it is told. The end of a delivery to an endpoint is left, and its turn with it, to a node that
//       declares both the endpoint and whom that names. Nobody here sees such ends, so the log has the endpoint, once in each
//       process that declares it and not whom it names, whether there are any or not.
//   Z4. Whom a subscription names only who has its end can read. Where that is not declared here, it is tried again after
//       seconds, and less and less often, down to every few minutes, here or on another node. The log has the end once.
//   Z5. Neither warning is of the first look: it may be before this process has declared what it has.

type End = ClaimEndsOutcome['ends'][number]

export interface EndsParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly endpoints: Endpoints
  /** Told of an end that cannot be told to anybody. */
  readonly onUntold: (end: End, error: Error) => void
  /** Told of an endpoint that names somebody who is not declared here. */
  readonly onSilent: (lane: Lane) => void
  readonly onError: (error: unknown) => void
}

const BATCH = 100
/** Of how many ends it is kept that nobody could be told. */
const MOST_UNTOLD = 10_000
/** How long nobody else tells of what is being told here. */
const HOLD_MS = 5_000
/** Every how often at least it is tried to tell of what cannot be told. */
const HOLD_MOST_MS = 300_000
const SOON_MS = 50

export class Ends {
  readonly #parts: EndsParts
  readonly #rounds: Rounds
  /** Ends that could not be told, and how often that was tried. */
  readonly #untold = new Map<string, number>()
  /** Lanes of which nothing can be told from here, and when that is to be warned of. */
  readonly #silent = new Map<Lane, number>()

  constructor(parts: EndsParts) {
    this.#parts = parts
    const { watch, clock, onError } = parts
    this.#rounds = new Rounds({
      ...{ watch, clock, onError },
      wakes: { kind: 'ends' },
      look: async () => {
        const { told, nextAt } = await this.once()
        if (told > 0) return 0
        // One that another node has locked is due all the same.
        return nextAt === undefined ? undefined : Math.max(SOON_MS, nextAt - clock.now())
      },
    })
  }

  start(): void {
    this.#rounds.start()
  }

  /** What has been waiting may be told now: somebody was declared. */
  look(): void {
    this.#rounds.look()
  }

  finish(): Promise<void> {
    return this.#rounds.finish()
  }

  /** A batch of ends, and how many of them were settled. */
  async once(limit = BATCH): Promise<{ readonly told: number; readonly nextAt?: number }> {
    const { session, clock, endpoints } = this.#parts
    const now = clock.now()
    this.#noteSilent(now)
    const { ends, nextAt } = await session.claimEnds({
      ...{ now, lanes: endpoints.tellingLanes },
      ...{ holdMs: HOLD_MS, holdMostMs: HOLD_MOST_MS },
      limit: Math.min(limit, BATCH),
    })
    const settled = await Promise.all(ends.map(end => this.#settle(end)))
    const told = settled.filter(Boolean).length
    const turns = [...(nextAt === undefined ? [] : [nextAt]), ...(told < ends.length ? [now + HOLD_MS] : [])]
    return { told, ...(turns.length === 0 ? {} : { nextAt: Math.min(...turns) }) }
  }

  async #settle(end: End): Promise<boolean> {
    const { session, clock } = this.#parts
    let send: SendInput | undefined
    try {
      send = this.#toMessage(end)
    } catch (error) {
      if (!(error instanceof EndpointRefusedError || error instanceof InvalidOptionsError)) throw error
      this.#noteUntold(end, error)
      return false
    }
    this.#untold.delete(end.delivery.id)
    return session.settleEnd({
      deliveryId: end.delivery.id,
      ...(send === undefined ? {} : { send }),
      now: clock.now(),
    })
  }

  #noteSilent(now: number): void {
    const { endpoints, onSilent } = this.#parts
    for (const lane of endpoints.silentLanes) {
      const warnsAt = this.#silent.get(lane) ?? now + HOLD_MS
      if (warnsAt <= now) onSilent(lane)
      this.#silent.set(lane, warnsAt <= now ? Number.POSITIVE_INFINITY : warnsAt)
    }
  }

  #noteUntold(end: End, error: Error): void {
    const { id } = end.delivery
    const tries = (this.#untold.get(id) ?? 0) + 1
    if (tries === 2) this.#parts.onUntold(end, error)
    if (this.#untold.size >= MOST_UNTOLD) this.#untold.clear()
    this.#untold.set(id, tries)
  }

  /** `undefined`: nobody is to be told, or not any more. @throws InvalidOptionsError when whoever is to be told is not declared here. */
  #toMessage({ delivery, message, attempt, subscription }: End): SendInput | undefined {
    const { clock, endpoints } = this.#parts
    const hasDied = delivery.status === 'dead'
    const stored = subscription && fromStored(subscription)
    const failuresTo = stored?.deadLetter ?? endpoints.deadLetterOf(delivery.lane)
    const to = hasDied ? failuresTo : stored?.callback
    if (to === undefined) return undefined
    const body = hasDied ? toFailure(message, attempt) : toAnswer(message, attempt)
    const send = toSend(undefined, { to, body }, { endpoints, clock })
    return { ...send, message: { ...send.message, follows: delivery.id } }
  }
}
