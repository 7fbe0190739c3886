import type { WaitTarget } from '../../model/memory.js'
import type { ParkedWait } from '../running.js'
import type { Connection } from './driver.js'

interface Awaited {
  readonly target: string | null
  readonly deadOnly: boolean
}

/**
 * What parked runs wait for. Only those that are parked have rows here, so whatever happens to anybody else finds nothing
 * in one look.
 */
export class Waits {
  readonly #insert
  readonly #delete
  readonly #waiting
  readonly #keys
  readonly #makeDue

  constructor(db: Connection) {
    this.#insert = db.prepare('insert into waits (run, no, key, target, dead_only) values (?, ?, ?, ?, ?)')
    this.#delete = db.prepare('delete from waits where run = ?')
    this.#waiting = db.prepare<{ run: number }>(
      'select distinct run from waits where target = ? and dead_only <= ?',
    )
    this.#keys = db.prepare<{ key: string }>('select key from waits where run = ? order by no')
    this.#makeDue = db.prepare("update runs set status = 'due', due_at = ? where no = ?")
  }

  add(run: number, waits: readonly ParkedWait[]): void {
    const rows = waits.flatMap(({ at, target }) =>
      awaitedOf(target).map(awaited => ({ key: at.key, ...awaited })),
    )
    for (const [no, { key, target, deadOnly }] of rows.entries()) {
      this.#insert.run(run, no, key, target, deadOnly ? 1 : 0)
    }
  }

  /** The run is parked no more. */
  clear(run: number): void {
    this.#delete.run(run)
  }

  keysOf(run: number): readonly string[] {
    return [...new Set(this.#keys.all(run).map(row => row.key))]
  }

  /** Something happened to a receiver, a delivery or a run: who is parked for it is due. Whether anybody was. */
  resume(target: string, now: number, what: 'happened' | 'died' = 'happened'): boolean {
    const waiting = this.#waiting.all(target, what === 'died' ? 1 : 0)
    for (const { run } of waiting) {
      this.#makeDue.run(now, run)
      this.clear(run)
    }
    return waiting.length > 0
  }
}

function awaitedOf(target: WaitTarget): readonly Awaited[] {
  switch (target.type) {
    case 'time':
      return [{ target: null, deadOnly: false }]
    case 'receiver':
      return [{ target: target.receiverId, deadOnly: false }]
    case 'delivery':
      return [{ target: target.deliveryId, deadOnly: false }]
    case 'run':
      return [{ target: target.runId, deadOnly: false }]
    case 'exchange':
      return [
        { target: target.receiverId, deadOnly: false },
        { target: target.deliveryId, deadOnly: true },
      ]
  }
}
