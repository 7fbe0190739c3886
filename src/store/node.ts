import { after, type Clock } from '../core/clock.js'
import type { Leftover } from '../model/receiver.js'
import type { TroubledLane } from './nodes.js'
import type { StoreSession } from './store.js'

// This process as a node of the store: its epoch, its lease, and the upkeep it does for all.
//
// Owns:   the epoch, the timers that renew the lease, take over from the dead, and sweep.
// Leaves: what is done under the epoch to those who ask for it.
//
//   N1. The lease is judged by the monotonic clock from before its last renewal was sent: a node that could not renew in
//       time, or was paused, counts itself out before anybody else does, and tells whoever works under it (`onLost`).
//   N2. Once it has missed its lease it is done with that epoch. Back at the store it moves whatever nobody has taken to a
//       new one, in one command: its keyless receivers stay open, and what was dropped is handed out again.
//   N3. It judges others only after it has held its own lease for a whole lease without a break: a store that nobody could
//       reach gives everybody the time to come back.
//   N4. A store that only one process can open needs no renewals; taking over and sweeping go on all the same.
//   N5. Upkeep that fails is reported and tried again at its next turn.

export interface NodeParts {
  readonly session: StoreSession
  readonly clock: Clock
  readonly name: string
  /** Other nodes may be at the store too, so leases have to be renewed. */
  readonly shared: boolean
  readonly leaseMs: number
  readonly renewMs: number
  readonly sweepMs: number
  readonly maxCrashes: number
  /** How long a lane may fail before it is paused. */
  readonly failingMs: number
  readonly retention: {
    readonly callbacksMs: number
    readonly messagesMs: number
    readonly bodiesMs: number
    readonly runsMs: number
    readonly keylessMs: number
  }
  /** Receivers that ended with something unread, and callbacks that retention let go of. */
  readonly onLeftover: (leftover: Leftover) => void
  readonly onDropped: (dropped: { readonly receiverId: string; readonly callbacks: number }) => void
  /** Deliveries that died of their deadline, or with their subscription. Waited for, so that of many of them a few are in memory. */
  readonly onDied: (deliveryIds: readonly string[], reason: 'expired' | 'unsubscribed') => Promise<void>
  readonly onTroubled: (lane: TroubledLane) => void
  readonly onLost: () => void
  readonly onError: (error: unknown) => void
}

/** Where nobody else can be, a lease that runs out would end nothing but our own work. */
const FOREVER_MS = 1e15
const TAKE_OVER_LIMIT = 1_000
const SWEEP_LIMIT = 500

export class Node {
  readonly #parts: NodeParts
  readonly #stops = new Set<() => void>()
  #epoch: number
  #stopLease: () => void = () => {}
  /** Since when the lease is held without a break, by the monotonic clock. */
  #heldSince: number
  #lost = false
  #closed = false

  private constructor(parts: NodeParts, epoch: number, heldSince: number) {
    this.#parts = parts
    this.#epoch = epoch
    this.#heldSince = heldSince
  }

  /** Joins the store. Where nobody else can be, it takes over what is left there before anything is handed out here. */
  static async join(parts: NodeParts): Promise<Node> {
    const { session, clock, name, shared, renewMs, sweepMs } = parts
    const leaseMs = shared ? parts.leaseMs : FOREVER_MS
    const sentAt = clock.monotonic()
    const { epoch } = await session.join({ node: name, now: clock.now(), leaseMs })
    const node = new Node(parts, epoch, sentAt)
    node.#hold(sentAt + leaseMs)
    if (node.#mayJudge) await node.#takeOver()
    node.#every(renewMs, () => node.#renew())
    node.#every(sweepMs, () => node.#sweep())
    return node
  }

  get epoch(): number {
    return this.#epoch
  }

  /** Ends the epoch in good order: what is still held goes back uncounted. */
  async leave(): Promise<void> {
    this.#closed = true
    this.#stopLease()
    for (const stop of this.#stops) stop()
    const leftovers = await this.#parts.session.leave({ epoch: this.#epoch, now: this.#parts.clock.now() })
    for (const leftover of leftovers) this.#parts.onLeftover(leftover)
  }

  async #renew(): Promise<void> {
    const { session, clock, shared, leaseMs } = this.#parts
    if (shared) {
      const sentAt = clock.monotonic()
      const stands = await session.renew({ epoch: this.#epoch, now: clock.now(), leaseMs })
      // Its reply may come when the lease has run out here.
      if (stands && !this.#lost) this.#hold(sentAt + leaseMs)
      else await this.#beginAnew()
    }
    if (this.#mayJudge) await this.#takeOver()
  }

  get #mayJudge(): boolean {
    const { shared, clock, leaseMs } = this.#parts
    return !shared || clock.monotonic() >= this.#heldSince + leaseMs
  }

  async #beginAnew(): Promise<void> {
    const { session, clock, name, leaseMs } = this.#parts
    this.#lose()
    const sentAt = clock.monotonic()
    const { epoch } = await session.join({ node: name, now: clock.now(), leaseMs, moves: this.#epoch })
    this.#epoch = epoch
    this.#heldSince = sentAt
    this.#hold(sentAt + leaseMs)
  }

  /** Holds the lease until an instant of the monotonic clock, and counts itself out when that has come. */
  #hold(until: number): void {
    this.#lost = false
    this.#stopLease()
    if (this.#parts.shared) this.#stopLease = this.#parts.clock.setTimer(until, () => this.#lose())
  }

  #lose(): void {
    if (this.#lost || this.#closed) return
    this.#lost = true
    this.#parts.onLost()
  }

  async #takeOver(): Promise<void> {
    const { session, clock, maxCrashes } = this.#parts
    let taken: number
    do {
      const outcome = await session.takeOver({ now: clock.now(), maxCrashes, limit: TAKE_OVER_LIMIT })
      taken = outcome.callbacks + outcome.deliveries + outcome.runs
    } while (taken >= TAKE_OVER_LIMIT && !this.#closed)
  }

  async #sweep(): Promise<void> {
    const { session, clock, retention, failingMs, onLeftover, onDropped, onDied, onTroubled } = this.#parts
    let more = true
    while (more && !this.#closed) {
      const swept = await session.sweep({ now: clock.now(), ...retention, failingMs, limit: SWEEP_LIMIT })
      for (const leftover of swept.ended) onLeftover(leftover)
      for (const dropped of swept.dropped) onDropped(dropped)
      for (const lane of swept.lanes) onTroubled(lane)
      await onDied(swept.expiredDeliveryIds, 'expired')
      await onDied(swept.unsubscribedDeliveryIds, 'unsubscribed')
      more = swept.more
    }
  }

  #every(ms: number, work: () => Promise<void>): void {
    const stop = after(this.#parts.clock, ms, () => {
      this.#stops.delete(stop)
      work()
        .catch(this.#parts.onError)
        .finally(() => {
          if (!this.#closed) this.#every(ms, work)
        })
    })
    this.#stops.add(stop)
  }
}
