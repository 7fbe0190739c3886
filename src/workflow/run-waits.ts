import { after, type Clock } from '../core/clock.js'
import { Looks } from '../core/looks.js'
import { createWait, type PendingWait, type Wait, type WaitOptions } from '../core/wait.js'
import { ServerClosedError } from '../errors.js'
import type { RunName, RunRecord } from '../model/run.js'
import { isPassing } from '../store/passing.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import { forgotten, toEnd, toRunResult } from './run-handle.js'

// Who waits in this process, outside of any scope, for a run to end.
//
// Owns:   the waits, their subscriptions to wake-ups.
// Leaves: ending runs (run entry, store).
//
//   U1. The store says whether a run ended; a wake-up is only a reason to ask it.
//   U2. A store that cannot be reached ends no wait: it is asked again a little later.
//   U3. A wait that ended holds no subscription and no timer.

export interface RunWaitsParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

const RETRY_MS = 1_000

export class RunWaits {
  readonly #parts: RunWaitsParts
  readonly #open = new Set<PendingWait<unknown, unknown>>()
  #closed = false

  constructor(parts: RunWaitsParts) {
    this.#parts = parts
  }

  /** A wait for what the run returns, also when it has ended already. */
  result<O, F>(run: RunName, options: WaitOptions<F>): Wait<O | F> {
    const { session, watch, clock, onError } = this.#parts
    let stop = () => {}
    const what = `the result of run ${run.workflow}/${run.key}`
    const pending = createWait<O, F>({ ...options, what, clock, onGiveUp: () => stop() })
    if (this.#closed) pending.fail(new ServerClosedError())
    if (!pending.pending) return pending.wait

    let stopTimer = () => {}
    const looks = new Looks(async () => {
      if (!pending.pending) return
      try {
        settle(pending, run, await session.findRun({ runId: run.runId }))
      } catch (error) {
        if (!isPassing(error)) return void pending.fail(error)
        onError(error)
        pending.nothingYet()
        if (pending.pending) stopTimer = after(clock, RETRY_MS, () => looks.again())
      }
    })
    const unwatch = watch.watch({ kind: 'run', id: run.runId }, () => looks.again())
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

function settle<O>(pending: PendingWait<O, unknown>, run: RunName, record: RunRecord | undefined): void {
  try {
    if (record === undefined) throw forgotten(run)
    const end = toEnd(record)
    if (end === undefined) pending.nothingYet()
    else pending.fulfil(toRunResult<O>(run, end))
  } catch (error) {
    pending.fail(error)
  }
}
