import type { CallbackRecord, ClaimedCallback } from '../../model/callback.js'
import type { ClaimInput, ClaimOutcome } from '../receiving.js'
import { Bodies } from './bodies.js'
import type { EngineParts, Part } from './engine-parts.js'
import { Groups } from './groups.js'
import type { Mailbox } from './mailboxes.js'
import { CALLBACK_COLUMNS, type CallbackRow, toRecord } from './rows.js'
import { storable } from './values.js'

/** Handing callbacks out. Each step reads from an index no more rows than it was asked for. */
export class Claiming implements Part<'claim'> {
  readonly #parts: EngineParts
  readonly #bodies: Bodies
  readonly #groups: Groups
  readonly #makeDue
  readonly #due
  readonly #ready
  readonly #readyInGroups
  readonly #nextDue
  readonly #take
  readonly #findUngrouped

  constructor(parts: EngineParts) {
    this.#parts = parts
    const { db } = parts
    this.#bodies = new Bodies(db)
    this.#groups = new Groups(db)
    const select = (where: string) =>
      db.prepare<CallbackRow>(`select ${CALLBACK_COLUMNS} from callbacks where ${where}`, ['body'])
    // Those that are due are in order of `seq` among themselves: they all get the same instant, in the same index.
    this.#makeDue = db.prepare(
      "update callbacks set due_at = 0 where receiver = ? and state = 'delayed' and due_at > 0 and due_at <= ?",
    )
    this.#due = select("receiver = ? and state = 'delayed' and due_at = 0 order by seq limit ?")
    this.#ready = select("receiver = ? and state = 'ready' and grp is null order by seq limit ?")
    this.#readyInGroups = select("receiver = ? and state = 'ready' and grp is not null order by seq limit ?")
    this.#nextDue = db.prepare<{ due_at: number }>(
      "select due_at from callbacks where receiver = ? and state = 'delayed' order by due_at limit 1",
    )
    this.#take = db.prepare(`
      update callbacks set state = 'claimed', epoch = ?, fence = fence + 1, attempt = attempt + 1, due_at = null,
             started_at = coalesce(started_at, ?)
       where no = ?`)
    this.#findUngrouped = db.prepare<{
      no: number
      seq: number
      state: 'ready' | 'delayed'
      due_at: number | null
    }>(`
      select no, seq, state, due_at from callbacks
       where id = ? and receiver = ? and grp is null and (state = 'ready' or (state = 'delayed' and due_at <= ?))`)
  }

  claim(input: ClaimInput): ClaimOutcome {
    const { receiverId, epoch, limit, now, ordered, groups = [] } = input
    const { mailboxes, epochs } = this.#parts
    const mailbox = mailboxes.find(receiverId)
    if (mailbox === undefined) return { callbacks: [], ungrouped: [], state: 'closed', unread: false }

    const state = mailboxes.stateOf(mailbox, now)
    const expiresAt = state === 'open' && mailbox.expiresAt !== null ? [mailbox.expiresAt] : []
    const unread = mailbox.unread > 0
    if (!epochs.isLive(epoch, now)) return { callbacks: [], ungrouped: [], state, unread }
    // What a scope has received is read by that scope alone.
    if (!unread || mailbox.scope !== null)
      return { callbacks: [], ungrouped: [], state, unread, ...earliest(expiresAt) }

    for (const { callbackId, group } of groups) this.#name(mailbox, callbackId, group, now)
    const firstDue = this.#nextDue.get(mailbox.receiver)?.due_at
    const due = firstDue !== undefined && firstDue <= now ? this.#dueOf(mailbox, now, limit) : []
    const { callbacks, ungrouped, isCut } = ordered
      ? this.#takeOrdered(mailbox, input, due)
      : this.#takeAny(mailbox, input, due)

    const nextDue = due.length > 0 ? this.#nextDue.get(mailbox.receiver)?.due_at : firstDue
    return {
      callbacks,
      ungrouped,
      state,
      unread,
      ...earliest([...expiresAt, ...(nextDue === undefined ? [] : [nextDue]), ...(isCut ? [now] : [])]),
    }
  }

  /** A callback with how it stands. */
  read({ receiverId }: Mailbox, row: CallbackRow): ClaimedCallback {
    const { attempt, failures, fence, received_at, started_at } = row
    return {
      ...toRecord(row, receiverId, this.#bodies.of(row)),
      attempt,
      failures,
      fence,
      startedAt: started_at ?? received_at,
      remembers: row.remembers === 1,
    }
  }

  #name(mailbox: Mailbox, callbackId: string, group: string, now: number): void {
    const found = this.#findUngrouped.get(callbackId, mailbox.receiver, now)
    if (found === undefined) return
    this.#groups.enter(mailbox, found, storable(group, 'a group'), {
      state: found.state,
      dueAt: found.due_at,
    })
  }

  #dueOf({ receiver }: Mailbox, now: number, limit: number): readonly CallbackRow[] {
    this.#makeDue.run(receiver, now)
    return this.#due.all(receiver, limit)
  }

  #takeAny(mailbox: Mailbox, input: ClaimInput, due: readonly CallbackRow[]): Taken {
    const { limit } = input
    const left = limit - due.length
    const ready = left > 0 ? this.#ready.all(mailbox.receiver, left) : []
    const inGroups = left > 0 && mailbox.grouped ? this.#readyInGroups.all(mailbox.receiver, left) : []
    const rows = [...due, ...inOrder(ready, inGroups).slice(0, left)]
    return { ...this.handOut(mailbox, input, rows), ungrouped: [] }
  }

  #takeOrdered(mailbox: Mailbox, input: ClaimInput, due: readonly CallbackRow[]): Taken {
    const { limit } = input
    const dueInGroups = due.filter(row => row.grp !== null)
    const left = limit - dueInGroups.length
    const inGroups = left > 0 && mailbox.grouped ? this.#readyInGroups.all(mailbox.receiver, left) : []
    const taken = this.handOut(mailbox, input, [...dueInGroups, ...inGroups])

    const missing = limit - taken.callbacks.length
    const dueUngrouped = due.filter(row => row.grp === null)
    const ready = missing > 0 ? this.#ready.all(mailbox.receiver, missing) : []
    const rows = inOrder(dueUngrouped, ready).slice(0, Math.max(0, missing))
    const named = this.#fitting(rows)
    return {
      callbacks: taken.callbacks,
      ungrouped: named.map(row => toRecord(row, mailbox.receiverId, this.#bodies.of(row))),
      isCut: taken.isCut || named.length < rows.length,
    }
  }

  /** Those for which the batch has room are in somebody's hands. */
  handOut(
    mailbox: Mailbox,
    { epoch, now }: Pick<ClaimInput, 'epoch' | 'now'>,
    rows: readonly CallbackRow[],
  ): Omit<Taken, 'ungrouped'> {
    const callbacks = this.#fitting(rows).map((row): ClaimedCallback => {
      this.#take.run(epoch, now, row.no)
      const taken = { attempt: row.attempt + 1, fence: row.fence + 1, started_at: row.started_at ?? now }
      return this.read(mailbox, { ...row, ...taken })
    })
    return { callbacks, isCut: callbacks.length < rows.length }
  }

  /** The first rows, as many as the batch has room for. */
  #fitting(rows: readonly CallbackRow[]): readonly CallbackRow[] {
    const end = rows.findIndex(row => !this.#parts.budget.take(row.body_size))
    return end < 0 ? rows : rows.slice(0, end)
  }
}

interface Taken {
  readonly callbacks: readonly ClaimedCallback[]
  readonly ungrouped: readonly CallbackRecord[]
  /** More is ready than the batch has room for. */
  readonly isCut: boolean
}

function inOrder(a: readonly CallbackRow[], b: readonly CallbackRow[]): readonly CallbackRow[] {
  return a.length === 0 ? b : b.length === 0 ? a : [...a, ...b].sort((x, y) => x.seq - y.seq)
}

function earliest(instants: readonly number[]): { readonly lookAgainAt?: number } {
  return instants.length === 0 ? {} : { lookAgainAt: Math.min(...instants) }
}
