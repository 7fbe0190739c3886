import type { DeliveryRecord, DeliveryStatus, Lane, MessageRecord } from '../../model/delivery.js'
import type { ListDeliveriesInput, LoggedAttempt, LoggedDeath, RedeliverOutcome } from '../history.js'
import type { Input } from '../store.js'
import { ATTEMPT_COLUMNS, type AttemptRow, toAttempt } from './attempt-rows.js'
import type { DeliveryRows } from './delivery-rows.js'
import { DELIVERY_COLUMNS, type DeliveryRow, toDelivery } from './delivery-rows.js'
import type { Connection, Statement, Value } from './driver.js'
import type { EngineParts, Part } from './engine-parts.js'
import { StoreFault } from './fault.js'
import type { MessageRows } from './message-rows.js'

interface LoggedAttemptRow extends AttemptRow {
  readonly no: number
  readonly delivery_id: string
  readonly message_id: string
  readonly lane: Lane
  readonly number: number
}

type LoggedDeathRow = DeliveryRow & { readonly no: number }

interface EndedRow {
  readonly no: number
  readonly message: number
  readonly message_id: string
  readonly lane: Lane
  readonly url: string | null
  readonly status: DeliveryStatus
  readonly stripped: number
  readonly redelivered_as: string | null
}

export interface HistoryParts {
  readonly messages: MessageRows
  readonly deliveries: DeliveryRows
}

/** A list in order of id, and the range of it that an index is for. */
interface Listing {
  readonly oldest: Statement<DeliveryRow>
  readonly newest: Statement<DeliveryRow>
}

/** Read to its end, a cursor is where it was. Numbers are given once, and in order of commits, because commits come one by one. */
interface Stream<Row> {
  readonly all: Statement<Row>
  readonly ofLane: Statement<Row>
  readonly ofTopic: Statement<Row>
}

/** What happened to messages, and sending them again. */
export class History
  implements Part<'listDeliveries' | 'readAttempts' | 'readDead' | 'findMessage' | 'redeliver'>
{
  readonly #parts: HistoryParts
  readonly #everything
  readonly #ofMessage
  readonly #ofLane
  readonly #ofTopic
  readonly #dead
  readonly #deadOfLane
  readonly #pending
  readonly #attempts: Stream<LoggedAttemptRow>
  readonly #attemptsOfDelivery: Statement<LoggedAttemptRow>
  readonly #deaths: Stream<LoggedDeathRow>
  readonly #ended
  readonly #markRedelivered

  constructor({ db }: EngineParts, parts: HistoryParts) {
    this.#parts = parts
    this.#everything = listing(db, 'deliveries_id', '?1 is null')
    this.#ofMessage = listing(db, 'deliveries_message', 'd.message = (select no from messages where id = ?1)')
    this.#ofLane = listing(db, 'deliveries_lane', 'd.lane = ?1')
    this.#ofTopic = listing(db, 'deliveries_topic', 'd.topic = ?1')
    this.#dead = listing(db, 'deliveries_dead', "?1 is null and d.status = 'dead'")
    this.#deadOfLane = listing(db, 'deliveries_dead_in', "d.lane = ?1 and d.status = 'dead'")
    this.#pending = listing(db, 'deliveries_pending', '?1 is null and d.ended_at is null')
    const attempts = (where: string, index = '', order = 'a.no'): Statement<LoggedAttemptRow> =>
      db.prepare(
        `select ${ATTEMPT_COLUMNS}, a.no, a.number, a.lane, d.id as delivery_id, m.id as message_id
           from attempts a ${index} join deliveries d on d.no = a.delivery join messages m on m.no = d.message
          where ${where} order by ${order} limit ?4`,
        ['answer_body'],
      )
    this.#attempts = stream(attempts, 'a')
    this.#attemptsOfDelivery = attempts(
      `a.delivery = (select no from deliveries where id = ?5) and a.no > ?1
         and (?2 is null or a.lane = ?2) and (?3 is null or a.topic = ?3)`,
      'indexed by attempts_number',
      'a.number', // which is their order, too, and that of the index
    )
    this.#deaths = stream(
      where =>
        db.prepare(
          `select ${DELIVERY_COLUMNS}, e.no
             from ends e join deliveries d on d.no = e.delivery join messages m on m.no = d.message
            where ${where} and e.dead = 1 order by e.no limit ?4`,
        ),
      'e',
    )
    this.#ended = db.prepare<EndedRow>(`
      select d.no, d.message, m.id as message_id, d.lane, d.url, d.status, d.redelivered_as, m.stripped
        from deliveries d join messages m on m.no = d.message where d.id = ?`)
    this.#markRedelivered = db.prepare('update deliveries set redelivered_as = ? where no = ?')
  }

  listDeliveries(input: ListDeliveriesInput): readonly DeliveryRecord[] {
    const { after, behind = '', newest = false, limit, status, reason, lane, topic, messageId } = input
    const { since, until } = input
    const { list, by } = this.#listingFor(input)
    const filter: Value[] = [status ?? null, reason ?? null, lane ?? null, topic ?? null, messageId ?? null]
    const range: Value[] = [since ?? null, until ?? null]
    const [above, below] = newest ? [behind, after ?? END] : [later(behind, after ?? ''), END]
    const rows = (newest ? list.newest : list.oldest).all(
      ...[by ?? null, above, below, ...filter, ...range, limit],
    )
    return rows.map(toDelivery)
  }

  readAttempts({ deliveryId, ...input }: Input<'readAttempts'>): readonly LoggedAttempt[] {
    const { after, limit, lane, topic } = input
    const rows =
      deliveryId === undefined
        ? read(this.#attempts, input)
        : this.#attemptsOfDelivery.all(toNo(after), lane ?? null, topic ?? null, limit, deliveryId)
    return rows.map(row => ({
      cursor: String(row.no),
      deliveryId: row.delivery_id,
      messageId: row.message_id,
      lane: row.lane,
      number: row.number,
      attempt: toAttempt(row),
    }))
  }

  readDead(input: Input<'readDead'>): readonly LoggedDeath[] {
    return read(this.#deaths, input).map(row => ({ cursor: String(row.no), delivery: toDelivery(row) }))
  }

  findMessage({ messageId }: Input<'findMessage'>): MessageRecord | undefined {
    return this.#parts.messages.find(messageId)
  }

  redeliver({ deliveryId, again }: Input<'redeliver'>): RedeliverOutcome {
    const row = this.#ended.get(deliveryId)
    if (row === undefined) return { type: 'unknown' }
    const { message_id: messageId, redelivered_as: before, lane, url } = row
    if (before !== null) return { type: 'known', deliveryId: before, messageId }
    if (row.status !== 'delivered' && row.status !== 'dead') return { type: 'pending' }
    if (row.stripped === 1) return { type: 'stripped' }
    const { messages, deliveries } = this.#parts
    const delivery = { ...again, lane, ...(url === null ? {} : { url }) }
    deliveries.insert(row.message, messages.of(row), delivery)
    this.#markRedelivered.run(again.deliveryId, row.no)
    return { type: 'redelivered', deliveryId: again.deliveryId, messageId }
  }

  /** The range that has the least in it that is not wanted. */
  #listingFor({ messageId, topic, lane, status }: ListDeliveriesInput): {
    readonly list: Listing
    readonly by?: string
  } {
    if (messageId !== undefined) return { list: this.#ofMessage, by: messageId }
    if (status === 'due' || status === 'sending') return { list: this.#pending }
    if (lane !== undefined) return { list: status === 'dead' ? this.#deadOfLane : this.#ofLane, by: lane }
    if (topic !== undefined) return { list: this.#ofTopic, by: topic }
    return { list: status === 'dead' ? this.#dead : this.#everything }
  }
}

/** Behind every id. */
const END = '\u{10ffff}'

function later(a: string, b: string): string {
  return a > b ? a : b
}

function listing(db: Connection, index: string, where: string): Listing {
  const prepare = (order: 'asc' | 'desc') =>
    db.prepare<DeliveryRow>(`
      select ${DELIVERY_COLUMNS} from deliveries d indexed by ${index} join messages m on m.no = d.message
       where ${where} and d.id > ?2 and d.id < ?3
         and (?4 is null or d.status = ?4) and (?5 is null or d.reason = ?5)
         and (?6 is null or d.lane = ?6) and (?7 is null or d.topic = ?7)
         and (?8 is null or m.id = ?8)
         and (?9 is null or d.message_at >= ?9) and (?10 is null or d.message_at < ?10)
       order by d.id ${order} limit ?11`)
  return { oldest: prepare('asc'), newest: prepare('desc') }
}

function stream<Row>(prepare: (where: string) => Statement<Row>, table: string): Stream<Row> {
  const behind = `${table}.no > ?1`
  return {
    all: prepare(`?2 is null and ?3 is null and ${behind}`),
    ofLane: prepare(`${table}.lane = ?2 and ?3 is null and ${behind}`),
    ofTopic: prepare(`${table}.topic = ?3 and (?2 is null or ${table}.lane = ?2) and ${behind}`),
  }
}

function read<Row>(
  { all, ofLane, ofTopic }: Stream<Row>,
  { after, limit, lane, topic }: Input<'readDead'>,
): readonly Row[] {
  const statement = topic !== undefined ? ofTopic : lane === undefined ? all : ofLane
  return statement.all(toNo(after), lane ?? null, topic ?? null, limit)
}

function toNo(after = '0'): number {
  if (/^\d{1,15}$/.test(after)) return Number(after)
  throw new StoreFault('refused', 'after must be the cursor of something that was read before')
}
