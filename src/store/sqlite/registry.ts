import type { ReceiverState, ReceiverSummary } from '../../model/receiver.js'
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
  readonly #pageEnded
  readonly #pageOpen
  readonly #byKey
  readonly #expiredUnmarked
  readonly #lostUnmarked
  readonly #oldest
  readonly #watched
  readonly #hasReady
  readonly #endedDeliveries
  readonly #answered
  readonly #changedRuns

  constructor(parts: EngineParts, receivers: Receivers) {
    this.#parts = parts
    this.#receivers = receivers
    const { db } = parts
    this.#page = db.prepare<IdRow>(
      'select receiver_id from mailboxes where receiver_id > ? order by receiver_id limit ?',
    )
    this.#pageEnded = db.prepare<IdRow>(
      'select receiver_id from mailboxes where state = ? and receiver_id > ? order by receiver_id limit ?',
    )
    // What has ended and is not marked is stepped over, once for all pages: the next one begins behind it.
    this.#pageOpen = db.prepare<IdRow>(`
      select receiver_id from mailboxes
       where state = 'open' and receiver_id > ? and (expires_at is null or expires_at > ?)
         and (epoch is null or epoch not in (select value from json_each(?)))
       order by receiver_id limit ?`)
    this.#byKey = db.prepare<IdRow>('select id as receiver_id from receivers where key = ?')
    this.#expiredUnmarked = db.prepare<IdRow>(
      "select receiver_id from mailboxes indexed by mailboxes_expiring where state = 'open' and expires_at <= ?",
    )
    this.#lostUnmarked = db.prepare<IdRow>(`
      select receiver_id from mailboxes indexed by mailboxes_bound
       where state = 'open' and epoch = ? and receiver_id > ? and (expires_at is null or expires_at > ?)
       order by receiver_id limit ?`)
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
    this.#changedRuns = db.prepare<{ id: string }>(`
      select asked.value as id from json_each(?) asked join runs r on r.id = asked.value
       where r.ended_at is not null or r.cancellation = 'requested'`)
  }

  listReceivers(input: ListInput): readonly ReceiverSummary[] {
    const { now, limit, after = '', key, state } = input
    this.#parts.mailboxes.flush()
    const ids =
      key === undefined
        ? this.#idsOf(state, now, limit, after)
        : this.#byKey.all(key).filter(row => row.receiver_id > after)
    return ids
      .flatMap(row => this.#summary(row.receiver_id, now))
      .filter(summary => state === undefined || summary.state === state)
  }

  news({ now, receiverIds, deliveryIds, callbackIds, runIds }: NewsInput): NewsOutcome {
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
      runIds: runIds.length === 0 ? [] : ids(this.#changedRuns.all(JSON.stringify(runIds))),
    }
  }

  /** A page of ids, in order. */
  #idsOf(state: ReceiverState | undefined, now: number, limit: number, after: string): readonly IdRow[] {
    if (state === undefined) return this.#page.all(after, limit)
    const over = this.#parts.epochs.over(now)
    if (state === 'open') return this.#pageOpen.all(after, now, JSON.stringify(over), limit)
    const unmarked =
      state === 'expired'
        ? this.#expiredUnmarked.all(now).filter(row => row.receiver_id > after)
        : over.flatMap(epoch => this.#lostUnmarked.all(epoch, after, now, limit))
    const marked = this.#pageEnded.all(state, after, limit)
    return [...marked, ...unmarked].sort((a, b) => (a.receiver_id < b.receiver_id ? -1 : 1)).slice(0, limit)
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
