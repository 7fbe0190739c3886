import { after } from '../core/clock.js'
import { LeaseLostError } from '../errors.js'
import type { RunClaim } from '../model/run.js'
import type { ScopeEntry } from '../scope/scope-entry.js'
import type { ParkedWait } from '../store/running.js'

// Takes a run out of memory once it has only waited for a while.
//
// Owns:   the timer, and the question to the store.
// Leaves: entering it again (runner), and what it waits for (store).
//
//   K1. While the store is asked, no wait looks: what one had found would be parked beside its run, and wake nobody.
//   K2. The store says whether it is parked. If something is there already, all waits look, and the run goes on.

export interface ParkingOptions {
  readonly entry: ScopeEntry
  readonly claim: RunClaim
  /** How long it may only wait. */
  readonly afterMs: number
  readonly onParked: (waits: readonly ParkedWait[]) => void
}

export class Parking {
  readonly #options: ParkingOptions
  #asking = false
  #stopTimer: (() => void) | undefined

  constructor(options: ParkingOptions) {
    this.#options = options
  }

  /** Something began or ended in the entry. */
  changed(): void {
    if (this.#asking) return
    const { entry, afterMs } = this.#options
    this.#stopTimer?.()
    this.#stopTimer = undefined
    if (!this.#canPark) return
    this.#stopTimer = after(entry.parts.clock, afterMs, () => {
      this.#stopTimer = undefined
      void this.#park()
    })
  }

  /** The run has left memory. */
  stop(): void {
    this.#stopTimer?.()
  }

  get #canPark(): boolean {
    const { entry } = this.#options
    return entry.onlyWaits && !entry.isOver
  }

  async #park(): Promise<void> {
    const { entry } = this.#options
    this.#asking = true
    try {
      await entry.waits.freeze()
      // What was looked for meanwhile may have been found, and the code have gone on.
      if (this.#canPark) await this.#ask()
    } catch (error) {
      entry.parts.onError(error)
    }
    this.#asking = false
    if (entry.isOver) return
    entry.waits.thaw()
    this.changed()
  }

  async #ask(): Promise<void> {
    const { entry, claim, onParked } = this.#options
    const { session, clock } = entry.parts
    const waits = [...entry.waits].map(wait => wait.toParked())
    const outcome = await entry.ask(() => session.park({ claim, waits, now: clock.now() }))
    if (outcome === 'lost') entry.end(new LeaseLostError())
    if (outcome !== 'parked') return
    onParked(waits)
    entry.end(new Error('The run is parked'), 'quietly')
  }
}
