import { isDeepStrictEqual } from 'node:util'
import type { StoreSession, Wake } from '../../store/store.js'

/** The wake-ups of a session, from when it was made. */
export class WakeLog {
  readonly wakes: Wake[] = []
  readonly stop: () => void
  readonly #waiting = new Set<() => void>()

  constructor(session: StoreSession) {
    this.stop = session.subscribe(wake => {
      this.wakes.push(wake)
      for (const look of [...this.#waiting]) look()
    })
  }

  has(wake: Wake): boolean {
    return this.wakes.some(one => isDeepStrictEqual(one, wake))
  }

  async expect(wake: Wake): Promise<void> {
    if (this.has(wake)) return
    await new Promise<void>(resolve => {
      const look = () => {
        if (!this.has(wake)) return
        this.#waiting.delete(look)
        resolve()
      }
      this.#waiting.add(look)
    })
  }
}
