import { type ReceiverRecord, stateAt } from '../model/receiver.js'

/**
 * Receivers by token, the most recently used ones.
 *
 * Only open ones: *unknown* and *closed* are asked of the store each time, because a receiver may be made or opened
 * again elsewhere. Settings that changed elsewhere are found out by their version, when a callback is accepted.
 */
export class ReceiverCache {
  readonly #most: number
  /** In order of use, the oldest first. */
  readonly #receivers = new Map<string, ReceiverRecord>()

  constructor(most: number) {
    this.#most = most
  }

  get(token: string, now: number): ReceiverRecord | undefined {
    const receiver = this.#receivers.get(token)
    if (receiver === undefined) return undefined
    this.#receivers.delete(token)
    if (stateAt(receiver, now) !== 'open') return undefined
    this.#receivers.set(token, receiver)
    return receiver
  }

  put(receiver: ReceiverRecord): void {
    this.#receivers.delete(receiver.token)
    if (receiver.state !== 'open') return
    this.#receivers.set(receiver.token, receiver)
    if (this.#receivers.size <= this.#most) return
    for (const oldest of this.#receivers.keys()) {
      this.#receivers.delete(oldest)
      break
    }
  }

  drop(token: string): void {
    this.#receivers.delete(token)
  }
}
