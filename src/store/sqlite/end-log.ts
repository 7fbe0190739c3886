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
//   D2. An end in the lane of an endpoint is for whoever asks for that lane when ends are claimed, because he knows the endpoint;
//       any other is for everybody. Whether a death of the deadline is told depends on its lane, too: a subscription's is, and any
//       other that is no endpoint's is not.
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
    if (dead || isTold) this.#add(ending, { dead, turnAt: isTold ? now : null })
  }

  /** It died without anybody's doing. */
  died(ending: Ending, reason: Extract<DeathReason, 'expired' | 'unsubscribed'>, now: number): void {
    const mayBeTold = reason === 'expired' && (asksLane(ending) || ending.lane.startsWith('subscription:'))
    const isTold = mayBeTold && !this.#isFollowUp(ending)
    this.#add(ending, { dead: true, turnAt: isTold ? now : null })
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

  #add(ending: Ending, { dead, turnAt }: { dead: boolean; turnAt: number | null }): void {
    const { no, lane, topic } = ending
    this.#insert.run(no, lane, topic, dead ? 1 : 0, asksLane(ending) ? 1 : 0, turnAt)
  }
}

function asksLane({ lane }: Ending): boolean {
  return lane.startsWith('endpoint:')
}
