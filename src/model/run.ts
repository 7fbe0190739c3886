/**
 * The life of one run.
 *
 *   start ──▶ due ──claim──▶ running ──end──▶ done, cancelled
 *              ▲               │ │ └───end──▶ failed ──retry──▶ due
 *              ├─retry later───┘ │            └──cancel──▶ cancelled
 *              └─◀── parked ◀──park
 *
 * A parked run is due again when what it waits for is there, or its `dueAt` has come. `done` and `cancelled` are final.
 */
export type RunStatus = 'due' | 'running' | 'parked' | 'done' | 'failed' | 'cancelled'

/** `requested` until it has been thrown in the run, once. */
export type RunCancellation = 'none' | 'requested' | 'thrown'

export interface RunRecord {
  readonly id: string
  readonly workflow: string
  readonly key: string
  readonly status: RunStatus
  /** A value, encoded. */
  readonly input: Uint8Array
  /** When it was first due, which is what its deadlines count from. */
  readonly startedAt: number
  /** Of a due run: not before. Of a parked one: whatever happens, then. */
  readonly dueAt?: number
  /** How often it was entered. */
  readonly attempt: number
  /** How many entries ended with an error that is to be tried again. */
  readonly failures: number
  readonly cancellation: RunCancellation
  readonly cancelReason?: string
  readonly endedAt?: number
  /** What became of it; while it is `due` after a failure, or cancelled after one, the error of that. */
  readonly result?: Result
}

/** How something ended that code was run for. The bytes are a value or an error, encoded. */
export interface Result {
  readonly type: 'value' | 'error'
  readonly bytes: Uint8Array
}

/** Who runs it: what a write about it has to show. */
export interface RunClaim {
  readonly runId: string
  readonly epoch: number
  readonly fence: number
}

/** By what a run is known in a message and a handle. */
export interface RunName {
  readonly runId: string
  readonly workflow: string
  readonly key: string
}
