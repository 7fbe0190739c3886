import type { RunStatus } from '../../model/run.js'
import type { RunSummary } from '../running.js'
import type { Input } from '../store.js'
import type { EngineParts, Part } from './engine-parts.js'
import { toRun, type WholeRunRow } from './run-rows.js'

/** Looking runs up, by name and in pages. */
export class FindingRuns implements Part<'findRun' | 'listRuns'> {
  readonly #parts: EngineParts
  readonly #byId
  readonly #byKey
  readonly #page
  readonly #pageOf

  constructor(parts: EngineParts) {
    this.#parts = parts
    const select = (where: string) =>
      parts.db.prepare<WholeRunRow>(
        `select r.*, i.input from runs r join inputs i on i.run = r.no where ${where}`,
        ['input', 'result'],
      )
    this.#byId = select('r.id = ?')
    this.#byKey = select('r.workflow = ? and r.key = ?')
    const after = 'r.id > ? and r.started_at < ? order by r.id limit ?'
    this.#page = select(`r.workflow = ? and ${after}`)
    this.#pageOf = select(`r.workflow = ? and r.status = ? and ${after}`)
  }

  findRun(input: Input<'findRun'>): RunSummary | undefined {
    const row = 'runId' in input ? this.byId(input.runId) : this.byKey(input.workflow, input.key)
    return row && this.#toSummary(row)
  }

  listRuns(input: Input<'listRuns'>): readonly RunSummary[] {
    const { workflow, status, startedBefore = Number.MAX_SAFE_INTEGER, after = '', limit } = input
    return this.#rowsOf(workflow, status, [after, startedBefore, limit]).map(row => this.#toSummary(row))
  }

  byId(runId: string): WholeRunRow | undefined {
    return this.#byId.get(runId)
  }

  byKey(workflow: string, key: string): WholeRunRow | undefined {
    return this.#byKey.get(workflow, key)
  }

  #toSummary(row: WholeRunRow): RunSummary {
    return { ...toRun(row), waitingFor: row.status === 'parked' ? this.#parts.waits.keysOf(row.no) : [] }
  }

  #rowsOf(
    workflow: string,
    status: RunStatus | undefined,
    page: readonly [after: string, startedBefore: number, limit: number],
  ): readonly WholeRunRow[] {
    return status === undefined
      ? this.#page.all(workflow, ...page)
      : this.#pageOf.all(workflow, status, ...page)
  }
}
