import { after, type Clock } from '../core/clock.js'
import { Looks } from '../core/looks.js'
import { type CreateWaitOptions, createWait, type PendingWait, type Wait } from '../core/wait.js'
import { ServerClosedError } from '../errors.js'
import { isPassing } from './passing.js'
import type { Watch, Watched } from './watch.js'

// Who waits in this process, outside of any scope, for something that the store knows to end: a delivery, a run, an
// exchange.
//
// Owns:   the waits, their subscriptions to wake-ups.
// Leaves: ending things (the store), and what is made of an end, to whoever says what is sought.
//
//   V1. The store says whether it ended; a wake-up is only a reason to ask it.
//   V2. A store that cannot be reached ends no wait: it is asked again a little later.
//   V3. A wait that ended holds no subscription and no timer.
//   V4. What was found for a wait that has been given up meanwhile is handed back.

/** What somebody waits for. */
export interface Sought<T> {
  /** Where a wake-up is a reason to look. */
  readonly watched: readonly Watched[]
  /** Asks the store once. What it throws ends the wait, unless the store could not be asked. */
  readonly look: () => Promise<Sight<T>>
}

export type Sight<T> =
  | {
      readonly found: T
      /** Nobody waits for it any more. */
      readonly handBack?: () => void
    }
  /** Nothing yet; `lookAgainAt`: when to look at the latest. */
  | { readonly found?: never; readonly lookAgainAt?: number }

export interface EndWaitsParts {
  readonly watch: Watch
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

type EndWaitOptions<F> = Omit<CreateWaitOptions<F>, 'clock'>

const RETRY_MS = 1_000

export class EndWaits {
  readonly #parts: EndWaitsParts
  readonly #open = new Set<PendingWait<unknown, unknown>>()
  #closed = false

  constructor(parts: EndWaitsParts) {
    this.#parts = parts
  }

  /** A wait for an end, also when that lies behind already. */
  until<T, F = never>(sought: Sought<T>, options: EndWaitOptions<F>): Wait<T | F> {
    return this.untilBegun(() => Promise.resolve(sought), options)
  }

  /** The same for what has to be begun first; `begin` is called again when the store could not be asked. */
  untilBegun<T, F = never>(begin: () => Promise<Sought<T>>, options: EndWaitOptions<F>): Wait<T | F> {
    const { clock, onError } = this.#parts
    let stop = () => {}
    const onGiveUp: EndWaitOptions<F>['onGiveUp'] = how => {
      stop()
      options.onGiveUp?.(how)
    }
    const pending = createWait<T, F>({ ...options, clock, onGiveUp })
    if (this.#closed) pending.fail(new ServerClosedError())
    if (!pending.pending) return pending.wait

    let sought: Sought<T> | undefined
    let unwatch = () => {}
    let stopTimer = () => {}
    const lookAt = (instant: number) => {
      stopTimer()
      if (pending.pending) stopTimer = after(clock, Math.max(0, instant - clock.now()), () => looks.again())
    }
    const looks = new Looks(async () => {
      if (!pending.pending) return
      try {
        if (sought === undefined) {
          sought = await begin()
          if (!pending.pending) return
          unwatch = this.#watch(sought, () => looks.again())
        }
        const sight = await sought.look()
        if (isFound(sight)) {
          if (!pending.fulfil(sight.found)) sight.handBack?.()
          return
        }
        pending.nothingYet()
        stopTimer()
        if (sight.lookAgainAt !== undefined) lookAt(sight.lookAgainAt)
      } catch (error) {
        if (!isPassing(error)) return void pending.fail(error)
        onError(error)
        pending.nothingYet()
        lookAt(clock.now() + RETRY_MS)
      }
    })
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

  #watch({ watched }: Sought<unknown>, look: () => void): () => void {
    const stops = watched.map(what => this.#parts.watch.watch(what, look))
    return () => {
      for (const stop of stops) stop()
    }
  }
}

function isFound<T>(sight: Sight<T>): sight is Extract<Sight<T>, { readonly handBack?: () => void }> {
  return 'found' in sight
}
