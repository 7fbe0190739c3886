import type { CallbackRecord } from '../../model/callback.js'
import { forgetFailures } from '../../model/forgetting.js'
import type { Memory, MemoryKey } from '../../model/memory.js'
import type { ReceiverRecord } from '../../model/receiver.js'
import { type CallbackIds, type MemoryColumns, toColumns, toMemory } from '../memory-facts.js'
import { optional } from '../optional.js'
import type { RecallInput, RecallOutcome, Remembered } from '../scoping.js'
import { Bodies } from './bodies.js'
import type { EngineParts } from './engine-parts.js'
import type { Receivers } from './receivers.js'
import { CALLBACK_COLUMNS, type CallbackRow, toRecord } from './rows.js'
import { storable } from './values.js'

type MemoryRow = MemoryColumns & MemoryKey & { readonly ordinal: number }

/** What is remembered at a place, and where in its scope. */
export interface Known {
  readonly ordinal: number
  readonly memory: Memory
}

interface Forgotten {
  /** The place where the cancellation of the run was thrown is among it. */
  readonly isCancelForgotten: boolean
  readonly isAllForgotten: boolean
}

/** What a page brings at most, in memories and in bytes. Its first memory is there whatever its size. */
const LARGEST_PAGE = 1_000
const LARGEST_PAGE_BYTES = 2 * 1024 * 1024

// What scopes remember.
//
//   M1. The rows of a scope lie behind one another, in the order in which they were first remembered: a page is one
//       range of them.
//   M2. What a memory points to is there as long as the memory: the scope owns it.

export class Memories {
  readonly #parts: EngineParts
  readonly #receivers: Receivers
  readonly #bodies: Bodies
  readonly #find
  readonly #ordinalOf
  readonly #insert
  readonly #update
  readonly #delete
  readonly #extent
  readonly #sizes
  readonly #page
  readonly #callback

  constructor(parts: EngineParts, receivers: Receivers) {
    this.#parts = parts
    this.#receivers = receivers
    const { db } = parts
    this.#bodies = new Bodies(db)
    const place = 'where scope = ? and part = ? and key = ? and n = ?'
    const columns = 'ordinal, part, key, n, facts, bytes'
    this.#find = db.prepare<MemoryRow>(`select ${columns} from memories ${place}`, ['bytes'])
    this.#ordinalOf = db.prepare<{ ordinal: number }>(`select ordinal from memories ${place}`)
    this.#insert = db.prepare(`
      insert into memories (scope, ordinal, part, key, n, facts, size, bytes, run)
      values (
        ?1, coalesce((select ordinal from memories where scope = ?1 order by ordinal desc limit 1), 0) + 1,
        ?2, ?3, ?4, ?5, ?6, ?7, ?8
      )`)
    this.#update = db.prepare(
      'update memories set facts = ?, size = ?, bytes = ? where scope = ? and ordinal = ?',
    )
    this.#delete = db.prepare('delete from memories where scope = ? and ordinal = ?')
    this.#extent = db.prepare<{ count: number; size: number | null }>(`
      select count(*) as count, sum(size) as size from (
        select size from memories where scope = ? and ordinal > ? order by ordinal limit ?
      ) page`)
    this.#sizes = db.prepare<{ ordinal: number; size: number }>(
      'select ordinal, size from memories where scope = ? and ordinal > ? order by ordinal limit ?',
    )
    this.#page = db.prepare<MemoryRow>(
      `select ${columns} from memories where scope = ? and ordinal > ? order by ordinal limit ?`,
      ['bytes'],
    )
    this.#callback = db.prepare<CallbackRow>(`select ${CALLBACK_COLUMNS} from callbacks where id = ?`, [
      'body',
    ])
  }

  find(scopeId: string, at: MemoryKey, now: number): Known | undefined {
    const row = this.#find.get(scopeId, ...toPlace(at))
    return row && { ordinal: row.ordinal, memory: this.#toMemory(row, now) }
  }

  has(scopeId: string, at: MemoryKey): boolean {
    return this.#ordinalOf.get(scopeId, ...toPlace(at)) !== undefined
  }

  /** `run`: the row of the run that it is about. */
  add(scopeId: string, at: MemoryKey, memory: Memory, run: number | null = null): void {
    const { facts, size, bytes } = toColumns(memory)
    this.#insert.run(scopeId, ...toPlace(at), facts, size, bytes, run)
  }

  /** Remembers something else in its place. */
  change(scopeId: string, { ordinal }: Pick<Known, 'ordinal'>, memory: Memory): void {
    const { facts, size, bytes } = toColumns(memory)
    this.#update.run(facts, size, bytes, scopeId, ordinal)
  }

  remove(scopeId: string, { ordinal }: Pick<Known, 'ordinal'>): void {
    this.#delete.run(scopeId, ordinal)
  }

  recall({ scopeId, from, after, limit, now }: RecallInput): RecallOutcome {
    const first = from && this.#ordinalOf.get(scopeId, ...toPlace(from))?.ordinal
    if (from !== undefined && first === undefined) return { memories: [] }
    return this.#pageAfter(scopeId, first === undefined ? (after ?? 0) : first - 1, limit, now)
  }

  /** What a retry by hand forgets. */
  forgetFailures(scopeId: string, blames: MemoryKey | undefined, now: number): Forgotten {
    const { changes, isCancelForgotten } = forgetFailures(this.#all(scopeId, now), blames)
    for (const { at, memory } of changes) {
      const row = this.#ordinalOf.get(scopeId, ...toPlace(at))
      if (row === undefined) continue
      if (memory === undefined) this.remove(scopeId, row)
      else this.change(scopeId, row, memory)
    }
    return { isCancelForgotten, isAllForgotten: this.#sizes.get(scopeId, 0, 1) === undefined }
  }

  /** Everything, in order. It reads on as it is asked for more. */
  *#all(scopeId: string, now: number): Generator<Remembered> {
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: RecallOutcome = this.#pageAfter(scopeId, after, LARGEST_PAGE, now)
      yield* page.memories
      after = page.next
    }
  }

  #pageAfter(scopeId: string, after: number, limit: number, now: number): RecallOutcome {
    const most = Math.min(limit, LARGEST_PAGE)
    const { count, size } = this.#extent.get(scopeId, after, most + 1) ?? { count: 0, size: null }
    if (count === 0) return { memories: [] }
    const isSmall = (size ?? 0) <= LARGEST_PAGE_BYTES && this.#parts.budget.take(size ?? 0)
    const fitting = isSmall ? Math.min(count, most) : this.#fitting(this.#sizes.all(scopeId, after, most))
    const rows = this.#page.all(scopeId, after, fitting)
    const memories = rows.map(row => ({
      at: { part: row.part, key: row.key, n: row.n },
      memory: this.#toMemory(row, now),
    }))
    return { memories, ...optional('next', fitting < count ? rows.at(-1)?.ordinal : undefined) }
  }

  /** How many of them the page has room for. */
  #fitting(sizes: readonly { readonly size: number }[]): number {
    let bytes = 0
    const end = sizes.findIndex(({ size }, index) => {
      bytes += size
      return !this.#parts.budget.take(size) || (index > 0 && bytes > LARGEST_PAGE_BYTES)
    })
    return end < 0 ? sizes.length : Math.max(1, end)
  }

  #toMemory(row: MemoryRow, now: number): Memory {
    return toMemory(row, {
      receiver: id => this.#receiver(id, now),
      callback: ids => this.#callbackRecord(ids),
    })
  }

  #receiver(receiverId: string, now: number): ReceiverRecord {
    const mailbox = this.#parts.mailboxes.find(receiverId)
    if (mailbox === undefined) throw new Error('a memory has lost its receiver')
    return this.#receivers.recordOf(mailbox, now)
  }

  #callbackRecord({ id, receiverId }: CallbackIds): CallbackRecord {
    const row = this.#callback.get(id)
    if (row === undefined) throw new Error('a memory has lost its callback')
    return toRecord(row, receiverId, this.#bodies.of(row))
  }
}

function toPlace({ part, key, n }: MemoryKey): [string, string, number] {
  return [storable(part, 'the part of a scope'), storable(key, 'a key of a scope'), n]
}
