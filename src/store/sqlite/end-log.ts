import type { DeathReason, Lane } from '../../model/delivery.js'
import type { Connection } from './driver.js'

/** A delivery as it ends. */
export interface Ending {
  readonly no: number
  readonly lane: Lane
  readonly topic: string | null
}

// How deliveries ended, in order of commits.
//
//   D1. Every death but a cancellation has a row, and so has every end that is to be told. It goes with its delivery.
//   D2. Whether a death of the deadline is told depends on its lane: that of an endpoint is asked when ends are claimed, by
//       whoever knows the endpoints; a subscription's is told; any other is not.
//   D3. Of what is still to be told, sweeps leave what is large where it is, and are done with it: settling it has them look
//       once more.

export class EndLog {
  readonly #insert
  readonly #follows
  readonly #settle
  readonly #lookAgain
  readonly #untold
  readonly #delete

  constructor(db: Connection) {
    this.#insert = db.prepare(
      'insert into ends (delivery, lane, topic, dead, asks_lane, turn_at) values (?, ?, ?, ?, ?, ?)',
    )
    this.#follows = db.prepare<{ follows: string | null }>(
      'select m.follows from deliveries d join messages m on m.no = d.message where d.no = ?',
    )
    this.#settle = db.prepare(`
      update ends set turn_at = null
       where delivery = (select no from deliveries where id = ?) and turn_at is not null`)
    this.#lookAgain = db.prepare('update deliveries set stripped = 0 where id = ? and stripped = 1')
    this.#untold = db.prepare<{ no: number }>(
      'select no from ends where delivery = ? and turn_at is not null',
    )
    this.#delete = db.prepare('delete from ends where delivery = ?')
  }

  /** It was delivered, or died of its attempts. */
  decided(ending: Ending, { dead, tells, now }: { dead: boolean; tells: boolean; now: number }): void {
    const isTold = tells && !this.#isFollowUp(ending)
    if (dead || isTold) this.#add(ending, { dead, asksLane: false, turnAt: isTold ? now : null })
  }

  /** It died without anybody's doing. */
  died(ending: Ending, reason: Extract<DeathReason, 'expired' | 'unsubscribed'>, now: number): void {
    const asksLane = ending.lane.startsWith('endpoint:')
    const mayBeTold = reason === 'expired' && (asksLane || ending.lane.startsWith('subscription:'))
    const isTold = mayBeTold && !this.#isFollowUp(ending)
    this.#add(ending, { dead: true, asksLane, turnAt: isTold ? now : null })
  }

  /** Whether it was still to be settled. */
  settle(deliveryId: string): boolean {
    if (this.#settle.run(deliveryId) === 0) return false
    this.#lookAgain.run(deliveryId)
    return true
  }

  isUntold(delivery: number): boolean {
    return this.#untold.get(delivery) !== undefined
  }

  forget(delivery: number): void {
    this.#delete.run(delivery)
  }

  /** Its message tells of the end of another. */
  #isFollowUp({ no }: Ending): boolean {
    return typeof this.#follows.get(no)?.follows === 'string'
  }

  #add(
    { no, lane, topic }: Ending,
    { dead, asksLane, turnAt }: { dead: boolean; asksLane: boolean; turnAt: number | null },
  ): void {
    this.#insert.run(no, lane, topic, dead ? 1 : 0, asksLane ? 1 : 0, turnAt)
  }
}
