import type { ReceiverSummary } from '../../model/receiver.js'
import type { NewsInput, NewsOutcome, ReceiverCommands } from '../receiving.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { Receivers } from './receivers.js'
import { UNREAD } from './unread.js'

type ListInput = Parameters<ReceiverCommands['listReceivers']>[0]
type IdRow = { readonly receiver_id: string }

/** Looking at many receivers at once: the registry, and what is new since somebody looked. */
export class Registry implements Part<'listReceivers' | 'news'> {
  readonly #parts: EngineParts
  readonly #receivers: Receivers
  readonly #page
  readonly #pageByState
  readonly #byKey
  readonly #expiredUnmarked
  readonly #lostUnmarked
  readonly #oldest
  readonly #watched
  readonly #hasReady
  readonly #endedDeliveries
  readonly #answered

  constructor(parts: EngineParts, receivers: Receivers) {
    this.#parts = parts
    this.#receivers = receivers
    const { db } = parts
    this.#page = db.prepare<IdRow>(
      'select receiver_id from mailboxes where receiver_id > ? order by receiver_id limit ?',
    )
    this.#pageByState = db.prepare<IdRow>(
      'select receiver_id from mailboxes where state = ? and receiver_id > ? order by receiver_id limit ?',
    )
    this.#byKey = db.prepare<IdRow>('select id as receiver_id from receivers where key = ?')
    this.#expiredUnmarked = db.prepare<IdRow>(
      "select receiver_id from mailboxes indexed by mailboxes_expiring where state = 'open' and expires_at <= ?",
    )
    this.#lostUnmarked = db.prepare<IdRow>(`
      select receiver_id from mailboxes indexed by mailboxes_bound
       where state = 'open'
         and epoch in (select epoch from nodes where over = 1
                        union all
                       select epoch from nodes where over = 0 and lease_ends_at <= ?)`)
    this.#oldest = UNREAD.map(where =>
      db.prepare<{ received_at: number | null }>(
        // Ready ones are in order of `seq`, and the first is the oldest.
        where.includes('ready')
          ? `select received_at from callbacks where ${where} order by seq limit 1`
          : `select min(received_at) as received_at from callbacks where ${where}`,
      ),
    )
    this.#watched = db.prepare<{ id: string; receiver: number | null }>(`
      select asked.value as id, m.receiver
        from json_each(?1) asked left join mailboxes m on m.receiver_id = asked.value
       where m.receiver_id is null or m.unread > 0 or m.state <> 'open' or m.expires_at <= ?2 or m.epoch is not null`)
    this.#hasReady = db.prepare<{ found: number }>(`
      select exists (select 1 from callbacks where receiver = ?1 and state = 'ready' and grp is null)
          or exists (select 1 from callbacks where receiver = ?1 and state = 'ready' and grp is not null)
          or exists (select 1 from callbacks where receiver = ?1 and state = 'delayed' and due_at <= ?2) as found`)
    this.#endedDeliveries = db.prepare<{ id: string }>(`
      select asked.value as id from json_each(?) asked join deliveries d on d.id = asked.value
       where d.ended_at is not null`)
    this.#answered = db.prepare<{ id: string }>(`
      select asked.value as id from json_each(?) asked
       where exists (select 1 from answers a where a.callback_id = asked.value)
          or exists (
            select 1 from callbacks c join dedupes d
                on d.receiver = c.receiver and d.delivery_id = c.delivery_id and d.callback_id = c.id
             where c.id = asked.value and d.answer is not null)`)
  }

  listReceivers(input: ListInput): readonly ReceiverSummary[] {
    const { now, limit, after = '', key, state } = input
    this.#parts.mailboxes.flush()
    const found =
      key !== undefined
        ? this.#byKey.all(key).filter(row => row.receiver_id > after)
        : state === undefined
          ? this.#page.all(after, limit)
          : undefined
    const summaries = (rows: readonly IdRow[]) => rows.flatMap(row => this.#summary(row.receiver_id, now))
    if (found !== undefined) {
      return summaries(found).filter(summary => state === undefined || summary.state === state)
    }
    return state === 'open'
      ? this.#listOpen(now, limit, after)
      : summaries(this.#idsEnded(state ?? 'closed', now, limit, after)).slice(0, limit)
  }

  news({ now, receiverIds, deliveryIds, callbackIds }: NewsInput): NewsOutcome {
    const { mailboxes } = this.#parts
    mailboxes.flush()
    const watched = receiverIds.length === 0 ? [] : this.#watched.all(JSON.stringify(receiverIds), now)
    const ids = (rows: readonly { id: string }[]) => rows.map(row => row.id)
    return {
      receiverIds: ids(
        watched.filter(({ id, receiver }) => {
          const mailbox = receiver === null ? undefined : mailboxes.find(id)
          if (mailbox === undefined || mailboxes.stateOf(mailbox, now) !== 'open') return true
          return this.#hasReady.get(mailbox.receiver, now)?.found === 1
        }),
      ),
      deliveryIds:
        deliveryIds.length === 0 ? [] : ids(this.#endedDeliveries.all(JSON.stringify(deliveryIds))),
      callbackIds: callbackIds.length === 0 ? [] : ids(this.#answered.all(JSON.stringify(callbackIds))),
    }
  }

  /** Pages until enough are open: those that ended and were not yet marked are stepped over. */
  #listOpen(now: number, limit: number, after: string): readonly ReceiverSummary[] {
    const open: ReceiverSummary[] = []
    let from: string | undefined = after
    while (from !== undefined && open.length < limit) {
      const rows: readonly IdRow[] = this.#pageByState.all('open', from, limit)
      for (const { receiver_id } of rows) {
        const summary = this.#summary(receiver_id, now)
        if (open.length < limit && summary[0]?.state === 'open') open.push(summary[0])
      }
      from = rows.length < limit ? undefined : rows.at(-1)?.receiver_id
    }
    return open
  }

  /** Those that are marked, and those whose end nobody has marked yet: few, because sweeping marks them. */
  #idsEnded(state: 'closed' | 'expired', now: number, limit: number, after: string): readonly IdRow[] {
    const { mailboxes } = this.#parts
    const unmarked = [...this.#expiredUnmarked.all(now), ...this.#lostUnmarked.all(now)]
      .filter(({ receiver_id }) => receiver_id > after)
      .filter(({ receiver_id }) => {
        const mailbox = mailboxes.find(receiver_id)
        return mailbox !== undefined && mailboxes.stateOf(mailbox, now) === state
      })
    const marked = this.#pageByState.all(state, after, limit)
    const ids = new Set([...marked, ...unmarked].map(row => row.receiver_id))
    return [...ids].sort().map(receiver_id => ({ receiver_id }))
  }

  #summary(receiverId: string, now: number): readonly ReceiverSummary[] {
    const mailbox = this.#parts.mailboxes.find(receiverId)
    if (mailbox === undefined) return []
    const { unread, failed, receiver } = mailbox
    const dates =
      unread === 0 ? [] : this.#oldest.map(statement => statement.get(receiver)?.received_at ?? null)
    const known = dates.filter(date => date !== null)
    return [
      {
        ...this.#receivers.recordOf(mailbox, now),
        unread,
        failed,
        ...(known.length === 0 ? {} : { oldest: Math.min(...known) }),
      },
    ]
  }
}
