import { type Clock, soon } from '../core/clock.js'

/**
 * Deadlines of one length, for work that nearly always ends in the turn of the event loop in which it began.
 *
 *   D1. Work that has ended by the end of that turn costs no timer; all that is left shares one.
 *   D2. When nothing is left, no timer is.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #lengthMs: number
  /** What to do, and when. All have the same length, so the oldest is due first. */
  readonly #open = new Map<() => void, number>()
  #looking = false
  #stopTimer: (() => void) | undefined

  constructor(clock: Clock, lengthMs: number) {
    this.#clock = clock
    this.#lengthMs = lengthMs
  }

  start(onLate: () => void): void {
    this.#open.set(onLate, this.#clock.monotonic() + this.#lengthMs)
    if (this.#looking || this.#stopTimer !== undefined) return
    this.#looking = true
    soon(() => {
      this.#looking = false
      this.#arm()
    })
  }

  stop(onLate: () => void): void {
    this.#open.delete(onLate)
    if (this.#open.size > 0 || this.#stopTimer === undefined) return
    this.#stopTimer()
    this.#stopTimer = undefined
  }

  #arm(): void {
    const [next] = this.#open.values()
    if (next === undefined) return
    this.#stopTimer = this.#clock.setTimer(next, () => {
      this.#stopTimer = undefined
      this.#cut()
      this.#arm()
    })
  }

  #cut(): void {
    const now = this.#clock.monotonic()
    for (const [onLate, at] of this.#open) {
      if (at > now) return
      this.#open.delete(onLate)
      onLate()
    }
  }
}
