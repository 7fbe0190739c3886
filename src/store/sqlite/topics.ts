import type { TopicRecord } from '../../model/subscription.js'
import { isPattern } from '../../model/topic.js'
import { optional } from '../optional.js'
import type { Input, Outcome } from '../store.js'
import type { Connection } from './driver.js'
import type { Part } from './engine-parts.js'
import { storable } from './values.js'

interface TopicRow {
  readonly id: string
  readonly name: string | null
  readonly declared: number
  readonly subscriptions: number
}

/** Topics that were declared, or that a subscription names. No other has a row. */
export class Topics implements Part<'putTopic' | 'listTopics' | 'deleteTopic'> {
  readonly #put
  readonly #page
  readonly #find
  readonly #withdraw
  readonly #count
  readonly #deleteUnwanted

  constructor(db: Connection) {
    this.#put = db.prepare(`
      insert into topics (id, name, declared) values (?, ?, 1)
          on conflict (id) do update set name = excluded.name, declared = 1`)
    this.#page = db.prepare<TopicRow>('select * from topics where id > ? order by id limit ?')
    this.#find = db.prepare<TopicRow>('select * from topics where id = ?')
    this.#withdraw = db.prepare('delete from topics where id = ?')
    this.#count = db.prepare(`
      insert into topics (id, subscriptions) values (?1, ?2)
          on conflict (id) do update set subscriptions = subscriptions + ?2`)
    this.#deleteUnwanted = db.prepare(
      'delete from topics where id = ? and declared = 0 and subscriptions = 0',
    )
  }

  putTopic({ id, name }: Input<'putTopic'>): void {
    this.#put.run(
      storable(id, 'the id of a topic'),
      name === undefined ? null : storable(name, 'the name of a topic'),
    )
  }

  listTopics({ after = '', limit }: Input<'listTopics'>): readonly TopicRecord[] {
    return this.#page.all(after, limit).map(row => ({
      id: row.id,
      ...optional('name', row.name),
      declared: row.declared === 1,
      subscriptions: row.subscriptions,
    }))
  }

  deleteTopic({ id }: Input<'deleteTopic'>): Outcome<'deleteTopic'> {
    const row = this.#find.get(id)
    if (row === undefined) return { type: 'unknown' }
    const { subscriptions } = row
    if (subscriptions > 0) return { type: 'subscribed', subscriptions }
    this.#withdraw.run(id)
    return { type: 'deleted' }
  }

  /** A subscription names it from now on. */
  join(topic: string): void {
    if (!isPattern(topic)) this.#count.run(topic, 1)
  }

  /** A subscription names it no more. */
  leave(topic: string): void {
    if (isPattern(topic)) return
    this.#count.run(topic, -1)
    this.#deleteUnwanted.run(topic)
  }
}
