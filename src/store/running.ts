import type { Claim } from '../model/callback.js'
import type { Entry, MemoryKey, WaitTarget } from '../model/memory.js'
import type { Result, RunClaim, RunRecord, RunStatus } from '../model/run.js'
import type { Known, Lost, RecallOutcome } from './scoping.js'

// Runs of workflows. The table is the queue: a node claims what is due and it has code for, and the rest waits.
//
//   S18. A workflow has one run for a key, as long as retention keeps it.
//   S19. A run that ended `done` or `cancelled` stays so, and its first end stands. One that `failed` may be retried, or
//        cancelled.
//   S20. Nobody is parked beside what it waits for: parking and whatever ends a wait happen one after the other, and the
//        second sees the first.

export interface RunCommands {
  /**
   * Starts a run, or finds the one with that key; one that has the id given was made by this very command, and is
   * `created` as before. In a scope it is remembered under `at`; with `acknowledges`, the claimed callback is handled with
   * it. Both or nothing: `lost` when the entry or the claim is.
   */
  startRun(input: StartRunInput): StartRunOutcome

  /**
   * Takes runs that are due, oldest first within each workflow (by `dueAt`, then by id), the workflows taking turns.
   * `workflows` says how many each has room for; runs of others wait. Each comes with the first page of its memory.
   */
  claimRuns(input: {
    readonly epoch: number
    readonly now: number
    readonly limit: number
    readonly workflows: Readonly<Record<string, number>>
  }): ClaimRunsOutcome

  /**
   * Takes a run out of memory that only waits. `ready`: something it waits for is there, or a cancellation; nothing was
   * written. Parked, it is due when one of its targets has something (an exchange: an answer, or a dead delivery), at the
   * earliest deadline, when one of its receivers expires, or when it is cancelled.
   */
  park(input: {
    readonly claim: RunClaim
    readonly waits: readonly ParkedWait[]
    readonly now: number
  }): 'parked' | 'ready' | 'lost'

  /**
   * Ends an entry of a run. Whoever waits for the run is due then, if it ended. One that is to be entered again, and is to be
   * cancelled, is due at once.
   */
  endRun(input: EndRunInput): boolean

  /** Gives a run back as it was before it was claimed. */
  releaseRun(input: { readonly claim: RunClaim; readonly now: number }): boolean

  /** Gives back what this epoch has claimed without anybody knowing: every run whose id is not in `held`. How many. */
  reclaimRuns(input: {
    readonly epoch: number
    readonly held: readonly string[]
    readonly now: number
  }): number

  /**
   * Makes a failed run due again, its failures and crashes forgotten, and the memory it blamed; where it blamed none,
   * every failure it remembers (a step's error, a wait that ended without what was waited for), and every race decided by
   * one of those (`forgetFailures`). An exchange among it is to be sent again (`resendInScope`). A cancellation that it
   * forgets is thrown again. `false` if it is not failed.
   */
  retryRun(input: { readonly runId: string; readonly now: number }): boolean

  /**
   * Asks a run to end. One that nobody ever claimed is cancelled at once. One that is due (given back as it was, or to be
   * tried again later) or parked is due at once, and the cancellation is thrown in it, as it is in one that is running.
   * One that failed is discarded: it is cancelled at once, with this reason if it brings one, and its scope ends; what it
   * failed with stays its result. `false` when it had ended otherwise, or was asked before.
   */
  cancelRun(input: { readonly runId: string; readonly reason?: string; readonly now: number }): boolean

  findRun(
    input: { readonly runId: string } | { readonly workflow: string; readonly key: string },
  ): RunSummary | undefined

  /** A page of the runs of a workflow, in order of id, after the id `after`. */
  listRuns(input: {
    readonly workflow: string
    readonly status?: RunStatus
    readonly startedBefore?: number
    readonly after?: string
    readonly limit: number
  }): readonly RunSummary[]
}

export interface StartRunInput {
  /** Used only when the run is new. */
  readonly runId: string
  readonly workflow: string
  readonly key: string
  readonly input: Uint8Array
  /** Where it lies ahead, this is when the run counts as started. */
  readonly dueAt: number
  readonly now: number
  readonly in?: { readonly entry: Entry; readonly at: MemoryKey }
  readonly acknowledges?: Claim
}

export type StartRunOutcome =
  | { readonly type: 'started'; readonly run: RunRecord; readonly created: boolean }
  | Known
  | Lost

export interface ClaimedRun {
  readonly run: RunRecord
  readonly fence: number
  readonly memory: RecallOutcome
}

export interface ClaimRunsOutcome {
  readonly claimed: readonly ClaimedRun[]
  /** When the next run of a workflow that still has room falls due; at or before `now` when the limit left some behind. */
  readonly nextDueAt?: number
}

export interface ParkedWait {
  readonly at: MemoryKey
  readonly target: WaitTarget
  readonly deadlineAt?: number
}

export interface EndRunInput {
  readonly claim: RunClaim
  readonly now: number
  readonly end:
    | { readonly status: 'done' | 'cancelled'; readonly result: Result }
    /** `blames`: the memory whose failure it is. */
    | { readonly status: 'failed'; readonly result: Result; readonly blames?: MemoryKey }
    /** To be entered again. */
    | { readonly status: 'due'; readonly result: Result; readonly dueAt: number }
}

export interface RunSummary extends RunRecord {
  /** The keys of what a parked run waits for. */
  readonly waitingFor: readonly string[]
}
