import { random } from '../core/clock.js'
import { Looks } from '../core/looks.js'
import { RunCancelledError, ServerClosedError } from '../errors.js'
import { isToResend } from '../model/memory.js'
import type { RunClaim, RunRecord } from '../model/run.js'
import type { Run } from '../model/scope.js'
import { decodeValue } from '../model/value.js'
import { decodeError } from '../model/value-errors.js'
import type { Logger, Observation } from '../options.js'
import { blameOf } from '../scope/blame.js'
import { ScopeEntry, stepBehind } from '../scope/scope-entry.js'
import type { ScopeParts } from '../scope/scope-parts.js'
import { ScopeVerbs } from '../scope/verbs.js'
import type { ClaimedRun, EndRunInput, ParkedWait } from '../store/running.js'
import { Parking } from './parking.js'
import { type Outcome, toRunEnd } from './run-end.js'
import type { Declaration } from './workflows.js'

// One entry of a run: the code of its workflow, from the top, until it ends, is parked, or is dropped.
//
// Owns:   the entry's scope, its parking, and the look-out for a cancellation.
// Leaves: claiming (runner), what the verbs do (scope).
//
//   E4. An entry ends once: told to the store, parked, or dropped. Dropped code runs no further: no `catch`, no `finally`.
//   E5. How it ended is told until the store has heard, or the entry is over.
//   E6. A cancellation is thrown once in the life of a run; however its code then ends, the run is cancelled, unless what
//       it does to compensate fails.

export interface RunEntryParts {
  readonly scope: ScopeParts
  /** How long a run may only wait before it leaves memory. */
  readonly parkAfterMs: number | false
  readonly logger: Logger
  readonly observe: (event: Observation) => void
}

export class RunEntry {
  readonly runId: string
  readonly workflow: string
  /** Resolves when the run has left memory. */
  readonly left: Promise<void>
  /** Parked, it is due then, whatever happens before. */
  parkedUntil: number | undefined
  readonly #parts: RunEntryParts
  readonly #run: RunRecord
  readonly #claim: RunClaim
  readonly #declaration: Declaration
  readonly #entry: ScopeEntry
  readonly #parking: Parking | undefined
  readonly #looks = new Looks(() => this.#lookForCancellation())
  #stopWatching: () => void = () => {}
  /** It was handed to the entry, which throws it once. */
  #cancellation: { readonly reason?: string } | undefined
  #closing = false

  constructor(
    { run, fence, memory }: ClaimedRun,
    epoch: number,
    declaration: Declaration,
    parts: RunEntryParts,
  ) {
    this.runId = run.id
    this.workflow = run.workflow
    this.#parts = parts
    this.#run = run
    this.#claim = { runId: run.id, epoch, fence }
    this.#declaration = declaration
    if (run.cancellation === 'requested') this.#cancellation = toCancellation(run)
    this.#entry = new ScopeEntry(parts.scope, {
      entry: { type: 'run', claim: this.#claim },
      names: this.#facts,
      startedAt: run.startedAt,
      attempt: run.attempt,
      memory,
      whenOver: 'stops',
      ...(this.#cancellation === undefined ? {} : { cancellation: this.#cancellation }),
    })
    const { parkAfterMs } = parts
    if (parkAfterMs !== false) this.#parking = this.#createParking(parkAfterMs)
    this.#entry.onChange = () => this.#changed()
    this.#watch()
    this.#observe('run.entered', { attempt: run.attempt })
    this.left = new Promise(resolve => {
      const left = () => {
        this.#leave()
        resolve()
      }
      this.#entry.onOver(left)
      this.#work().then(left, error => {
        parts.scope.onError(error)
        left()
      })
    })
  }

  /** Ends the entry where it is. */
  drop(reason: Error): void {
    this.#entry.end(reason)
  }

  /** The server closes: goes on while it does something, and is dropped where it only waits. */
  finish(): void {
    this.#closing = true
    this.#changed()
  }

  async #work(): Promise<void> {
    const outcome = await this.#call()
    await this.#entry.close()
    if (this.#entry.isOver) return
    if (this.#closing && outcome.type === 'threw' && outcome.error instanceof ServerClosedError) {
      return this.#release()
    }
    await this.#end(outcome)
  }

  async #call(): Promise<Outcome> {
    const run = new RunScope(this.#run, this.#entry, this.#parts.scope)
    try {
      const input = decodeValue(this.#run.input)
      const value = await this.#entry.run(() => this.#declaration.handler(run, input))
      return { type: 'returned', value }
    } catch (error) {
      return { type: 'threw', error, blames: blameOf(error) }
    }
  }

  async #end(outcome: Outcome): Promise<void> {
    const { session, clock } = this.#parts.scope
    const end = toRunEnd(outcome, {
      run: this.#run,
      retry: this.#declaration.retry,
      cancelled: this.#isCancelled,
      isCancellation: error => this.#isCancellation(error),
      cancelReason: (this.#cancellation ?? toCancellation(this.#run)).reason,
      now: clock.now(),
      random,
    })
    const claim = this.#claim
    this.#stopWatching() // its own end is no news, and what is cancelled from now on the store judges
    const told = await this.#entry.ask(() => session.endRun({ claim, now: clock.now(), end }))
    if (told) this.#tell(end, outcome)
    else this.#parts.logger.warn(this.#facts, 'a run was taken over before its end was recorded; it goes on')
  }

  /** What it threw says nothing of the run. */
  async #release(): Promise<void> {
    const { session, clock } = this.#parts.scope
    await this.#entry.ask(() => session.releaseRun({ claim: this.#claim, now: clock.now() }))
  }

  #tell(end: EndRunInput['end'], outcome: Outcome): void {
    const { logger } = this.#parts
    const facts = { ...this.#facts, ...this.#failureOf(end, outcome) }
    if (end.status === 'due') {
      const retryInMs = end.dueAt - this.#parts.scope.clock.now()
      logger.warn({ ...facts, retryInMs }, 'a run failed; it is tried again')
      return
    }
    if (end.status === 'failed') logger.error(facts, 'a run failed')
    this.#observe('run.ended', { status: end.status, attempt: this.#run.attempt })
  }

  /** Also where its code has returned what cannot be stored. */
  #failureOf(end: EndRunInput['end'], outcome: Outcome): object {
    if (outcome.type === 'returned') {
      return end.status === 'due' || end.status === 'failed' ? { err: decodeError(end.result.bytes) } : {}
    }
    const step = stepBehind(this.#entry, outcome.error)
    return { ...(step === undefined ? {} : { step }), err: outcome.error }
  }

  #changed(): void {
    if (this.#entry.isOver) return
    if (this.#closing && this.#entry.onlyWaits) this.drop(new ServerClosedError())
    else this.#parking?.changed()
  }

  #createParking(afterMs: number): Parking {
    const onParked = (waits: readonly ParkedWait[]) => {
      const deadlines = waits.map(wait => wait.deadlineAt).filter(deadline => deadline !== undefined)
      if (deadlines.length > 0) this.parkedUntil = Math.min(...deadlines)
      this.#observe('run.parked', { waitingFor: waits.map(({ at }) => at.key) })
    }
    return new Parking({ entry: this.#entry, claim: this.#claim, afterMs, onParked })
  }

  #watch(): void {
    if (this.#run.cancellation !== 'none') return
    const { watch } = this.#parts.scope
    this.#stopWatching = watch.watch({ kind: 'run', id: this.runId }, () => this.#looks.again())
  }

  async #lookForCancellation(): Promise<void> {
    if (this.#entry.isOver || this.#cancellation !== undefined) return
    const { session, onError } = this.#parts.scope
    try {
      const run = await session.findRun({ runId: this.runId })
      if (run?.cancellation !== 'requested' || this.#entry.isOver) return
      this.#stopWatching()
      const cancellation = toCancellation(run)
      if (this.#entry.cancel(cancellation)) this.#cancellation = cancellation
    } catch (error) {
      onError(error) // the next poll asks again
    }
  }

  /** The cancellation was thrown, in this entry or before. */
  get #isCancelled(): boolean {
    if (this.#run.cancellation === 'thrown') return true
    return this.#cancellation !== undefined && this.#entry.cancellation === undefined
  }

  /** Also where the code has wrapped it. The cancellation of another run that it waited for is none of its own. */
  #isCancellation(error: unknown): boolean {
    if (!comesFromCancellation(error)) return false
    const at = blameOf(error)
    if (at === undefined) return this.#isCancelled
    const memory = this.#entry.memory.peek(at)
    if (memory === undefined || isToResend(memory)) return true // what has not begun
    return 'end' in memory && memory.end?.type === 'cancel'
  }

  #leave(): void {
    this.#parking?.stop()
    this.#stopWatching()
  }

  #observe(type: string, facts: object): void {
    const { runId, workflow } = this
    const at = new Date(this.#parts.scope.clock.now())
    this.#parts.observe({ ...facts, type, at, runId, workflow, key: this.#run.key })
  }

  get #facts(): object {
    const { key, attempt } = this.#run
    return { runId: this.runId, workflow: this.workflow, key, attempt }
  }
}

class RunScope extends ScopeVerbs implements Run {
  readonly id: string
  readonly key: string

  constructor({ id, key }: RunRecord, entry: ScopeEntry, parts: ScopeParts) {
    super(entry, parts)
    this.id = id
    this.key = key
  }
}

function comesFromCancellation(error: unknown): boolean {
  const seen = new Set<unknown>()
  for (let each = error; each instanceof Error && !seen.has(each); each = each.cause) {
    if (each instanceof RunCancelledError) return true
    seen.add(each)
  }
  return false
}

function toCancellation({ cancelReason }: RunRecord): { readonly reason?: string } {
  return cancelReason === undefined ? {} : { reason: cancelReason }
}
