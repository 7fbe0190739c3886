import { optional } from '../optional.js'
import type { ClaimedRun, ClaimRunsOutcome } from '../running.js'
import type { RecallOutcome } from '../scoping.js'
import type { Input } from '../store.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { Memories } from './memories.js'
import { type RunRow, toRun } from './run-rows.js'

type ClaimInput = Input<'claimRuns'>

/** What one claim hands out at most, in bytes of inputs; the first run is handed out whatever its size. */
const LARGEST_CLAIM_BYTES = 8 * 1024 * 1024

/** How many memories come with a run. */
const FIRST_PAGE = 16

/** A workflow with something due, and how many of it may be taken. */
interface Open {
  readonly workflow: string
  readonly dueAt: number
  room: number
}

// Handing out runs that are due.
//
//   R1. Workflows are looked at one by one, through an index, so a long queue of one costs the others nothing.
//   R2. When the limit is smaller than what is due, every workflow gets its share first.

export class Entering implements Part<'claimRuns'> {
  readonly #parts: EngineParts
  readonly #memories: Memories
  readonly #head
  readonly #due
  readonly #input
  readonly #take

  constructor(parts: EngineParts, memories: Memories) {
    this.#parts = parts
    this.#memories = memories
    const { db } = parts
    const queued = "status in ('due', 'parked') and due_at"
    this.#head = db.prepare<{ due_at: number }>(`
      select due_at from runs where workflow = ? and ${queued} is not null order by due_at, id limit 1`)
    this.#due = db.prepare<RunRow>(
      `select * from runs where workflow = ? and ${queued} <= ? order by due_at, id limit ?`,
      ['result'],
    )
    // Read for those that are taken.
    this.#input = db.prepare<{ input: Uint8Array }>('select input from inputs where run = ?', ['input'])
    this.#take = db.prepare(
      "update runs set status = 'running', epoch = ?, fence = fence + 1, attempt = attempt + 1 where no = ?",
    )
  }

  claimRuns(input: ClaimInput): ClaimRunsOutcome {
    const { epoch, now, limit } = input
    if (!this.#parts.epochs.isLive(epoch, now)) return { claimed: [] }

    const withRoom = this.#withRoom(input)
    const budget = { count: limit, bytes: LARGEST_CLAIM_BYTES }
    const claimed: ClaimedRun[] = []
    const open = withRoom.filter(({ dueAt }) => dueAt <= now).sort((a, b) => a.dueAt - b.dueAt)
    for (let left = open; left.length > 0 && budget.count > 0 && budget.bytes > 0; ) {
      const share = Math.max(1, Math.floor(budget.count / left.length))
      left = left.filter(workflow => {
        const taken = this.#takeFrom(workflow, share, budget, input)
        claimed.push(...taken)
        return taken.length === share && workflow.room > 0
      })
    }
    return { claimed, ...optional('nextDueAt', this.#nextDueAt(withRoom)) }
  }

  #withRoom({ workflows }: ClaimInput): Open[] {
    return Object.entries(workflows).flatMap(([workflow, room]) => {
      const dueAt = room > 0 ? this.#headOf(workflow) : undefined
      return dueAt === undefined ? [] : [{ workflow, room, dueAt }]
    })
  }

  #takeFrom(
    open: Open,
    most: number,
    budget: { count: number; bytes: number },
    { epoch, now }: ClaimInput,
  ): readonly ClaimedRun[] {
    const limit = Math.min(most, open.room, budget.count)
    if (limit <= 0 || budget.bytes <= 0) return []
    const claimed: ClaimedRun[] = []
    for (const row of this.#due.all(open.workflow, now, limit)) {
      if (budget.bytes <= 0) break
      const taken = this.#enter(row, epoch, now)
      budget.count--
      budget.bytes -= taken.run.input.length
      open.room--
      claimed.push(taken)
    }
    return claimed
  }

  #enter(row: RunRow, epoch: number, now: number): ClaimedRun {
    this.#take.run(epoch, row.no)
    if (row.status === 'parked') this.#parts.waits.clear(row.no)
    const input = this.#input.get(row.no)?.input ?? new Uint8Array()
    const run = toRun({ ...row, status: 'running', attempt: row.attempt + 1, input })
    return { run, fence: row.fence + 1, memory: this.#firstPage(row, now) }
  }

  #firstPage({ id, fence }: RunRow, now: number): RecallOutcome {
    if (fence === 0) return { memories: [] } // nobody has written anything for it yet
    return this.#memories.recall({ scopeId: id, limit: FIRST_PAGE, now })
  }

  #nextDueAt(withRoom: readonly Open[]): number | undefined {
    const instants = withRoom
      .filter(({ room }) => room > 0)
      .flatMap(({ workflow }) => this.#headOf(workflow) ?? [])
    return instants.length === 0 ? undefined : Math.min(...instants)
  }

  #headOf(workflow: string): number | undefined {
    return this.#head.get(workflow)?.due_at
  }
}
