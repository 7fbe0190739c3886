import { type ReceiverRecord, stateAt } from '../model/receiver.js'

/**
 * Receivers by token: at least the most recently used half of `most`, and never more than `most`.
 *
 * Only open ones are found: *unknown* and *closed* are asked of the store each time, because a receiver may be made or
 * opened again elsewhere. Settings that changed elsewhere are found out by their version, when a callback is accepted.
 */
export class ReceiverCache {
  readonly #half: number
  #recent = new Map<string, ReceiverRecord>()
  #older = new Map<string, ReceiverRecord>()

  constructor(most: number) {
    this.#half = most / 2
  }

  get(token: string, now: number): ReceiverRecord | undefined {
    const recent = this.#recent.get(token)
    const receiver = recent ?? this.#older.get(token)
    if (receiver === undefined) return undefined
    if (stateAt(receiver, now) !== 'open') {
      this.drop(token)
      return undefined
    }
    if (recent === undefined) this.put(receiver)
    return receiver
  }

  put(receiver: ReceiverRecord): void {
    this.drop(receiver.token)
    if (this.#recent.size >= this.#half) {
      this.#older = this.#recent
      this.#recent = new Map()
    }
    this.#recent.set(receiver.token, receiver)
  }

  drop(token: string): void {
    this.#recent.delete(token)
    this.#older.delete(token)
  }
}
