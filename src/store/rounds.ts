import { after, type Clock } from '../core/clock.js'
import { Looks } from '../core/looks.js'
import type { Watch, Watched } from './watch.js'

// Whoever works something off that lies in the store: looks when woken, at the instant that the last look named, and a
// while after one that failed.
//
//   Q1. One look at a time, and none is missed: whoever is woken during a look looks again.
//   Q2. A look that fails is told, and tried again a little later: a failing store stops nothing for good.

export interface RoundsParts {
  readonly watch: Watch
  readonly clock: Clock
  readonly wakes: Watched
  /** Does a bit of work. How long to wait with the next look, 0 for at once; `undefined`: until woken. */
  readonly look: () => Promise<number | undefined>
  readonly onError: (error: unknown) => void
}

const PAUSE_MS = 1_000

export class Rounds {
  readonly #parts: RoundsParts
  readonly #looks = new Looks(() => this.#lookOnce())
  #state: 'new' | 'running' | 'finished' = 'new'
  #stopWatching: (() => void) | undefined
  #stopTimer: (() => void) | undefined

  constructor(parts: RoundsParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.#stopWatching = this.#parts.watch.watch(this.#parts.wakes, () => this.look())
    this.look()
  }

  look(): void {
    if (this.#state === 'running') this.#looks.again()
  }

  /** Begins no look any more. Resolves when the one under way is over. */
  async finish(): Promise<void> {
    this.#state = 'finished'
    this.#stopWatching?.()
    this.#stopTimer?.()
    await this.#looks.finished
  }

  async #lookOnce(): Promise<void> {
    if (this.#state !== 'running') return
    let waitMs: number | undefined
    try {
      waitMs = await this.#parts.look()
    } catch (error) {
      this.#parts.onError(error)
      waitMs = PAUSE_MS
    }
    this.#stopTimer?.()
    this.#stopTimer = undefined
    if (waitMs === undefined || this.#state !== 'running') return
    if (waitMs <= 0) this.look()
    else this.#stopTimer = after(this.#parts.clock, waitMs, () => this.look())
  }
}
