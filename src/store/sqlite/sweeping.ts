import type { Leftover } from '../../model/receiver.js'
import type { NodeCommands, Swept } from '../nodes.js'
import { optional } from '../optional.js'
import { Bodies } from './bodies.js'
import type { Statement } from './driver.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { Scopes } from './scopes.js'
import type { SweepingOutbox } from './sweeping-outbox.js'
import { Tally } from './tally.js'
import { UNREAD } from './unread.js'

type SweepInput = Parameters<NodeCommands['sweep']>[0]

interface IdRow {
  readonly receiver_id: string
}

interface UntoldRow extends IdRow {
  readonly key: string | null
  readonly unread: number
}

interface CallbackRow {
  readonly no: number
  readonly state: string
  readonly body_size: number
  readonly receiver_id: string | null
  /** Of one that is an open scope. */
  readonly scope: string | null
}

interface RunRow {
  readonly no: number
  readonly id: string
  readonly status: string
}

// Letting go of what retention no longer keeps. Each part touches at most `limit` rows, found through an index by when
// they ended, and says whether it stopped there.

export class Sweeping implements Part<'sweep'> {
  readonly #parts: EngineParts
  readonly #scopes: Scopes
  readonly #outbox: SweepingOutbox
  readonly #bodies: Bodies
  readonly #expired
  readonly #lost
  readonly #untold
  readonly #leftovers
  readonly #unread: readonly Statement<CallbackRow>[]
  readonly #ended
  readonly #deleteCallback
  readonly #dedupes
  readonly #deleteDedupe
  readonly #answers
  readonly #deleteAnswer
  readonly #keyless
  readonly #deleteMailbox
  readonly #deleteReceiver
  readonly #deleteExchange
  readonly #endedRuns
  readonly #deleteRun
  readonly #deleteInput
  readonly #deleteNodes

  constructor(
    parts: EngineParts,
    { scopes, outbox }: { readonly scopes: Scopes; readonly outbox: SweepingOutbox },
  ) {
    this.#parts = parts
    this.#scopes = scopes
    this.#outbox = outbox
    const { db } = parts
    this.#bodies = new Bodies(db)
    this.#expired = db.prepare<IdRow>(
      "select receiver_id from mailboxes indexed by mailboxes_expiring where state = 'open' and expires_at <= ? order by expires_at limit ?",
    )
    this.#lost = db.prepare<IdRow>(`
      select receiver_id from mailboxes indexed by mailboxes_bound
       where state = 'open' and epoch in (select epoch from nodes where over = 1) limit ?`)
    this.#untold = db.prepare<UntoldRow>(`
      select m.receiver_id, r.key, m.unread from mailboxes m join receivers r on r.no = m.receiver
       where m.untold = 1 limit ?`)
    // What somebody holds is not taken out of their hands, and a receiver with nothing else is not looked at.
    const free = UNREAD.filter(where => !where.includes('claimed'))
    const exists = free.map(
      where =>
        `exists (select 1 from callbacks where ${where.replace('receiver = ?', 'receiver = m.receiver')})`,
    )
    this.#leftovers = db.prepare<IdRow>(`
      select receiver_id from mailboxes m
       where ended_at <= ? and unread > 0 and untold = 0 and scope is null and (${exists.join(' or ')}) order by ended_at limit ?`)
    this.#unread = free.map(where =>
      db.prepare<CallbackRow>(
        `select no, state, body_size, null as receiver_id, case when remembers = 1 then id end as scope
           from callbacks where ${where} limit ?`,
      ),
    )
    this.#ended = db.prepare<CallbackRow>(`
      select c.no, c.state, c.body_size, r.id as receiver_id,
             case when c.state = 'failed' and c.remembers = 1 then c.id end as scope
        from callbacks c left join receivers r on r.no = c.receiver
       where c.ended_at <= ? order by c.ended_at limit ?`)
    this.#deleteCallback = db.prepare('delete from callbacks where no = ?')
    this.#dedupes = db.prepare<{ receiver: number; delivery_id: string }>(
      'select receiver, delivery_id from dedupes where until <= ? order by until limit ?',
    )
    this.#deleteDedupe = db.prepare('delete from dedupes where receiver = ? and delivery_id = ?')
    this.#answers = db.prepare<{ callback_id: string }>(
      'select callback_id from answers where until <= ? order by until limit ?',
    )
    this.#deleteAnswer = db.prepare('delete from answers where callback_id = ?')
    this.#keyless = db.prepare<{ receiver_id: string; receiver: number }>(`
      select receiver_id, receiver from mailboxes
       where ended_at <= ? and keyless = 1 and unread = 0 and failed = 0 and untold = 0 and scope is null
         and not exists (
           select 1 from exchanges e join callbacks c on c.id = e.answer where e.receiver = mailboxes.receiver)
       order by ended_at limit ?`)
    this.#deleteMailbox = db.prepare('delete from mailboxes where receiver_id = ?')
    this.#deleteReceiver = db.prepare('delete from receivers where no = ?')
    this.#deleteExchange = db.prepare('delete from exchanges where receiver = ?')
    this.#endedRuns = db.prepare<RunRow>(
      'select no, id, status from runs where ended_at <= ? and remembered = 0 order by ended_at limit ?',
    )
    this.#deleteRun = db.prepare('delete from runs where no = ?')
    this.#deleteInput = db.prepare('delete from inputs where run = ?')
    this.#deleteNodes = db.prepare(`
      delete from nodes
       where epoch in (select epoch from nodes where over = 1)
         and not exists (select 1 from callbacks c where c.epoch = nodes.epoch and c.state = 'claimed')
         and not exists (select 1 from deliveries d where d.epoch = nodes.epoch and d.status = 'sending')
         and not exists (select 1 from runs r where r.epoch = nodes.epoch and r.status = 'running')
         and not exists (select 1 from mailboxes m where m.epoch = nodes.epoch and m.state = 'open')`)
  }

  sweep(input: SweepInput): Swept {
    const { now, callbacksMs, keylessMs, runsMs, limit } = input
    const { epochs, mailboxes } = this.#parts
    const tally = new Tally(limit)
    const dropped = new Map<string, number>()
    epochs.mark(now)
    mailboxes.flush()
    for (const row of tally.first(this.#expired, now)) this.#markEnd(row, now)
    for (const row of tally.first(this.#lost)) this.#markEnd(row, now)
    mailboxes.flush()
    const ended = tally.first(this.#untold).map(row => this.#tell(row, now))
    mailboxes.flush()
    this.#dropUnread(now - callbacksMs, tally, dropped, now)
    for (const row of tally.first(this.#ended, now - callbacksMs)) this.#dropEnded(row, dropped, now)
    for (const row of tally.first(this.#dedupes, now)) this.#deleteDedupe.run(row.receiver, row.delivery_id)
    for (const row of tally.first(this.#answers, now)) this.#deleteAnswer.run(row.callback_id)
    mailboxes.flush()
    for (const row of tally.first(this.#keyless, now - keylessMs)) this.#dropReceiver(row)
    mailboxes.forget()
    const sent = this.#outbox.sweep(input, tally)
    for (const row of tally.first(this.#endedRuns, now - runsMs)) this.#dropRun(row, now)
    this.#deleteNodes.run()
    return {
      ended,
      dropped: [...dropped].map(([receiverId, callbacks]) => ({ receiverId, callbacks })),
      ...sent,
      more: tally.more,
    }
  }

  #markEnd({ receiver_id }: IdRow, now: number): void {
    const { mailboxes, waits } = this.#parts
    const mailbox = mailboxes.find(receiver_id)
    if (mailbox === undefined) return
    mailboxes.markEnd(mailbox, now)
    if (mailbox.scope !== null) waits.resume(receiver_id, now)
  }

  #tell({ receiver_id, key, unread }: UntoldRow, now: number): Leftover {
    this.#parts.mailboxes.find(receiver_id)?.tell(now)
    return { receiverId: receiver_id, ...optional('key', key), unread }
  }

  /** What nobody read of receivers that ended; what somebody holds stays in their hands. */
  #dropUnread(endedBy: number, tally: Tally, dropped: Map<string, number>, now: number): void {
    let left = tally.limit
    for (const { receiver_id } of tally.first(this.#leftovers, endedBy)) {
      const mailbox = this.#parts.mailboxes.find(receiver_id)
      if (mailbox === undefined) continue
      for (const statement of this.#unread) {
        const rows = new Tally(left)
        for (const row of rows.first(statement, mailbox.receiver)) {
          this.#drop(row, receiver_id, dropped, now)
          mailbox.remove()
          left--
        }
        if (rows.more) tally.more = true
      }
    }
  }

  #dropEnded(row: CallbackRow, dropped: Map<string, number>, now: number): void {
    if (row.state !== 'failed' || row.receiver_id === null) {
      this.#delete(row, now)
      return
    }
    this.#drop(row, row.receiver_id, dropped, now)
    this.#parts.mailboxes.find(row.receiver_id)?.discard()
  }

  #drop(row: CallbackRow, receiverId: string, dropped: Map<string, number>, now: number): void {
    this.#delete(row, now)
    dropped.set(receiverId, (dropped.get(receiverId) ?? 0) + 1)
  }

  #delete(row: CallbackRow, now: number): void {
    if (row.scope !== null) this.#scopes.end(row.scope, now)
    this.#bodies.remove(row)
    this.#deleteCallback.run(row.no)
  }

  #dropReceiver({
    receiver_id,
    receiver,
  }: {
    readonly receiver_id: string
    readonly receiver: number
  }): void {
    this.#deleteMailbox.run(receiver_id)
    this.#deleteReceiver.run(receiver)
    this.#deleteExchange.run(receiver)
  }

  #dropRun({ no, id, status }: RunRow, now: number): void {
    if (status === 'failed') this.#scopes.end(id, now)
    this.#deleteInput.run(no)
    this.#deleteRun.run(no)
  }
}
