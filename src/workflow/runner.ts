import { after } from '../core/clock.js'
import { Looks } from '../core/looks.js'
import { ServerClosedError } from '../errors.js'
import type { ClaimedRun, ClaimRunsOutcome } from '../store/running.js'
import { RunEntry, type RunEntryParts } from './run-entry.js'
import type { Workflows } from './workflows.js'

// Runs what is due.
//
// Owns:   the runs in memory, the room of each workflow, the timer for what falls due next.
// Leaves: the queue itself (store), what becomes of a run that was entered (run entry).
//
//   G1. Only a run that was claimed is entered, and only where its workflow is declared.
//   G2. No workflow has more runs in memory than it has room for; one that leaves makes room.
//   G3. The store is asked when something may be due: after a wake-up, when there is room again, at the instant it named.
//       Never once for each run that waits.
//   G4. A failing store stops nothing for good: it is asked again a little later. What a claim may have taken whose answer
//       never came is given back first.
//   G5. When the lease is lost, everything in memory is dropped. Should the lease stand after all, it is claimed again.

export interface RunnerParts extends RunEntryParts {
  readonly workflows: Workflows
  /** It changes when a lease was lost. */
  readonly epoch: () => number
}

const LARGEST_CLAIM = 64
/** Before the store is asked again that failed, or that says something is due and does not hand it out. */
const PAUSE_MS = 1_000

export class Runner {
  readonly #parts: RunnerParts
  readonly #looks = new Looks(() => this.#lookOnce())
  readonly #entries = new Map<string, RunEntry>()
  readonly #inMemory = new Map<string, number>()
  /** The store may count runs as ours that are not in memory. */
  #unsure = false
  /** How often the lease was lost: a claim from before it is not entered. */
  #losses = 0
  #state: 'new' | 'running' | 'finishing' = 'new'
  #stopWatching: (() => void) | undefined
  #stopTimer: (() => void) | undefined
  #nextLookAt = Number.POSITIVE_INFINITY
  #looking = false

  constructor(parts: RunnerParts) {
    this.#parts = parts
    parts.workflows.onDeclared = () => this.look()
  }

  start(): void {
    if (this.#state !== 'new') return
    this.#state = 'running'
    this.#stopWatching = this.#parts.scope.watch.watch({ kind: 'runs' }, () => this.look())
    this.look()
  }

  /** Something may be due, or may be run that could not be before. */
  look(): void {
    if (this.#state === 'running') this.#looks.again()
  }

  /** Enters nothing any more, and drops what only waits. Resolves when the others have ended, or only wait. */
  async finish(): Promise<void> {
    this.#state = 'finishing'
    this.#stopWatching?.()
    this.#stopTimer?.()
    for (const entry of [...this.#entries.values()]) entry.finish()
    await this.#looks.finished
    await Promise.all([...this.#entries.values()].map(entry => entry.left))
  }

  /** Drops what is in memory; it goes back with the epoch. */
  async close(): Promise<void> {
    const finished = this.finish()
    this.#drop(new ServerClosedError())
    await finished
  }

  /** The lease is lost: what is in memory may be another node's by now. */
  abandon(reason: Error): void {
    this.#losses++
    this.#unsure = true
    this.#drop(reason)
  }

  /** Enters what is due now, up to a limit, where nothing is entered by itself. How many runs that were. */
  async pass(limit: number): Promise<number> {
    if (this.#state !== 'new') return 0
    await this.#claim(Math.min(limit, LARGEST_CLAIM))
    const entries = [...this.#entries.values()]
    await Promise.all(entries.map(entry => entry.left))
    return entries.length
  }

  async #lookOnce(): Promise<void> {
    if (this.#state !== 'running' || Object.keys(this.#room()).length === 0) return
    const { clock, onError } = this.#parts.scope
    const now = clock.now()
    this.#looking = true
    try {
      const { claimed, nextDueAt } = await this.#claim(LARGEST_CLAIM)
      if (nextDueAt === undefined || nextDueAt > now) this.#lookAt(nextDueAt)
      else if (claimed.length > 0) this.look()
      else this.#lookAt(now + PAUSE_MS)
    } catch (error) {
      onError(error)
      this.#lookAt(now + PAUSE_MS)
    }
    this.#looking = false
  }

  async #claim(limit: number): Promise<ClaimRunsOutcome> {
    const { scope, epoch: currentEpoch } = this.#parts
    const { session, clock } = scope
    const epoch = currentEpoch()
    const losses = this.#losses
    const now = clock.now()
    if (this.#unsure) await session.reclaimRuns({ epoch, held: [...this.#entries.keys()], now })
    if (losses === this.#losses) this.#unsure = true
    const outcome = await session.claimRuns({ epoch, now, limit, workflows: this.#room() })
    if (losses === this.#losses) {
      this.#unsure = false
      for (const run of outcome.claimed) this.#enter(run, epoch)
    }
    return outcome
  }

  /** Of each workflow that has any. */
  #room(): Record<string, number> {
    const rooms = [...this.#parts.workflows].map(({ name, concurrency }): [string, number] => [
      name,
      Math.min(LARGEST_CLAIM, concurrency - this.#countOf(name)),
    ])
    return Object.fromEntries(rooms.filter(([, room]) => room > 0))
  }

  /** One timer: the last look knows best when the next run is due. */
  #lookAt(instant = Number.POSITIVE_INFINITY): void {
    const { clock } = this.#parts.scope
    this.#stopTimer?.()
    this.#stopTimer = undefined
    this.#nextLookAt = instant
    if (instant === Number.POSITIVE_INFINITY || this.#state !== 'running') return
    this.#stopTimer = after(clock, Math.max(0, instant - clock.now()), () => this.look())
  }

  #enter(claimed: ClaimedRun, epoch: number): void {
    const { run, fence } = claimed
    const declaration = this.#parts.workflows.find(run.workflow)
    // Closing may have begun while the claim was on its way.
    if (this.#state === 'finishing' || declaration === undefined) {
      const { session, clock, onError } = this.#parts.scope
      const claim = { runId: run.id, epoch, fence }
      session.releaseRun({ claim, now: clock.now() }).catch(onError)
      return
    }
    const entry = new RunEntry(claimed, epoch, declaration, this.#parts)
    this.#entries.set(run.id, entry)
    this.#inMemory.set(run.workflow, this.#countOf(run.workflow) + 1)
    void entry.left.then(() => this.#forget(entry))
  }

  #forget(entry: RunEntry): void {
    if (this.#entries.get(entry.runId) !== entry) return
    this.#entries.delete(entry.runId)
    const { workflow, parkedUntil } = entry
    const count = this.#countOf(workflow)
    if (count > 1) this.#inMemory.set(workflow, count - 1)
    else this.#inMemory.delete(workflow)
    const concurrency = this.#parts.workflows.find(workflow)?.concurrency ?? 0
    // Some may have been left behind for want of room; of one just parked the last look did not know.
    const isDueSooner = parkedUntil !== undefined && (this.#looking || parkedUntil < this.#nextLookAt)
    if (count >= concurrency || isDueSooner) this.look()
  }

  #drop(reason: Error): void {
    for (const entry of [...this.#entries.values()]) {
      entry.drop(reason)
      this.#forget(entry)
    }
  }

  #countOf(workflow: string): number {
    return this.#inMemory.get(workflow) ?? 0
  }
}
