import type { Connection } from './driver.js'

// Which epochs are over. Asked once for each batch, and again whenever one begins, ends or is renewed.
//
//   E1. An epoch that was seen to be over stays over, also when the clock goes back: `mark` writes it down. What a
//       rollback took back is remembered here, for as long as the file is open; after that all of them are over.

interface NodeRow {
  readonly lease_ends_at: number
  readonly over: number
}

interface EpochRow {
  readonly epoch: number
}

export class Epochs {
  readonly #known = new Map<number, NodeRow | undefined>()
  readonly #seenOver = new Set<number>()
  readonly #select
  readonly #selectMarked
  readonly #selectLapsed
  readonly #mark
  readonly #markOne

  constructor(connection: Connection) {
    this.#select = connection.prepare<NodeRow>('select lease_ends_at, over from nodes where epoch = ?')
    this.#selectMarked = connection.prepare<EpochRow>('select epoch from nodes where over = 1')
    this.#selectLapsed = connection.prepare<EpochRow>(
      'select epoch from nodes where over = 0 and lease_ends_at <= ?',
    )
    this.#mark = connection.prepare('update nodes set over = 1 where over = 0 and lease_ends_at <= ?')
    this.#markOne = connection.prepare('update nodes set over = 1 where epoch = ?')
  }

  /** Without an instant: as far as anybody has seen. */
  isLive(epoch: number, now?: number): boolean {
    if (!this.#known.has(epoch)) this.#known.set(epoch, this.#select.get(epoch))
    const row = this.#known.get(epoch)
    if (row === undefined || row.over === 1 || this.#seenOver.has(epoch)) return false
    if (now === undefined || row.lease_ends_at > now) return true
    this.#seenOver.add(epoch)
    return false
  }

  /** Those that are over and may hold something: few, because sweeping forgets the others. */
  over(now: number): readonly number[] {
    const rows = [...this.#selectMarked.all(), ...this.#selectLapsed.all(now)]
    return [...new Set([...rows.map(row => row.epoch), ...this.#seenOver])]
  }

  /** Writes down which are over, for statements that ask the table. */
  mark(now: number): void {
    this.#mark.run(now)
    for (const epoch of this.#seenOver) this.#markOne.run(epoch)
    this.forget()
  }

  forget(): void {
    this.#known.clear()
  }
}
