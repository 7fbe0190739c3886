import type { ParkedWait } from '../store/running.js'
import type { WhenOver } from './entry-life.js'

/** A wait of the scope that is under way. */
export interface OpenWait {
  /** As it is told to the store when the run is parked. */
  toParked(): ParkedWait
  look(): void
  /** When no look is under way, and what it found is the caller's. */
  readonly idle: Promise<void>
  cancel(): void
  /** Its entry is over: it looks no more, and settles only if it is to say so. */
  over(reason: Error, whenOver: WhenOver): void
}

/** The waits under way in one entry. */
export class OpenWaits implements Iterable<OpenWait> {
  readonly #waits = new Set<OpenWait>()
  #frozen = false

  get size(): number {
    return this.#waits.size
  }

  /** No wait may look. */
  get isFrozen(): boolean {
    return this.#frozen
  }

  /** Those that there are now: one that ends meanwhile is among them. */
  [Symbol.iterator](): IterableIterator<OpenWait> {
    return [...this.#waits].values()
  }

  add(wait: OpenWait): void {
    this.#waits.add(wait)
  }

  delete(wait: OpenWait): void {
    this.#waits.delete(wait)
  }

  lookAll(): void {
    for (const wait of this) wait.look()
  }

  /** Lets no wait look until `thaw`. Resolves when no look is under way any more. */
  async freeze(): Promise<void> {
    this.#frozen = true
    await Promise.all([...this].map(wait => wait.idle))
  }

  /** Lets all waits look again, for what came meanwhile. */
  thaw(): void {
    this.#frozen = false
    this.lookAll()
  }

  over(reason: Error, whenOver: WhenOver): void {
    for (const wait of this) wait.over(reason, whenOver)
    this.#waits.clear()
  }
}
