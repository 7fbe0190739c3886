import type { Clock } from '../core/clock.js'
import type { Wait, WaitOptions } from '../core/wait.js'
import { InvalidOptionsError, RunCancelledError, RunFailedError } from '../errors.js'
import type { WaitEnd } from '../model/memory.js'
import type { RunName, RunRecord, RunStatus } from '../model/run.js'
import type { RunHandle, RunInfo, RunState } from '../model/scope.js'
import { decodeValue } from '../model/value.js'
import { decodeError } from '../model/value-errors.js'
import type { Observation } from '../options.js'
import type { RunSummary } from '../store/running.js'
import type { StoreSession } from '../store/store.js'

export interface StoredRunParts {
  readonly session: StoreSession
  readonly clock: Clock
  /** Why there is no such run. */
  readonly toMissing: (run: RunName) => Error
  readonly observe: (event: Observation) => void
}

/** A run, wherever it runs. */
export class StoredRun<O> implements RunHandle<O> {
  readonly key: string
  readonly #run: RunName
  readonly #parts: StoredRunParts
  readonly #result: <F>(options: WaitOptions<F>) => Wait<O | F>

  /** `result`: the wait for its end, of this process or of a scope. */
  constructor(run: RunName, parts: StoredRunParts, result: <F>(options: WaitOptions<F>) => Wait<O | F>) {
    this.key = run.key
    this.#run = run
    this.#parts = parts
    this.#result = result
  }

  result<F = never>(options: WaitOptions<F> = {}): Wait<O | F> {
    return this.#result(options)
  }

  async status(): Promise<RunInfo> {
    const run = await this.#parts.session.findRun({ runId: this.#run.runId })
    if (run === undefined) throw this.#parts.toMissing(this.#run)
    return toRunInfo(run)
  }

  async cancel(reason?: string): Promise<void> {
    if (reason !== undefined && (typeof reason !== 'string' || !reason.isWellFormed())) {
      throw new InvalidOptionsError('The reason of a cancellation must be a well-formed text')
    }
    const { session, clock, observe } = this.#parts
    const { runId, workflow, key } = this.#run
    const why = reason === undefined ? {} : { reason }
    const before = await session.findRun({ runId })
    if (!(await session.cancelRun({ runId, now: clock.now(), ...why }))) return
    // Where it is entered for it, that entry tells of its end. One that failed, or was never claimed, has ended at once.
    if (before?.status !== 'failed' && before?.attempt !== 0) return
    const { status, attempt } = (await session.findRun({ runId })) ?? {}
    if (status !== 'cancelled' || attempt !== before.attempt) return
    observe({ type: 'run.ended', at: new Date(clock.now()), runId, workflow, key, status, attempt })
  }

  async retry(): Promise<void> {
    const { session, clock } = this.#parts
    await session.retryRun({ runId: this.#run.runId, now: clock.now() })
  }
}

export function toRunInfo({ key, status, startedAt, waitingFor }: RunSummary): RunInfo {
  return { key, status: toRunState(status), waitingFor, startedAt: new Date(startedAt) }
}

function toRunState(status: RunStatus): RunState {
  return status === 'due' ? 'running' : status
}

/**
 * What the workflow returned.
 *
 * @throws RunFailedError, RunCancelledError when it ended otherwise.
 */
export function toRunResult<O>(run: RunName, end: WaitEnd): O {
  switch (end.type) {
    case 'run_done':
      return decodeValue(end.result.bytes) as O
    case 'run_failed':
      throw new RunFailedError(`${run.workflow}/${run.key}`, decodeError(end.result.bytes))
    case 'run_cancelled':
      throw new RunCancelledError(end.reason)
    default:
      throw new TypeError(`a run does not end as '${end.type}'`)
  }
}

/** How a run ended, or that it has not. */
export function toEnd({ status, result, cancelReason }: RunRecord): WaitEnd | undefined {
  if (status === 'done' && result !== undefined) return { type: 'run_done', result }
  if (status === 'failed' && result !== undefined) return { type: 'run_failed', result }
  if (status !== 'cancelled') return undefined
  return { type: 'run_cancelled', ...(cancelReason === undefined ? {} : { reason: cancelReason }) }
}

/** Asking for what retention has let go of. */
export function forgotten({ workflow, key }: RunName): Error {
  return new InvalidOptionsError(
    `Run ${workflow}/${key} is not kept any more: it ended longer ago than retention.runs`,
  )
}

/** Asking for what was started within a transaction of the caller's. */
export function uncommitted({ workflow, key }: RunName): Error {
  return new InvalidOptionsError(
    `There is no run ${workflow}/${key}: the transaction that it was started within has not committed or was rolled back, or the run ended longer ago than retention.runs`,
  )
}
