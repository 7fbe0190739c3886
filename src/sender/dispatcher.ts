import { setMaxListeners } from 'node:events'
import { after, type Clock } from '../core/clock.js'
import { Looks } from '../core/looks.js'
import type { ClaimedDelivery, Lane } from '../model/delivery.js'
import type { Rate } from '../model/lane.js'
import { DEFAULTS } from '../options.js'
import type { ClaimDeliveriesOutcome } from '../store/sending.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import type { Courier } from './courier.js'
import type { Endpoints } from './endpoints.js'

// Sends what is due.
//
// Owns:   the attempts under way in this process, the room in each lane, the timer for what falls due next.
// Leaves: the queue itself (store), what an attempt is and how it is recorded (courier).
//
//   D1. Only a delivery that was claimed is sent, and the claim is in the store before the request leaves.
//   D2. No lane has more attempts under way than it has room for, and none waits for another's: a claim asks for all
//       lanes that have room, and an attempt that ends makes room in its own.
//   D3. The store is asked when something may be due: after a wake-up, when a lane with a backlog has room again, at the instant
//       it named. Never once for each delivery that waits.
//   D4. A failing store stops nothing for good: it is asked again a little later. What a claim may have taken whose answer
//       never came is given back first.
//   D5. A lane that is not known to be well may have been handed out one at a time, however many wait in it, so each end there
//       is followed by a look.

export interface DispatcherParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly endpoints: Endpoints
  readonly courier: Courier
  readonly epoch: () => number
  readonly onError: (error: unknown) => void
}

const ORIGIN_ROOM = DEFAULTS.endpointConcurrency
const LARGEST_CLAIM = 256
/** Bounds memory and sockets. Lanes are far smaller, so it takes over a hundred dead ones to reach it. */
const MOST_AT_ONCE = 2_048
/** Of how many lanes it is kept that they are well. */
const MOST_WELL = 10_000
/** Before the store is asked again that failed, or that says something is due and does not hand it out. */
const PAUSE_MS = 1_000

export class Dispatcher {
  readonly #parts: DispatcherParts
  readonly #looks = new Looks(() => this.#lookOnce())
  /** Each attempt, and the id of its delivery. */
  readonly #underWay = new Map<Promise<void>, string>()
  readonly #inLane = new Map<Lane, number>()
  /** What subscriptions say of their lanes, while anything is under way there. */
  readonly #roomIn = new Map<Lane, number>()
  /** Lanes in which more may be due than there was room for. */
  readonly #backlogged = new Set<Lane>()
  /** Aborted when attempts under way are given back. */
  readonly #stop = new AbortController()
  /** Lanes whose last attempt here was answered, and all before it, as far as is known. */
  readonly #well = new Set<Lane>()
  /** A claim was sent and its answer has not come. */
  #unsure = false
  #state: 'new' | 'running' | 'finishing' = 'new'
  #stopWatching: (() => void) | undefined
  #stopTimer: (() => void) | undefined

  constructor(parts: DispatcherParts) {
    this.#parts = parts
    setMaxListeners(0, this.#stop.signal) // each attempt under way listens: that is no leak
  }

  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.#stopWatching = this.#parts.watch.watch({ kind: 'outbox' }, () => this.look())
    this.look()
  }

  /** Something may be due, or may be sent that could not be before. */
  look(): void {
    if (this.#state === 'running') this.#looks.again()
  }

  /** Begins no attempt any more. Resolves when those under way have ended. */
  async finish(): Promise<void> {
    this.#state = 'finishing'
    this.#stopWatching?.()
    this.#stopTimer?.()
    await this.#looks.finished
    await Promise.all(this.#underWay.keys())
  }

  /** Gives back at once what is under way. */
  async close(): Promise<void> {
    const finished = this.finish()
    this.#stop.abort()
    await finished
  }

  /**
   * Sends what is due now, up to a limit, where nothing is sent by itself: as much at once as there is room for, until nothing
   * more is handed out. How many attempts that were.
   */
  async pass(limit: number, signal?: AbortSignal): Promise<number> {
    let attempts = 0
    while (this.#state === 'new' && attempts < limit && signal?.aborted !== true) {
      const { claimed } = await this.#claim(Math.min(limit - attempts, LARGEST_CLAIM))
      await Promise.all(this.#underWay.keys())
      if (claimed.length === 0) break
      attempts += claimed.length
    }
    return attempts
  }

  async #lookOnce(): Promise<void> {
    const limit = Math.min(LARGEST_CLAIM, MOST_AT_ONCE - this.#underWay.size)
    if (this.#state !== 'running' || limit <= 0) return
    const now = this.#parts.clock.now()
    try {
      const { claimed, nextDueAt } = await this.#claim(limit)
      if (nextDueAt === undefined) this.#lookIn(undefined)
      else if (nextDueAt > now) this.#lookIn(nextDueAt - now)
      else if (claimed.length > 0) this.look()
      else this.#lookIn(PAUSE_MS)
    } catch (error) {
      this.#parts.onError(error)
      this.#lookIn(PAUSE_MS)
    }
  }

  async #claim(limit: number): Promise<ClaimDeliveriesOutcome> {
    const { session, clock, epoch: currentEpoch } = this.#parts
    const epoch = currentEpoch()
    const now = clock.now()
    if (this.#unsure) await session.reclaimDeliveries({ epoch, held: [...this.#underWay.values()], now })
    const lanes = this.#lanes()
    this.#unsure = true
    const outcome = await session.claimDeliveries({
      ...{ epoch, now, limit, lanes },
      rates: this.#rates(),
      originRoom: ORIGIN_ROOM,
    })
    this.#unsure = false
    this.#noteBacklog(lanes, outcome.claimed)
    for (const delivery of outcome.claimed) this.#launch(delivery, epoch)
    return outcome
  }

  #rates(): Record<Lane, Rate> {
    const rates: Record<Lane, Rate> = {}
    for (const { lane, rateLimit } of this.#parts.endpoints) {
      if (rateLimit !== undefined) rates[lane] = rateLimit
    }
    return rates
  }

  /** The room of each declared endpoint; of any other lane, what it has taken already. */
  #lanes(): Record<Lane, number> {
    const lanes: Record<Lane, number> = {}
    for (const [lane, count] of this.#inLane) if (!isEndpoint(lane)) lanes[lane] = count
    for (const { lane, concurrency } of this.#parts.endpoints) {
      lanes[lane] = Math.max(0, concurrency - this.#countIn(lane))
    }
    return lanes
  }

  /** One timer: the last look knows best when the next one is due. */
  #lookIn(ms: number | undefined): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    if (ms !== undefined && this.#state === 'running') {
      this.#stopTimer = after(this.#parts.clock, ms, () => this.look())
    }
  }

  #launch(claimed: ClaimedDelivery, epoch: number): void {
    const { courier, onError } = this.#parts
    const { id, lane } = claimed.delivery
    const claim = { deliveryId: id, epoch, fence: claimed.fence }
    this.#inLane.set(lane, this.#countIn(lane) + 1)
    this.#roomIn.set(lane, claimed.subscription?.concurrency ?? ORIGIN_ROOM)

    // Closing may have begun while the claim was on its way.
    const { signal } = this.#stop
    const work =
      this.#state === 'finishing' ? courier.giveBack(claim, signal) : courier.deliver(claimed, claim, signal)
    const noted = work.then(isWell => this.#note(lane, isWell))
    const attempt = noted.catch(onError).then(wasWell => {
      const moreMayWait =
        wasWell !== true || this.#backlogged.has(lane) || this.#underWay.size >= MOST_AT_ONCE
      this.#underWay.delete(attempt)
      if (this.#countIn(lane) > 1) this.#inLane.set(lane, this.#countIn(lane) - 1)
      else this.#forget(lane)
      if (moreMayWait) this.look()
    })
    this.#underWay.set(attempt, id)
  }

  /** Whether the lane was well before, and is. */
  #note(lane: Lane, isWell: boolean): boolean {
    const wasWell = this.#well.delete(lane)
    if (!isWell) return false
    if (this.#well.size >= MOST_WELL) this.#well.clear()
    this.#well.add(lane)
    return wasWell
  }

  /** A claim that took all it had room for may have left some behind; one that took less has not. */
  #noteBacklog(lanes: Readonly<Record<Lane, number>>, claimed: readonly ClaimedDelivery[]): void {
    const taken = new Map<Lane, number>()
    const rooms = new Map<Lane, number>()
    for (const { delivery, subscription } of claimed) {
      taken.set(delivery.lane, (taken.get(delivery.lane) ?? 0) + 1)
      if (subscription?.concurrency !== undefined) rooms.set(delivery.lane, subscription.concurrency)
    }
    for (const lane of new Set([...taken.keys(), ...this.#backlogged])) {
      const named = lanes[lane] ?? 0
      const room = isEndpoint(lane)
        ? named
        : (rooms.get(lane) ?? this.#roomIn.get(lane) ?? ORIGIN_ROOM) - named
      if (room <= 0) continue // it was not asked for
      if ((taken.get(lane) ?? 0) >= room) this.#backlogged.add(lane)
      else this.#backlogged.delete(lane)
    }
  }

  #forget(lane: Lane): void {
    this.#inLane.delete(lane)
    this.#roomIn.delete(lane)
  }

  #countIn(lane: Lane): number {
    return this.#inLane.get(lane) ?? 0
  }
}

function isEndpoint(lane: Lane): boolean {
  return lane.startsWith('endpoint:')
}
