import type { StandardSchemaV1 as Schema } from '@standard-schema/spec'
import { type RetrySettings, toRetrySettings } from '../core/backoff.js'
import { checkKey } from '../core/bytes.js'
import type { Clock } from '../core/clock.js'
import { toInstant } from '../core/duration.js'
import { createId } from '../core/ids.js'
import { checkOptionNames } from '../core/option-names.js'
import type { Wait, WaitOptions } from '../core/wait.js'
import { InvalidInputError, InvalidOptionsError, LeaseLostError, ServerClosedError } from '../errors.js'
import type { Claim } from '../model/callback.js'
import type { RunName, RunRecord } from '../model/run.js'
import type { Run, RunHandle, StartOptions, Workflow, WorkflowOptions } from '../model/scope.js'
import { encodeValue } from '../model/value.js'
import { DEFAULTS, type Observation } from '../options.js'
import { EndWaits } from '../store/end-waits.js'
import { join } from '../store/join.js'
import type { StartRunInput } from '../store/running.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import { forgotten, StoredRun, toEnd, toRunResult, uncommitted } from './run-handle.js'
import { DeclaredWorkflow } from './workflow-handle.js'

// The workflows that are declared in this process, by name.
//
// Owns:   the declarations, and the waits of this process for runs to end.
// Leaves: running them (runner), and the runs themselves (store).
//
//   F1. A run names its workflow, so that the latest declaration of that name runs it, whatever process started it.
//   F2. What cannot be started is refused before anything is stored.

export interface WorkflowsParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly observe: (event: Observation) => void
  readonly onError: (error: unknown) => void
}

export interface Declaration {
  readonly name: string
  readonly handler: (run: Run, input: unknown) => Promise<unknown>
  readonly schema?: Schema
  /** May be `Infinity`. */
  readonly concurrency: number
  readonly retry: RetrySettings
}

export interface Given {
  readonly input: unknown
  readonly options: StartOptions
}

/** Why there is no such run. */
type ToMissing = (run: RunName) => Error

export class Workflows {
  readonly #parts: WorkflowsParts
  readonly #declarations = new Map<string, Declaration>()
  readonly #waits: EndWaits
  #closed = false
  /** Called when a workflow is declared: runs of it may be due. */
  onDeclared: () => void = () => {}

  constructor(parts: WorkflowsParts) {
    this.#parts = parts
    this.#waits = new EndWaits(parts)
  }

  /**
   * Declaring a name again replaces the earlier declaration.
   *
   * @throws InvalidOptionsError for a name or options that cannot be.
   */
  declare<I, O, In = I>(
    name: string,
    options: WorkflowOptions<In, I>,
    handler: (run: Run, input: I) => Promise<O>,
  ): Workflow<In, O> {
    this.#declarations.set(name, toDeclaration(name, options, handler))
    this.onDeclared()
    return new DeclaredWorkflow<In, O>(name, {
      session: this.#parts.session,
      start: (workflow, key, given) => this.start(workflow, key, given),
      get: (workflow, key) => this.get(workflow, key),
    })
  }

  find(name: string): Declaration | undefined {
    return this.#declarations.get(name)
  }

  [Symbol.iterator](): IterableIterator<Declaration> {
    return this.#declarations.values()
  }

  /**
   * A run as it goes into the store.
   *
   * @throws InvalidInputError when the input does not fit the schema.
   * @throws UnstorableValueError when it cannot be kept.
   * @throws InvalidOptionsError for a workflow that is not declared, a key or options that cannot be.
   */
  async toStart(
    { name }: { readonly name: string },
    key: string,
    { input, options }: Given,
  ): Promise<Omit<StartRunInput, 'in'>> {
    const declaration = this.find(name)
    if (declaration === undefined) {
      throw new InvalidOptionsError(
        `No workflow '${name}' is declared on this server; declare it with server.workflow('${name}', …)`,
      )
    }
    checkKey(key, 'The key of a run')
    checkOptionNames(options, ['after', 'within'], 'start')
    if ('within' in options) {
      throw new InvalidOptionsError(
        'within is not for start of a scope, which records what it has started; use workflow.start(key, input, { within })',
      )
    }
    const value = await check(declaration, input)
    const bytes = encodeValue(value, `The input of workflow '${name}'`)
    const now = this.#parts.clock.now()
    const dueAt = options.after === undefined ? now : toInstant(options.after, now, 'after')
    return { runId: createId('run', now), workflow: name, key, input: bytes, dueAt, now }
  }

  /** Starts a run, or finds the one with that key. */
  async start<O>(workflow: { readonly name: string }, key: string, given: Given): Promise<RunHandle<O>> {
    this.#checkOpen()
    const { input, options } = given
    checkOptionNames(options, ['after', 'within'], 'start')
    if ('within' in options) {
      const { within, ...rest } = options
      return await this.#join<O>(within, await this.toStart(workflow, key, { input, options: rest }))
    }
    const run = await this.#start(await this.toStart(workflow, key, given))
    if (run === undefined) throw new LeaseLostError()
    return this.#handle<O>(run)
  }

  /**
   * A run for a callback, checked. What it returns starts the run, and acknowledges the claimed callback in one commit;
   * `false` when the callback had been taken over.
   */
  async prepare(
    workflow: { readonly name: string },
    key: string,
    input: unknown,
  ): Promise<(claim: Claim) => Promise<boolean>> {
    const run = await this.toStart(workflow, key, { input, options: {} })
    return async claim => (await this.#start({ ...run, acknowledges: claim })) !== undefined
  }

  async get<O>({ name }: { readonly name: string }, key: string): Promise<RunHandle<O> | undefined> {
    this.#checkOpen()
    const run = await this.#parts.session.findRun({ workflow: name, key: checkKey(key, 'The key of a run') })
    return run === undefined ? undefined : this.#handle<O>(run)
  }

  /** The handle of a run that a scope has started: `result` is a wait which that scope remembers. */
  toRun<O>(run: RunName, result: (options: WaitOptions<never>) => Wait<O>): RunHandle<O> {
    // A fallback goes through it as it is: only waits know of it.
    const parts = { ...this.#parts, toMissing: forgotten }
    return new StoredRun<O>(run, parts, options => result(options as WaitOptions<never>))
  }

  /** A run was made, here or by a scope. */
  started({ id: runId, workflow, key }: RunRecord): void {
    const { clock, observe } = this.#parts
    observe({ type: 'run.started', at: new Date(clock.now()), runId, workflow, key })
  }

  /** Nobody is told of the end of a run any more, and no run is started. */
  close(): void {
    this.#closed = true
    this.#waits.close()
  }

  /** `undefined`: the callback that it was to handle had been taken over. */
  async #start(input: StartRunInput): Promise<RunRecord | undefined> {
    const outcome = await this.#parts.session.startRun(input)
    if (outcome.type !== 'started') return undefined
    const { run, created } = outcome
    if (created) this.started(run)
    return run
  }

  /** Nobody is told that the run was started: whether it was, only the caller will know. */
  async #join<O>(transaction: unknown, input: StartRunInput): Promise<RunHandle<O>> {
    const outcome = await join(this.#parts.session, transaction).startRun(input)
    if (outcome.type !== 'started') throw new LeaseLostError()
    return this.#handle<O>(outcome.run, uncommitted)
  }

  #handle<O>({ id, workflow, key }: RunRecord, toMissing: ToMissing = forgotten): RunHandle<O> {
    const run = { runId: id, workflow, key }
    return new StoredRun<O>(run, { ...this.#parts, toMissing }, options =>
      this.#result(run, options, toMissing),
    )
  }

  /** A wait for what the run returns, also when it has ended already. */
  #result<O, F>(run: RunName, options: WaitOptions<F>, toMissing: ToMissing): Wait<O | F> {
    const { runId, workflow, key } = run
    const look = async () => {
      const record = await this.#parts.session.findRun({ runId })
      if (record === undefined) throw toMissing(run)
      const end = toEnd(record)
      return end === undefined ? {} : { found: toRunResult<O>(run, end) }
    }
    const what = `the result of run ${workflow}/${key}`
    return this.#waits.until<O, F>({ watched: [{ kind: 'run', id: runId }], look }, { ...options, what })
  }

  #checkOpen(): void {
    if (this.#closed) throw new ServerClosedError()
  }
}

function toDeclaration<I, O, In>(
  name: string,
  options: WorkflowOptions<In, I>,
  handler: (run: Run, input: I) => Promise<O>,
): Declaration {
  checkKey(name, 'The name of a workflow')
  if (typeof handler !== 'function') {
    throw new InvalidOptionsError(
      `Workflow '${name}' needs a function: server.workflow('${name}', async (run, input) => …)`,
    )
  }
  checkOptionNames(options, ['schema', 'concurrency', 'retry'], `Workflow '${name}'`)
  const { schema, concurrency = Number.POSITIVE_INFINITY, retry } = options
  if (schema !== undefined && typeof schema?.['~standard']?.validate !== 'function') {
    throw new InvalidOptionsError(`The schema of workflow '${name}' is not a Standard Schema`)
  }
  if (concurrency !== Number.POSITIVE_INFINITY && !(Number.isInteger(concurrency) && concurrency >= 1)) {
    throw new InvalidOptionsError(
      `concurrency of workflow '${name}' must be a whole number of at least 1; got ${concurrency}`,
    )
  }
  return {
    name,
    handler: handler as Declaration['handler'],
    concurrency,
    retry: toRetrySettings(retry, DEFAULTS.consumeRetry, 'retry'),
    ...(schema === undefined ? {} : { schema }),
  }
}

async function check({ name, schema }: Declaration, input: unknown): Promise<unknown> {
  if (schema === undefined) return input
  const result = await schema['~standard'].validate(input)
  if (result.issues === undefined) return result.value
  throw new InvalidInputError(`The input of workflow '${name}' does not fit its schema`, result.issues)
}
