import { type Addressee, type Lane, subscriptionIdOf } from '../../model/delivery.js'
import { optional } from '../optional.js'
import type { ClaimFanOutOutcome, FanOutInput, PublishInput, PublishOutcome } from '../publishing.js'
import type { Input } from '../store.js'
import type { DeliveryRows } from './delivery-rows.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { MessageRows } from './message-rows.js'
import type { SubscriptionRow } from './subscription-rows.js'
import { storable, toInstant } from './values.js'

interface KnownRow {
  readonly id: string
  readonly lane: Addressee
}

interface FanOutRow {
  readonly message: number
  readonly place: number
  readonly last: number
  readonly patterns: string
  readonly due_at: number
  readonly deadline_at: number
  readonly turn_at: number
}

type ToTopic = Extract<PublishInput['to'], { readonly type: 'topic' }>

export interface PublicationsParts {
  readonly messages: MessageRows
  readonly deliveries: DeliveryRows
}

// One message to many.
//
//   F1. A fan-out is a row for as long as it is under way: a place in the list of subscriptions, and the last one that was
//       there when the message was published.
//   F2. Turns are numbered, because many are given at the same instant.

export class Publications implements Part<'publish' | 'claimFanOut' | 'fanOut'> {
  readonly #parts: EngineParts & PublicationsParts
  readonly #byId
  readonly #byKey
  readonly #begin
  readonly #inTurn
  readonly #nextTurn
  readonly #hold
  readonly #page
  readonly #place
  readonly #goOn
  readonly #end
  readonly #markUnwanted
  readonly #lookAgain

  constructor(parts: EngineParts, rows: PublicationsParts) {
    this.#parts = { ...parts, ...rows }
    const { db } = parts
    this.#byId = db.prepare<KnownRow>('select id, lane from messages where id = ?')
    this.#byKey = db.prepare<KnownRow>('select id, lane from messages where publication_key = ?')
    const turn = 'coalesce((select max(turn) from fan_outs), 0) + 1'
    this.#begin = db.prepare(`
      insert into fan_outs (message, place, last, patterns, due_at, deadline_at, turn_at, turn)
      values (?, 0, coalesce((select max(no) from subscriptions), 0), ?, ?, ?, ?, ${turn})`)
    this.#inTurn = db.prepare<FanOutRow>('select * from fan_outs order by turn_at, turn limit 1')
    this.#nextTurn = db.prepare<{ turn_at: number }>(
      'select turn_at from fan_outs where message <> ? order by turn_at, turn limit 1',
    )
    this.#hold = db.prepare('update fan_outs set turn_at = ? where message = ?')
    this.#page = db.prepare<SubscriptionRow>(`
      select * from subscriptions s
       where topic = ? and no > ? and no <= ?
         and not exists (select 1 from lanes where lane = 'subscription:' || s.id and pause = 'retired')
       order by no limit ?`)
    this.#place = db.prepare<{ message: number; place: number }>(`
      select f.message, f.place from fan_outs f join messages m on m.no = f.message where m.id = ?`)
    this.#goOn = db.prepare(`update fan_outs set place = ?, turn_at = ?, turn = ${turn} where message = ?`)
    this.#end = db.prepare('delete from fan_outs where message = ?')
    // While it was under way, sweeps have left the body where it was, and done with the deliveries.
    this.#lookAgain = db.prepare(`
      update deliveries set stripped = 0
       where no = (select no from deliveries where message = ? order by id desc limit 1) and stripped = 1`)
    this.#markUnwanted = db.prepare(`
      insert or ignore into unwanted (message, created_at)
      select no, created_at from messages
       where no = ?1 and not exists (select 1 from deliveries where message = ?1)`)
  }

  publish({ message, key, to }: PublishInput): PublishOutcome {
    const known =
      this.#byId.get(message.id) ??
      (key === undefined ? undefined : this.#byKey.get(storable(key, 'the key of a publication')))
    if (known !== undefined) {
      if (known.lane !== message.lane) return { type: 'conflict', lane: known.lane }
      // Its own repetition gets the outcome that was lost.
      return { type: 'published', messageId: known.id, created: known.id === message.id }
    }
    this.#store({ message, ...optional('key', key), to })
    return { type: 'published', messageId: message.id, created: true }
  }

  /** A message of a scope, where it has a key that is none of ours. */
  publishInScope({ message, to }: PublishInput): void {
    this.#store({ message, to })
  }

  claimFanOut({ now, holdMs, limit }: Input<'claimFanOut'>): ClaimFanOutOutcome {
    const row = this.#inTurn.get()
    if (row === undefined) return {}
    if (row.turn_at > now) return { nextAt: row.turn_at }
    this.#hold.run(now + holdMs, row.message)
    const { page, last } = this.#pageOf(row, limit)
    return {
      fanOut: {
        message: this.#parts.messages.of(row),
        from: row.place,
        dueAt: row.due_at,
        deadlineAt: row.deadline_at,
        page: page.map(subscription => ({
          no: subscription.no,
          subscription: this.#parts.subscriptions.toRecord(subscription),
        })),
        last,
      },
      ...optional('nextAt', this.#nextTurn.get(row.message)?.turn_at),
    }
  }

  fanOut({ messageId, from, to, done, deliveries, now }: FanOutInput): boolean {
    const { messages, deliveries: rows } = this.#parts
    const found = this.#place.get(messageId)
    if (found === undefined || found.place !== from) return false
    const { lane, createdAt } = messages.of(found)
    for (const { subscriptionId, ...delivery } of deliveries) {
      const own: Lane = `subscription:${subscriptionId}`
      if (this.#isThere(own)) rows.insert(found.message, { lane, createdAt }, { ...delivery, lane: own })
    }
    if (done) {
      this.#end.run(found.message)
      this.#markUnwanted.run(found.message)
      this.#lookAgain.run(found.message)
    } else this.#goOn.run(to, now, found.message)
    return true
  }

  #store({ message, key, to }: PublishInput): void {
    const { messages, deliveries } = this.#parts
    const no = messages.insert(message, { publicationKey: key ?? null })
    if (to.type === 'topic') {
      this.#beginFanOut(no, to, message.createdAt)
      return
    }
    for (const delivery of to.deliveries) deliveries.insert(no, message, delivery)
    this.#markUnwanted.run(no)
  }

  #beginFanOut(no: number, { patterns, dueAt, deadlineAt }: ToTopic, now: number): void {
    this.#begin.run(no, JSON.stringify(patterns), toInstant(dueAt), toInstant(deadlineAt), now)
  }

  /** Each pattern is a range of its own; together they are in the order in which they subscribed. */
  #pageOf(
    { patterns, place, last }: FanOutRow,
    limit: number,
  ): { readonly page: readonly SubscriptionRow[]; readonly last: boolean } {
    const found = (JSON.parse(patterns) as readonly string[])
      .flatMap(pattern => this.#page.all(pattern, place, last, limit + 1))
      .sort((a, b) => a.no - b.no)
    return { page: found.slice(0, limit), last: found.length <= limit }
  }

  #isThere(lane: Lane): boolean {
    const { subscriptions, lanes } = this.#parts
    const id = subscriptionIdOf(lane) ?? ''
    return subscriptions.row(id) !== undefined && lanes.find(lane)?.pause !== 'retired'
  }
}
