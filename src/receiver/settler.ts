import { after, type Clock } from '../core/clock.js'
import { LonglineError, ServerClosedError } from '../errors.js'
import type { Claim, FailureReason } from '../model/callback.js'
import { toFailure } from '../model/failure.js'
import type { MemoryKey } from '../model/memory.js'
import type { Input, StoreSession } from '../store/store.js'

// Tells the store how hand-outs ended, and keeps telling it until it has heard.
//
// Owns:   what is still to be told, while the store cannot be reached.
// Leaves: deciding how a hand-out ended to whoever had the callback.
//
//   T1. What is told goes out at once and in order, so that an acknowledgement and the claim after it share a commit.
//   T2. A store that fails is told again every second, until the server closes; leaving gives the rest back.
//   T3. `false` means that the claim was not ours any more: somebody else has the callback, and nothing was changed.
//       What could not be told at all is an error.

const RETRY_MS = 1_000

export interface Release {
  readonly as: 'counted' | 'uncounted' | 'failure'
  readonly delayMs?: number
}

export class Settler {
  readonly #session: StoreSession
  readonly #clock: Clock
  readonly #onError: (error: unknown) => void
  readonly #sleepers = new Set<() => void>()
  #closed = false

  constructor(parts: { session: StoreSession; clock: Clock; onError: (error: unknown) => void }) {
    this.#session = parts.session
    this.#clock = parts.clock
    this.#onError = parts.onError
  }

  acknowledge(claim: Claim): Promise<boolean> {
    return this.#tell(async () => {
      const { done } = await this.#session.acknowledge({ claims: [claim], now: this.#clock.now() })
      return done[0] === true
    })
  }

  release(claim: Claim, { as, delayMs = 0 }: Release): Promise<boolean> {
    const now = this.#clock.now()
    const due = delayMs > 0 ? { dueAt: now + delayMs } : {}
    return this.#tell(() => this.#session.release({ claim, now, as, ...due }))
  }

  giveUp(claim: Claim, reason: FailureReason, error: unknown, blamed?: MemoryKey): Promise<boolean> {
    const now = this.#clock.now()
    const failure = toFailure(error)
    const blames = blamed === undefined ? {} : { blames: blamed }
    return this.#tell(() => this.#session.giveUp({ claim, now, reason, error: failure, ...blames }))
  }

  /** The callback is handled by a run, from the commit in which that is started. */
  startRun(begin: () => Promise<boolean>): Promise<boolean> {
    return this.#tell(begin)
  }

  /** No further attempt is made. `false`: it had ended. */
  callOff(deliveryId: string): Promise<boolean> {
    const now = this.#clock.now()
    return this.#tell(() => this.#session.cancelDelivery({ deliveryId, now }))
  }

  /** Nobody will read from it: `onUnread` is told how many callbacks it leaves, if it leaves any. */
  closeReceiver(receiverId: string, onUnread: (unread: number) => void): Promise<boolean> {
    const now = this.#clock.now()
    return this.#tell(async () => {
      const { length } = await this.#session.closeReceiver({ receiverId, now })
      if (length > 0) onUnread(length)
      return true
    })
  }

  /** What was taken, in a command whose outcome is not known, goes back. `toClaims` says by what is held by then. */
  reclaim(toClaims: () => Omit<Input<'reclaim'>, 'now'>): Promise<boolean> {
    return this.#tell(async () => {
      await this.#session.reclaim({ ...toClaims(), now: this.#clock.now() })
      return true
    })
  }

  /** Nobody waits for what comes of it. */
  inBackground(told: Promise<unknown>): void {
    told.catch(this.#onError)
  }

  close(): void {
    this.#closed = true
    for (const wakeUp of this.#sleepers) wakeUp()
  }

  async #tell(command: () => Promise<boolean>): Promise<boolean> {
    for (;;) {
      try {
        return await command()
      } catch (error) {
        if (this.#closed) throw new ServerClosedError()
        if (!(error instanceof LonglineError)) throw error
        this.#onError(error)
      }
      await this.#pause()
      if (this.#closed) throw new ServerClosedError()
    }
  }

  #pause(): Promise<void> {
    return new Promise(resolve => {
      const stop = after(this.#clock, RETRY_MS, () => wakeUp())
      const wakeUp = () => {
        stop()
        this.#sleepers.delete(wakeUp)
        resolve()
      }
      this.#sleepers.add(wakeUp)
    })
  }
}
