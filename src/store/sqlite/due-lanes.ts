import { type Lane, subscriptionIdOf } from '../../model/delivery.js'
import { slower } from '../../model/lane.js'
import type { Connection } from './driver.js'
import type { LaneRows } from './lane-rows.js'
import { toRate } from './lane-rows.js'
import type { SubscriptionRows } from './subscription-rows.js'

// When something may be taken from the lanes of written-out URLs and of subscriptions. Nobody knows their names
// beforehand, so claiming has to find those that are due without looking at all that ever were.
//
//   O1. A lane's row says when its earliest due delivery falls due, or when the lane rests no more, or when its bucket lets
//       the next one through, whichever is last; a lane in which nothing is due, or that is paused, has no row.
//       What is past its deadline counts until a sweep ends it, so the row may be too early.
//   O2. It is read from the deliveries and from the lane, once for each batch that touched either.
//   O3. A lane whose subscription was deleted or has retired has no such row. If something waits in it, it is among the
//       doomed ones, which sweeps go through.

interface DueRow {
  readonly lane: Lane
  readonly due_at: number
}

const PAGE = 64

export class DueLanes {
  readonly #touched = new Set<Lane>()
  readonly #lanes: LaneRows
  readonly #subscriptions: SubscriptionRows
  readonly #first
  readonly #put
  readonly #delete
  readonly #doom
  readonly #spare
  readonly #page

  constructor(db: Connection, lanes: LaneRows, subscriptions: SubscriptionRows) {
    this.#lanes = lanes
    this.#subscriptions = subscriptions
    this.#first = db.prepare<{ due_at: number }>(
      "select due_at from deliveries where lane = ? and status = 'due' order by due_at limit 1",
    )
    this.#put = db.prepare(`
      insert into due_lanes (lane, due_at) values (?, ?)
          on conflict (lane) do update set due_at = excluded.due_at where due_at <> excluded.due_at`)
    this.#delete = db.prepare('delete from due_lanes where lane = ?')
    this.#doom = db.prepare('insert or ignore into doomed_lanes (lane) values (?)')
    this.#spare = db.prepare('delete from doomed_lanes where lane = ?')
    this.#page = db.prepare<DueRow>(
      'select lane, due_at from due_lanes where (due_at, lane) > (?, ?) order by due_at, lane limit ?',
    )
  }

  /** The earliest first, without those that were touched since `flush`. */
  *inOrder(): Generator<DueRow> {
    let page: readonly DueRow[] = this.#page.all(Number.MIN_SAFE_INTEGER, '', PAGE)
    while (page.length > 0) {
      yield* page
      const last = page.at(-1)
      page = last === undefined || page.length < PAGE ? [] : this.#page.all(last.due_at, last.lane, PAGE)
    }
  }

  /** What is due in the lane, or may be taken from it, has changed. */
  touch(lane: Lane): void {
    if (!lane.startsWith('endpoint:')) this.#touched.add(lane)
  }

  flush(): void {
    for (const lane of this.#touched) {
      const first = this.#first.get(lane)?.due_at
      const id = subscriptionIdOf(lane)
      if (id === undefined) this.#set(lane, first)
      else this.#setOfSubscription(lane, id, first)
    }
    this.#touched.clear()
  }

  forget(): void {
    this.#touched.clear()
  }

  #setOfSubscription(lane: Lane, id: string, first: number | undefined): void {
    const row = this.#subscriptions.row(id)
    const isGone = row === undefined || this.#lanes.find(`subscription:${id}`)?.pause === 'retired'
    if (isGone && first !== undefined) this.#doom.run(lane)
    else this.#spare.run(lane)
    const rate =
      row === undefined || lane.startsWith('proof:') ? undefined : toRate(row.rate_count, row.rate_ms)
    this.#set(lane, isGone ? undefined : first, rate)
  }

  #set(lane: Lane, first: number | undefined, ownRate?: ReturnType<typeof toRate>): void {
    const known = first === undefined ? undefined : this.#lanes.find(lane)
    if (first === undefined || known?.pause !== undefined) {
      this.#delete.run(lane)
      return
    }
    const { restsUntil = 0, nextAt = 0, catchUp } = known ?? {}
    const isLimited = slower(ownRate, catchUp) !== undefined
    this.#put.run(lane, Math.max(first, restsUntil, isLimited ? Math.ceil(nextAt) : 0))
  }
}
