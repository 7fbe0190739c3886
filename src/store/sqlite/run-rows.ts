import type { Result, RunCancellation, RunRecord, RunStatus } from '../../model/run.js'
import { optional } from '../optional.js'

/** A run that is read whole, without its input. */
export interface RunRow {
  readonly no: number
  readonly id: string
  readonly workflow: string
  readonly key: string
  readonly status: RunStatus
  readonly started_at: number
  readonly due_at: number | null
  readonly fence: number
  readonly attempt: number
  readonly failures: number
  readonly crashes: number
  readonly cancellation: RunCancellation
  readonly cancel_reason: string | null
  readonly ended_at: number | null
  readonly result_type: Result['type'] | null
  readonly result: Uint8Array | null
  readonly blames: string | null
}

export type WholeRunRow = RunRow & { readonly input: Uint8Array }

/** As it is written for a run that is new. */
export function toNewRow(
  given: Pick<WholeRunRow, 'no' | 'id' | 'workflow' | 'key' | 'started_at' | 'due_at' | 'input'>,
): WholeRunRow {
  return {
    ...given,
    status: 'due',
    fence: 0,
    attempt: 0,
    failures: 0,
    crashes: 0,
    cancellation: 'none',
    cancel_reason: null,
    ended_at: null,
    result_type: null,
    result: null,
    blames: null,
  }
}

export function toRun(row: WholeRunRow): RunRecord {
  const { status } = row
  const isQueued = status === 'due' || status === 'parked'
  const isIn = status === 'running' || status === 'parked'
  return {
    id: row.id,
    workflow: row.workflow,
    key: row.key,
    status,
    input: row.input,
    startedAt: row.started_at,
    // While it is in an entry both are kept, for when it is given back as it was.
    ...(isQueued ? optional('dueAt', row.due_at) : {}),
    attempt: row.attempt,
    failures: row.failures,
    cancellation: row.cancellation,
    ...optional('cancelReason', toReason(row)),
    ...optional('endedAt', row.ended_at),
    ...(isIn ? {} : optional('result', toResult(row))),
  }
}

export function toReason({ cancel_reason }: Pick<RunRow, 'cancel_reason'>): string | undefined {
  return cancel_reason === null ? undefined : (JSON.parse(cancel_reason) as string)
}

export function toResult({
  result_type,
  result,
}: Pick<RunRow, 'result_type' | 'result'>): Result | undefined {
  return result_type === null ? undefined : { type: result_type, bytes: result ?? new Uint8Array() }
}
