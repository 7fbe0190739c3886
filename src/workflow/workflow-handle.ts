import { checkOptionNames } from '../core/option-names.js'
import { InvalidOptionsError } from '../errors.js'
import type { RunStatus } from '../model/run.js'
import type { RunHandle, RunInfo, RunState, StartOptions, Workflow } from '../model/scope.js'
import type { RunSummary } from '../store/running.js'
import type { StoreSession } from '../store/store.js'
import { toRunInfo } from './run-handle.js'

const PAGE = 100

/** What the store calls them: a run that is due is on its way. */
const STATUSES: Readonly<Record<RunState, readonly RunStatus[]>> = {
  running: ['due', 'running'],
  parked: ['parked'],
  done: ['done'],
  failed: ['failed'],
  cancelled: ['cancelled'],
}

/** What it needs of the workflows of its server. */
export interface WorkflowParts {
  readonly session: StoreSession
  readonly start: <O>(
    workflow: { readonly name: string },
    key: string,
    given: { readonly input: unknown; readonly options: StartOptions },
  ) => Promise<RunHandle<O>>
  readonly get: <O>(workflow: { readonly name: string }, key: string) => Promise<RunHandle<O> | undefined>
}

interface Filter {
  readonly status?: RunState
  readonly startedBefore?: Date
}

/** A workflow as its user holds it. */
export class DeclaredWorkflow<I, O> implements Workflow<I, O> {
  readonly name: string
  readonly #parts: WorkflowParts

  constructor(name: string, parts: WorkflowParts) {
    this.name = name
    this.#parts = parts
  }

  async start(key: string, ...given: unknown[]): Promise<RunHandle<O>> {
    if (typeof key !== 'string') {
      throw new InvalidOptionsError(
        `start of workflow '${this.name}' needs a key first, by which its run is known: start('${this.name}/7', input)`,
      )
    }
    const [input, options = {}] = given as [unknown, StartOptions?]
    return await this.#parts.start<O>(this, key, { input, options })
  }

  async get(key: string): Promise<RunHandle<O> | undefined> {
    return await this.#parts.get<O>(this, key)
  }

  runs(filter: Filter = {}): AsyncIterable<RunInfo> {
    checkOptionNames(filter, ['status', 'startedBefore'], 'The filter')
    const { status, startedBefore } = filter
    if (status !== undefined && !Object.hasOwn(STATUSES, status)) {
      throw new InvalidOptionsError(`status must be one of ${Object.keys(STATUSES).join(', ')}`)
    }
    if (
      startedBefore !== undefined &&
      !(startedBefore instanceof Date && !Number.isNaN(startedBefore.getTime()))
    ) {
      throw new InvalidOptionsError('startedBefore must be a Date')
    }
    return { [Symbol.asyncIterator]: () => this.#list(filter) }
  }

  async *#list(filter: Filter): AsyncGenerator<RunInfo> {
    let after: string | undefined
    do {
      const page = await this.#page(filter, after)
      for (const run of page.runs) yield toRunInfo(run)
      after = page.next
    } while (after !== undefined)
  }

  async #page(
    { status, startedBefore }: Filter,
    after: string | undefined,
  ): Promise<{ readonly runs: readonly RunSummary[]; readonly next: string | undefined }> {
    const list = (one?: RunStatus) =>
      this.#parts.session.listRuns({
        workflow: this.name,
        limit: PAGE,
        ...(one === undefined ? {} : { status: one }),
        ...(startedBefore === undefined ? {} : { startedBefore: startedBefore.getTime() }),
        ...(after === undefined ? {} : { after }),
      })
    const statuses = status === undefined ? [undefined] : STATUSES[status]
    const pages = await Promise.all(statuses.map(list))
    // A full page tells nothing of what is behind its end, so the next one goes on from the first such end.
    const ends = pages.flatMap(page => (page.length < PAGE ? [] : [page.at(-1)?.id ?? '']))
    const next = ends.sort()[0]
    const found = new Map(pages.flat().map(run => [run.id, run]))
    const ids = [...found.keys()].filter(id => next === undefined || id <= next).sort()
    return { runs: ids.flatMap(id => found.get(id) ?? []), next }
  }
}
