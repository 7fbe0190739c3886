import { after, type Clock } from '../core/clock.js'
import { isPassing } from '../store/passing.js'
import type { StoreSession } from '../store/store.js'
import { type EntryLife, never } from './entry-life.js'

const RETRY_MS = 1_000

export interface LineParts {
  readonly session: StoreSession
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

/**
 * What an entry says to its store. One that cannot be reached ends nothing: it is asked again every second, for as long as
 * the entry goes on.
 */
export class LineToStore {
  readonly #parts: LineParts
  readonly #life: EntryLife

  constructor(parts: LineParts, life: EntryLife) {
    this.#parts = parts
    this.#life = life
  }

  /** Asks until it answers. Never settles once the entry is over. */
  async ask<T>(command: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const outcome = await command()
        return this.#life.isOver ? await never<T>() : outcome
      } catch (error) {
        if (this.#life.isOver) return await never<T>()
        if (!isPassing(error)) throw error
        this.#parts.onError(error)
      }
      await this.pause(RETRY_MS)
    }
  }

  /** Lets time pass. Never settles, and keeps no timer, once the entry is over. */
  async pause(ms: number): Promise<void> {
    if (this.#life.isOver) return await never()
    await new Promise<void>(resolve => {
      const stopTimer = after(this.#parts.clock, ms, () => {
        stopListening()
        resolve()
      })
      const stopListening = this.#life.onOver(stopTimer)
    })
  }
}
