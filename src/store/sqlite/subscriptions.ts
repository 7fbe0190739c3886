import type { Lane } from '../../model/delivery.js'
import { afterDoubt, healthyLane, isUnproven } from '../../model/lane.js'
import type { SubscriptionRecord } from '../../model/subscription.js'
import type { SendInput } from '../sending.js'
import type { Input, Outcome } from '../store.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { Outbox } from './outbox.js'
import type { SubscriptionRow } from './subscription-rows.js'
import type { Topics } from './topics.js'
import { storable } from './values.js'

export interface SubscriptionsParts {
  readonly topics: Topics
  readonly outbox: Outbox
}

type Wanted = Input<'putSubscription'>['subscription']

/** Who wants which topics. */
export class Subscriptions
  implements
    Part<
      | 'putSubscription'
      | 'findSubscription'
      | 'listSubscriptions'
      | 'deleteSubscription'
      | 'proveSubscription'
    >
{
  readonly #parts: EngineParts & SubscriptionsParts
  readonly #byTarget
  readonly #insert
  readonly #update
  readonly #delete
  readonly #page
  readonly #pageOfTopic
  readonly #pageOfUrl
  readonly #setProof
  readonly #waiting

  constructor(parts: EngineParts, more: SubscriptionsParts) {
    this.#parts = { ...parts, ...more }
    const { db } = parts
    this.#byTarget = db.prepare<SubscriptionRow>('select * from subscriptions where topic = ? and url = ?')
    this.#insert = db.prepare(`
      insert into subscriptions
        (id, topic, url, version, options, concurrency, rate_count, rate_ms, created_at)
      values (?, ?, ?, 1, ?, ?, ?, ?, ?)`)
    this.#update = db.prepare(`
      update subscriptions
         set topic = ?, url = ?, version = version + 1, options = ?, concurrency = ?, rate_count = ?, rate_ms = ?,
             proof = ? where no = ?`)
    this.#delete = db.prepare('delete from subscriptions where no = ?')
    this.#page = db.prepare<SubscriptionRow>('select * from subscriptions where id > ? order by id limit ?')
    this.#pageOfTopic = db.prepare<SubscriptionRow>(
      'select * from subscriptions where topic = ? and id > ? order by id limit ?',
    )
    this.#pageOfUrl = db.prepare<SubscriptionRow>(
      'select * from subscriptions where url = ? and id > ? order by id limit ?',
    )
    this.#setProof = db.prepare('update subscriptions set proof = ? where no = ?')
    this.#waiting = db.prepare<{ no: number }>(
      "select no from deliveries where lane = ? and status = 'due' limit 1",
    )
  }

  putSubscription(input: Input<'putSubscription'>): Outcome<'putSubscription'> {
    const { subscription, ifVersion, keepsRetired, proof, now } = input
    const { subscriptions } = this.#parts
    const sameTarget = this.#byTarget.get(subscription.topic, subscription.url)
    const known = subscriptions.row(subscription.id) ?? sameTarget
    if (ifVersion !== undefined && (known?.version ?? 0) !== ifVersion) return { type: 'stale' }
    if (known !== undefined && sameTarget !== undefined && known.no !== sameTarget.no) {
      return { type: 'elsewhere' }
    }
    if (known === undefined && this.#waiting.get(`subscription:${subscription.id}`) !== undefined) {
      return { type: 'leaving' }
    }
    const row = known === undefined ? this.#add(subscription) : this.#change(known, subscription)
    const lane: Lane = `subscription:${row.id}`
    const before = this.#parts.lanes.find(lane) ?? healthyLane
    if (before.pause === 'retired' && keepsRetired === undefined) this.#parts.lanes.forget(lane)
    const isToProve = known?.url !== subscription.url || isUnproven(before)
    const sent = proof === undefined || !isToProve ? {} : this.#askForProof(row, proof, now)
    return { type: 'put', subscription: subscriptions.toRecord(row), created: known === undefined, ...sent }
  }

  findSubscription({ id }: Input<'findSubscription'>): SubscriptionRecord | undefined {
    return this.#parts.subscriptions.find(id)
  }

  listSubscriptions(input: Input<'listSubscriptions'>): readonly SubscriptionRecord[] {
    const { topic, url, after = '', limit } = input
    return this.#rowsOf({ topic, url, after, limit }).map(row => this.#parts.subscriptions.toRecord(row))
  }

  deleteSubscription({ id }: Input<'deleteSubscription'>): boolean {
    const { subscriptions, topics, lanes } = this.#parts
    const row = subscriptions.row(id)
    if (row === undefined) return false
    this.#delete.run(row.no)
    topics.leave(row.topic)
    lanes.forget(`subscription:${id}`)
    lanes.forget(`proof:${id}`)
    return true
  }

  proveSubscription({ id, url }: Input<'proveSubscription'>): boolean {
    if (url !== undefined && this.#parts.subscriptions.row(id)?.url !== url) return false
    return this.#parts.lanes.prove(id)
  }

  #add(wanted: Wanted): SubscriptionRow {
    const { id, topic, url, options, concurrency = null, rate, createdAt } = wanted
    this.#insert.run(
      ...[
        storable(id, 'the id of a subscription'),
        storable(topic, 'a topic'),
        storable(url, 'a URL'),
        options,
      ],
      ...[concurrency, rate?.count ?? null, rate?.perMs ?? null, createdAt],
    )
    this.#parts.topics.join(topic)
    return this.#read(id)
  }

  /** It keeps its id, its number and when it came to be. What another URL may still prove says nothing of this one. */
  #change(row: SubscriptionRow, wanted: Wanted): SubscriptionRow {
    const { topic, url, options, concurrency = null, rate } = wanted
    this.#update.run(
      ...[storable(topic, 'a topic'), storable(url, 'a URL'), options],
      ...[concurrency, rate?.count ?? null, rate?.perMs ?? null, row.url === url ? row.proof : null, row.no],
    )
    this.#parts.topics.leave(row.topic)
    this.#parts.topics.join(topic)
    // Its rate may be another one.
    this.#parts.dueLanes.touch(`subscription:${row.id}`)
    return this.#read(row.id)
  }

  /** Nothing else is sent until that has been delivered, and what an earlier one brings does not count any more. */
  #askForProof(
    { no, id }: SubscriptionRow,
    proof: SendInput,
    now: number,
  ): { readonly proofDeliveryId?: string } {
    const { lanes, outbox } = this.#parts
    const lane: Lane = `subscription:${id}`
    lanes.put(lane, afterDoubt(lanes.find(lane) ?? healthyLane, now))
    lanes.forget(`proof:${id}`)
    const sent = outbox.send({ ...proof, message: { ...proof.message, lane: `proof:${id}` } })
    if (sent.type !== 'sent') return {}
    this.#setProof.run(sent.messageId, no)
    return { proofDeliveryId: sent.deliveryId }
  }

  #read(id: string): SubscriptionRow {
    const row = this.#parts.subscriptions.row(id)
    if (row === undefined) throw new Error('a subscription that was just put is not there')
    return row
  }

  #rowsOf({
    topic,
    url,
    after,
    limit,
  }: {
    readonly topic: string | undefined
    readonly url: string | undefined
    readonly after: string
    readonly limit: number
  }): readonly SubscriptionRow[] {
    if (topic !== undefined && url !== undefined) {
      const row = this.#byTarget.get(topic, url)
      return row === undefined || row.id <= after ? [] : [row].slice(0, limit)
    }
    if (topic !== undefined) return this.#pageOfTopic.all(topic, after, limit)
    return url === undefined ? this.#page.all(after, limit) : this.#pageOfUrl.all(url, after, limit)
  }
}
