import { type Clock, soon } from '../core/clock.js'

/** Work that has to end in time. */
export interface TimedWork {
  readonly dueAt: number
  readonly onLate: () => void
  isOver: boolean
}

/**
 * Deadlines of one length, for work that nearly always ends in the turn of the event loop in which it began.
 *
 *   D1. Work that has ended by the end of that turn costs nothing; all that is left shares one timer.
 *   D2. When nothing is left, no timer is.
 */
export class Deadlines {
  readonly #clock: Clock
  readonly #lengthMs: number
  /** What began in this turn. */
  #fresh: TimedWork[] = []
  /** What did not end in its turn. All of it has the same time, so the oldest is due first. */
  readonly #open = new Set<TimedWork>()
  #stopTimer: (() => void) | undefined

  constructor(clock: Clock, lengthMs: number) {
    this.#clock = clock
    this.#lengthMs = lengthMs
  }

  start(onLate: () => void): TimedWork {
    const work = { dueAt: this.#clock.monotonic() + this.#lengthMs, onLate, isOver: false }
    if (this.#fresh.length === 0) soon(() => this.#endTurn())
    this.#fresh.push(work)
    return work
  }

  stop(work: TimedWork): void {
    work.isOver = true
    if (!this.#open.delete(work) || this.#open.size > 0) return
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  #endTurn(): void {
    for (const work of this.#fresh) {
      if (!work.isOver) this.#open.add(work)
    }
    this.#fresh = []
    if (this.#stopTimer === undefined) this.#arm()
  }

  #arm(): void {
    const [next] = this.#open
    if (next === undefined) return
    this.#stopTimer = this.#clock.setTimer(next.dueAt, () => {
      this.#stopTimer = undefined
      this.#cut()
      this.#arm()
    })
  }

  #cut(): void {
    const now = this.#clock.monotonic()
    for (const work of this.#open) {
      if (work.dueAt > now) return
      this.#open.delete(work)
      work.onLate()
    }
  }
}
