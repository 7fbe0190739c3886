import type { Command, CommitPace, Executor, Result } from '../group-commit.js'
import type { CommandName, Input } from '../store.js'
import type { Connections } from './connections.js'
import { isOfOneCommand, isPassing, toError } from './fault.js'
import { locksOf } from './locks.js'
import { quoted } from './names.js'
import { fromWire, toWire } from './wire.js'

// Batches, each one statement and so one round trip, one transaction, one commit.
//
// Owns:   nothing that outlives a batch.
// Leaves: queueing to group commit, the commands to the functions in the database.
//
//   X1. One batch after the other, so commands take effect in the order in which they were sent (S10).
//   X2. A batch that fails for one of its commands is repeated one by one: each has an outcome or an error of its own (H48).
//       One that has met a lock of somebody else's is repeated whole before.
//   X3. Outcomes are sent after the commit: whoever is slow to read them holds no lock (H47).
//   X4. Of a batch whose answer was lost nobody knows whether it was done: all of it is unavailable, and may be sent again.

export interface ExecutorParts {
  readonly connections: Connections
  readonly schema: string
  /** By what leases are judged: the clock of the database, or, where tests move time, the instants of the commands. */
  readonly judgesBy: 'database' | 'commands'
  /** What has been committed. */
  readonly onDone: (batch: readonly Command[], results: readonly Result[]) => void
  /** Ends what is the store's own. */
  readonly close: () => Promise<void>
}

export class PostgresExecutor implements Executor {
  readonly pace: CommitPace = { batches: 1, worthwhile: Number.POSITIVE_INFINITY }
  readonly #parts: ExecutorParts
  readonly #statement: string

  constructor(parts: ExecutorParts) {
    this.#parts = parts
    this.#statement = `call ${quoted(parts.schema)}.carry_out($1, $2, $3, null)`
  }

  async execute(batch: readonly Command[]): Promise<readonly Result[]> {
    const results = await this.#execute(batch.map(toPrepared))
    this.#parts.onDone(batch, results)
    return results
  }

  close(): Promise<void> {
    return this.#parts.close()
  }

  async #execute(batch: readonly Prepared[]): Promise<readonly Result[]> {
    const sendable = batch.filter(prepared => 'json' in prepared)
    if (sendable.length < batch.length) {
      const results = [...(await this.#execute(sendable))]
      return batch.map(prepared => ('json' in prepared ? (results.shift() as Result) : prepared))
    }
    if (sendable.length === 0) return []
    let outcomes: readonly unknown[]
    try {
      outcomes = await this.#send(sendable).catch(error => this.#sendAgain(sendable, error))
    } catch (error) {
      if (sendable.length === 1 || !isOfOneCommand(error)) {
        return sendable.map(() => ({ ok: false, error: toError(error) }))
      }
      const results: Result[] = []
      for (const prepared of sendable) results.push(...(await this.#execute([prepared])))
      return results
    }
    return sendable.map(({ command }, index) => toResult(command, outcomes[index]))
  }

  /** Once, and whole: one by one, each of hundreds would wait for the same lock. */
  async #sendAgain(batch: readonly Sendable[], error: unknown): Promise<readonly unknown[]> {
    if (batch.length === 1 || !isPassing(error)) throw error
    return await this.#send(batch)
  }

  async #send(batch: readonly Sendable[]): Promise<readonly unknown[]> {
    const { connections, judgesBy } = this.#parts
    const { rows } = await connections.query(this.#statement, [
      `[${batch.map(({ json }) => json).join()}]`,
      JSON.stringify(locksOf(batch.map(({ command }) => command))),
      judgesBy === 'commands',
    ])
    return JSON.parse(String(rows[0]?.outcomes)) as readonly unknown[]
  }
}

interface Sendable {
  readonly command: Command
  readonly json: string
}

type Prepared = Sendable | Extract<Result, { readonly ok: false }>

/** What cannot be read is a fault of ours: its command was carried out, and so were the others. */
function toResult<N extends CommandName>(
  { name, input }: { readonly name: N; readonly input: Input<N> },
  wire: unknown,
): Result {
  try {
    return { ok: true, outcome: fromWire(name, wire, input) }
  } catch (error) {
    return { ok: false, error: error as Error }
  }
}

function toPrepared(command: Command): Prepared {
  try {
    return { command, json: toWire(command) }
  } catch (error) {
    return { ok: false, error: error as Error }
  }
}
