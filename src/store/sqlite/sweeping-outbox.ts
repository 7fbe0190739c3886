import type { Lane } from '../../model/delivery.js'
import { type LaneRecord, STRIKES } from '../../model/lane.js'
import type { Swept, TroubledLane } from '../nodes.js'
import type { Input } from '../store.js'
import type { EndLog } from './end-log.js'
import type { EngineParts } from './engine-parts.js'
import type { Tally } from './tally.js'

type SweepInput = Input<'sweep'>

interface WaitingRow {
  readonly no: number
  readonly id: string
  readonly lane: Lane
  readonly topic: string | null
  readonly scope: string | null
}

interface EndedRow {
  readonly no: number
  readonly message: number
}

interface FailingRow {
  readonly lane: Lane
  readonly failing_since: number
}

/** What sweeps do to messages, deliveries and lanes. */
export class SweepingOutbox {
  readonly #parts: EngineParts
  readonly #ends: EndLog
  readonly #overdue
  readonly #doomed
  readonly #waiting
  readonly #die
  readonly #endedDeliveries
  readonly #deleteAttempts
  readonly #deleteDelivery
  readonly #lookAgain
  readonly #deleteMessage
  readonly #unwanted
  readonly #deleteUnwanted
  readonly #unstripped
  readonly #stripAttempts
  readonly #stripDelivery
  readonly #stripMessage
  readonly #striking
  readonly #unwarned
  readonly #idle

  constructor(parts: EngineParts, ends: EndLog) {
    this.#parts = parts
    this.#ends = ends
    const { db } = parts
    this.#overdue = db.prepare<WaitingRow>(`
      select no, id, lane, topic, scope from deliveries
       where ended_at is null and deadline_at <= ? order by deadline_at limit ?`)
    this.#doomed = db.prepare<{ lane: Lane }>('select lane from doomed_lanes order by lane limit ?')
    this.#waiting = db.prepare<WaitingRow>(`
      select no, id, lane, topic, scope from deliveries
       where lane = ? and status = 'due' order by due_at, id limit ?`)
    this.#die = db.prepare("update deliveries set status = 'dead', reason = ?, ended_at = ? where no = ?")
    this.#endedDeliveries = db.prepare<EndedRow>(`
      select no, message from deliveries indexed by deliveries_ended
       where ended_at <= ? and scope is null order by ended_at limit ?`)
    this.#deleteAttempts = db.prepare('delete from attempts where delivery = ?')
    this.#deleteDelivery = db.prepare('delete from deliveries where no = ?')
    // Its body was kept for one that is gone by now.
    this.#lookAgain = db.prepare(`
      update deliveries set stripped = 0
       where no = (select no from deliveries where message = ? and stripped = 1 order by id limit 1)`)
    this.#deleteMessage = db.prepare(`
      delete from messages
       where no = ?1 and not exists (select 1 from deliveries where message = ?1)
         and not exists (select 1 from fan_outs where message = ?1)`)
    this.#unwanted = db.prepare<{ message: number }>(
      'select message from unwanted where created_at <= ? order by created_at limit ?',
    )
    this.#deleteUnwanted = db.prepare('delete from unwanted where message = ?')
    this.#unstripped = db.prepare<EndedRow>(`
      select no, message from deliveries indexed by deliveries_unstripped
       where ended_at <= ? and scope is null and stripped = 0 order by ended_at limit ?`)
    this.#stripAttempts = db.prepare(`
      update attempts set answer_body = x'', truncated = 1 where delivery = ? and length(answer_body) > 0`)
    this.#stripDelivery = db.prepare('update deliveries set stripped = 1 where no = ?')
    this.#stripMessage = db.prepare(`
      update messages set body = x'', stripped = 1
       where no = ?1 and not exists (select 1 from deliveries where message = ?1 and stripped = 0)
         and not exists (select 1 from fan_outs where message = ?1)
         and not exists (
           select 1 from deliveries d join ends e on e.delivery = d.no
            where d.message = ?1 and e.turn_at is not null)`)
    const failing = 'select lane, failing_since from lanes'
    this.#striking = db.prepare<FailingRow>(`
      ${failing} indexed by lanes_striking
       where failing_since <= ? and pause is null and strikes >= ${STRIKES.paused} order by failing_since limit ?`)
    this.#unwarned = db.prepare<FailingRow>(`
      ${failing} indexed by lanes_unwarned
       where failing_since <= ? and pause is null and warned = 0 and strikes >= ${STRIKES.told} order by failing_since limit ?`)
    this.#idle = db.prepare<{ lane: Lane }>(
      'select lane from lanes where idle_at <= ? order by idle_at limit ?',
    )
  }

  sweep(
    { now, messagesMs, bodiesMs, failingMs }: SweepInput,
    tally: Tally,
  ): Pick<Swept, 'expiredDeliveryIds' | 'unsubscribedDeliveryIds' | 'lanes'> {
    const { dueLanes, lanes } = this.#parts
    const expired = tally.first(this.#overdue, now)
    for (const row of expired) this.#kill(row, 'expired', now)
    dueLanes.flush()
    const unsubscribed = this.#takeWaiting(tally)
    for (const row of unsubscribed) this.#kill(row, 'unsubscribed', now)
    for (const row of tally.first(this.#endedDeliveries, now - messagesMs)) this.#drop(row)
    for (const { message } of tally.first(this.#unwanted, now - messagesMs)) this.#dropUnwanted(message)
    for (const row of tally.first(this.#unstripped, now - bodiesMs)) this.#strip(row)
    const troubled = this.#trouble(now, failingMs, tally)
    for (const { lane } of tally.first(this.#idle, now)) lanes.forget(lane)
    return {
      expiredDeliveryIds: expired.map(row => row.id),
      unsubscribedDeliveryIds: unsubscribed.map(row => row.id),
      lanes: troubled,
    }
  }

  #kill(row: WaitingRow, reason: 'expired' | 'unsubscribed', now: number): void {
    this.#die.run(reason, now, row.no)
    this.#ends.died(row, reason, now)
    this.#parts.dueLanes.touch(row.lane)
    if (row.scope !== null) this.#parts.waits.resume(row.id, now, 'died')
  }

  /** What waits in lanes whose subscription is gone. Of each lane there is something, so they are no more than it takes. */
  #takeWaiting(tally: Tally): readonly WaitingRow[] {
    const waiting: WaitingRow[] = []
    for (const { lane } of tally.first(this.#doomed)) {
      const left = tally.limit - waiting.length
      const rows = left > 0 ? this.#waiting.all(lane, left) : []
      waiting.push(...rows)
      // It may have more.
      if (rows.length === left) tally.more = true
    }
    return waiting
  }

  #drop({ no, message }: EndedRow): void {
    const wasUntold = this.#ends.isUntold(no)
    this.#deleteAttempts.run(no)
    this.#ends.forget(no)
    this.#deleteDelivery.run(no)
    this.#deleteMessage.run(message)
    if (wasUntold) this.#lookAgain.run(message)
  }

  #dropUnwanted(message: number): void {
    this.#deleteUnwanted.run(message)
    this.#deleteMessage.run(message)
  }

  #strip({ no, message }: EndedRow): void {
    if (!this.#ends.isUntold(no)) this.#stripAttempts.run(no)
    this.#stripDelivery.run(no)
    this.#stripMessage.run(message)
  }

  #trouble(now: number, failingMs: number, tally: Tally): readonly TroubledLane[] {
    const paused = tally.first(this.#striking, now - failingMs)
    for (const { lane } of paused) this.#change(lane, { warned: true, pause: 'failing', pausedAt: now })
    const failing = tally.first(this.#unwarned, now - failingMs / 2)
    for (const { lane } of failing) this.#change(lane, { warned: true })
    const told = (rows: readonly FailingRow[], what: TroubledLane['what']) =>
      rows.map(({ lane, failing_since: failingSince }) => ({ lane, what, failingSince }))
    return [...told(paused, 'paused'), ...told(failing, 'failing')]
  }

  #change(lane: Lane, changes: Partial<LaneRecord>): void {
    const { lanes } = this.#parts
    const known = lanes.find(lane)
    if (known !== undefined) lanes.put(lane, { ...known, ...changes })
  }
}
