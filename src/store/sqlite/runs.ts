import { type MemoryKey, scopeIdOf } from '../../model/memory.js'
import type { RunClaim } from '../../model/run.js'
import type { EndRunInput, StartRunInput, StartRunOutcome } from '../running.js'
import type { Input } from '../store.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { FindingRuns } from './finding-runs.js'
import type { Memories } from './memories.js'
import { toNewRow, toRun, type WholeRunRow } from './run-rows.js'
import type { EnteredScope, Scopes } from './scopes.js'
import { type Settling, toBlamed } from './settling.js'
import { storable, toInstant } from './values.js'
import { isOf } from './verbs.js'

export interface RunParts {
  readonly scopes: Scopes
  readonly memories: Memories
  readonly settling: Settling
  readonly finding: FindingRuns
}

/** How runs begin and end. Who enters what is due is `entering`. */
export class Runs
  implements Part<'startRun' | 'endRun' | 'releaseRun' | 'reclaimRuns' | 'retryRun' | 'cancelRun'>
{
  readonly #engine: EngineParts
  readonly #parts: RunParts
  readonly #insert
  readonly #insertInput
  readonly #isRemembered
  readonly #end
  readonly #again
  readonly #release
  readonly #reclaim
  readonly #retry
  readonly #cancelAtOnce
  readonly #requestCancel

  constructor(engine: EngineParts, parts: RunParts) {
    this.#engine = engine
    this.#parts = parts
    const { db } = engine
    this.#insert = db.prepare<{ no: number }>(`
      insert into runs (id, workflow, key, status, started_at, due_at) values (?, ?, ?, 'due', ?, ?)
          on conflict (workflow, key) do nothing returning no`)
    this.#insertInput = db.prepare('insert into inputs (run, input) values (?, ?)')
    this.#isRemembered = db.prepare('update runs set remembered = remembered + 1 where no = ?')
    this.#end = db.prepare(`
      update runs
         set status = ?, epoch = null, crashes = 0, ended_at = ?, result_type = ?, result = ?, blames = ?
       where no = ?`)
    this.#again = db.prepare(`
      update runs
         set status = 'due', epoch = null, crashes = 0, failures = failures + 1, due_at = ?, result_type = ?,
             result = ?
       where no = ?`)
    const giveBack = "update runs set status = 'due', epoch = null, attempt = attempt - 1"
    this.#release = db.prepare(`${giveBack} where no = ?`)
    this.#reclaim = db.prepare(`
      ${giveBack}
       where epoch = ? and status = 'running' and id not in (select value from json_each(?))`)
    this.#retry = db.prepare(`
      update runs
         set status = 'due', due_at = ?, failures = 0, crashes = 0, ended_at = null, result_type = null,
             result = null, blames = null, cancellation = ?
       where no = ?`)
    this.#cancelAtOnce = db.prepare(`
      update runs
         set status = 'cancelled', cancellation = case cancellation when 'none' then 'requested' else cancellation end,
             cancel_reason = coalesce(?, cancel_reason), ended_at = ?, blames = null
       where no = ?`)
    this.#requestCancel = db.prepare(`
      update runs
         set cancellation = 'requested', cancel_reason = ?1,
             status = case status when 'parked' then 'due' else status end,
             due_at = case status when 'running' then due_at else ?2 end
       where no = ?3`)
  }

  startRun(input: StartRunInput): StartRunOutcome {
    const { acknowledges, now } = input
    const { scopes, memories, settling } = this.#parts
    const scope = input.in && scopes.enter(input.in.entry, now)
    if (input.in !== undefined && scope === undefined) return { type: 'lost' }
    if (acknowledges !== undefined && scopes.callbackOf(acknowledges, now) === undefined)
      return { type: 'lost' }
    const known = input.in && memories.find(scopeIdOf(input.in.entry), input.in.at, now)?.memory
    const started = known !== undefined && isOf('start', known) ? known : undefined
    if (known !== undefined && started === undefined) return { type: 'known', memory: known }

    const row = started === undefined ? this.#findOrInsert(input) : this.#rowOf(started.runId)
    if (input.in !== undefined && scope !== undefined && known === undefined) {
      this.#remember(scope, input.in.at, row)
    }
    // Last: the callback may be the scope itself.
    if (acknowledges !== undefined) settling.acknowledge({ claims: [acknowledges], now })
    return { type: 'started', run: toRun(row), created: row.id === input.runId }
  }

  endRun({ claim, now, end }: EndRunInput): boolean {
    const run = this.#parts.scopes.runOf(claim, now)
    if (run === undefined) return false
    const { result } = end
    if (end.status === 'due') {
      // A cancellation is not put off.
      const dueAt = run.cancellation === 'requested' ? Math.min(end.dueAt, now) : end.dueAt
      this.#again.run(toInstant(dueAt), result.type, result.bytes, run.no)
      return true
    }
    const blames = end.status === 'failed' && end.blames !== undefined ? JSON.stringify(end.blames) : null
    this.#end.run(end.status, now, result.type, result.bytes, blames, run.no)
    if (end.status !== 'failed') this.#parts.scopes.end(claim.runId, now)
    this.#engine.waits.resume(claim.runId, now)
    return true
  }

  releaseRun({ claim, now }: { readonly claim: RunClaim; readonly now: number }): boolean {
    const run = this.#parts.scopes.runOf(claim, now)
    if (run === undefined) return false
    this.#release.run(run.no)
    return true
  }

  reclaimRuns({ epoch, held, now }: Input<'reclaimRuns'>): number {
    if (!this.#engine.epochs.isLive(epoch, now)) return 0
    return this.#reclaim.run(epoch, JSON.stringify(held))
  }

  retryRun({ runId, now }: Input<'retryRun'>): boolean {
    const run = this.#parts.finding.byId(runId)
    if (run?.status !== 'failed') return false
    const { isCancelForgotten } = this.#parts.memories.forgetFailures(runId, toBlamed(run.blames), now)
    this.#retry.run(now, isCancelForgotten ? 'requested' : run.cancellation, run.no)
    return true
  }

  cancelRun({ runId, reason, now }: Input<'cancelRun'>): boolean {
    const run = this.#parts.finding.byId(runId)
    if (run === undefined) return false
    const isFailed = run.status === 'failed'
    if (!isFailed && (run.ended_at !== null || run.cancellation !== 'none')) return false
    const json = reason === undefined ? null : JSON.stringify(reason)
    if (isFailed || run.fence === 0) {
      this.#cancelAtOnce.run(json, now, run.no)
      this.#parts.scopes.end(runId, now)
      this.#engine.waits.resume(runId, now)
      return true
    }
    this.#requestCancel.run(json, now, run.no)
    if (run.status === 'parked') this.#engine.waits.clear(run.no)
    return true
  }

  /** The run with that key; a new one, if there is none. */
  #findOrInsert({ runId, workflow, key, input, dueAt, now }: StartRunInput): WholeRunRow {
    const names = [storable(workflow, 'the name of a workflow'), storable(key, 'the key of a run')] as const
    const due = toInstant(dueAt)
    const startedAt = Math.max(now, due)
    const inserted = this.#insert.get(runId, ...names, startedAt, due)
    if (inserted !== undefined) {
      this.#insertInput.run(inserted.no, input)
      return toNewRow({
        no: inserted.no,
        id: runId,
        workflow,
        key,
        started_at: startedAt,
        due_at: due,
        input,
      })
    }
    const row = this.#parts.finding.byKey(workflow, key)
    if (row === undefined) throw new Error('a run that was just started is not there')
    return row
  }

  #rowOf(runId: string): WholeRunRow {
    const row = this.#parts.finding.byId(runId)
    if (row === undefined) throw new Error('a memory has lost its run')
    return row
  }

  #remember(scope: EnteredScope, at: MemoryKey, { no, id: runId, workflow, key }: WholeRunRow): void {
    this.#parts.memories.add(scope.id, at, { verb: 'start', runId, workflow, key }, no)
    this.#isRemembered.run(no)
    this.#parts.scopes.wrote(scope)
  }
}
