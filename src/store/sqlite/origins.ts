import type { Lane } from '../../model/delivery.js'
import type { Connection } from './driver.js'

// When something is due in the lanes of written-out URLs. Nobody knows their names beforehand, so claiming has to find
// those that are due without looking at all that ever were.
//
//   O1. A lane's row says when its earliest due delivery falls due; without one there is no row.
//       What is past its deadline counts until a sweep ends it, so the row may be too early.
//   O2. It is read from the deliveries themselves, once for each batch that touched the lane.

interface OriginRow {
  readonly lane: Lane
  readonly due_at: number
}

const PAGE = 64

export class Origins {
  readonly #touched = new Set<Lane>()
  readonly #first
  readonly #put
  readonly #delete
  readonly #page

  constructor(db: Connection) {
    this.#first = db.prepare<{ due_at: number }>(
      "select due_at from deliveries where lane = ? and status = 'due' order by due_at limit 1",
    )
    this.#put = db.prepare(`
      insert into origins (lane, due_at) values (?, ?)
          on conflict (lane) do update set due_at = excluded.due_at where due_at <> excluded.due_at`)
    this.#delete = db.prepare('delete from origins where lane = ?')
    this.#page = db.prepare<OriginRow>(
      'select lane, due_at from origins where (due_at, lane) > (?, ?) order by due_at, lane limit ?',
    )
  }

  /** The earliest first, without those that were touched since `flush`. */
  *inOrder(): Generator<OriginRow> {
    let page: readonly OriginRow[] = this.#page.all(Number.MIN_SAFE_INTEGER, '', PAGE)
    while (page.length > 0) {
      yield* page
      const last = page.at(-1)
      page = last === undefined || page.length < PAGE ? [] : this.#page.all(last.due_at, last.lane, PAGE)
    }
  }

  /** What is due in the lane has changed. */
  touch(lane: Lane): void {
    if (lane.startsWith('origin:')) this.#touched.add(lane)
  }

  flush(): void {
    for (const lane of this.#touched) {
      const first = this.#first.get(lane)
      if (first === undefined) this.#delete.run(lane)
      else this.#put.run(lane, first.due_at)
    }
    this.#touched.clear()
  }

  forget(): void {
    this.#touched.clear()
  }
}
