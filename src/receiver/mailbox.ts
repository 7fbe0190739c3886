import { after, type Clock } from '../core/clock.js'
import type { CallbackRecord, Claim, ClaimedCallback } from '../model/callback.js'
import type { ClaimOutcome } from '../store/receiving.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import type { Settler } from './settler.js'

// The reader of one receiver in this process: behind `next`, loops and consumers.
//
// Owns:   the queue of places, the one claim under way, the subscription to wake-ups.
// Leaves: storing and ordering (store), deadlines (wait), acknowledging (whoever was handed a callback).
//
//   M1. Places are served in the order in which they were taken; callbacks are claimed only for places that exist.
//   M2. A place that was given up is out of the queue in that tick. What was claimed for it goes to the place behind
//       it, else back to the store, uncounted.
//   M3. Every place is looked for at least once, and told when that look came back empty.
//   M4. A failing store ends no place: the mailbox looks again a little later.

/** Somebody who wants the next callback. */
export interface Place {
  /** `false`: it has been given up meanwhile. */
  offer(callback: Prepared): boolean
  /** A look came back empty. */
  nothingYet(): void
  /** There will be none: the receiver ended and is empty, or the server closed. */
  end(error: unknown): void
}

/** A callback in our hands. */
export interface Claimed {
  readonly record: ClaimedCallback
  readonly claim: Claim
}

/** The same with its data, read and through the schema. */
export interface Prepared extends Claimed {
  readonly data: unknown
}

export interface MailboxParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly settler: Settler
  readonly receiverId: string
  readonly epoch: () => number
  /** Reads the data; `undefined` when the callback was set aside because it does not fit. */
  readonly prepare: (callback: Claimed) => Promise<Prepared | undefined>
  /** Only callbacks whose group is known are read, one of a group at a time. */
  readonly groupOf?: (callback: CallbackRecord) => Promise<string>
  readonly onError: (error: unknown) => void
  /** Nobody waits here any more, and nothing is under way. */
  readonly onIdle: (mailbox: Mailbox) => void
  /** The error for places that wait in vain at a receiver that ended. */
  readonly endError: (reason: 'closed' | 'expired') => Error
}

const LARGEST_CLAIM = 256
const RETRY_MS = 1_000

export class Mailbox {
  readonly #parts: MailboxParts
  #places: Place[] = []
  #look: Promise<void> | undefined
  #again = false
  #closed: Error | undefined
  #stopWatching: (() => void) | undefined
  #stopTimer: (() => void) | undefined

  constructor(parts: MailboxParts) {
    this.#parts = parts
  }

  /** Queues a place. Returns how to give it up. */
  take(place: Place): () => void {
    if (this.#closed !== undefined) {
      place.end(this.#closed)
      return () => undefined
    }
    this.#places.push(place)
    const { watch, receiverId } = this.#parts
    this.#stopWatching ??= watch.watch({ kind: 'receiver', id: receiverId }, () => this.look())
    this.look()
    return () => this.#leave(place)
  }

  #leave(place: Place): void {
    const index = this.#places.indexOf(place)
    if (index >= 0) this.#places.splice(index, 1)
    if (this.#places.length > 0) return
    this.#rest()
    if (this.#look === undefined) this.#parts.onIdle(this)
  }

  look(): void {
    this.#again = true
    this.#look ??= this.#run().finally(() => {
      this.#look = undefined
      // Somebody may have come between the last look and this line.
      if (this.#places.length === 0) this.#parts.onIdle(this)
      else if (this.#again) this.look()
    })
  }

  /** Ends every place, and waits for the claim under way: what it brings goes back. */
  async close(error: Error): Promise<void> {
    this.#closed = error
    const places = this.#places
    this.#places = []
    this.#rest()
    for (const place of places) place.end(error)
    await this.#look
  }

  async #run(): Promise<void> {
    while (this.#again && this.#places.length > 0) {
      this.#again = false
      try {
        await this.#lookOnce(this.#places.slice(0, LARGEST_CLAIM))
      } catch (error) {
        for (const place of [...this.#places]) place.nothingYet()
        if (this.#closed !== undefined) return
        this.#parts.onError(error)
        this.#lookAt(this.#parts.clock.now() + RETRY_MS)
        return
      }
    }
  }

  async #lookOnce(places: readonly Place[]): Promise<void> {
    const { found, outcome } = await this.#claim(places.length)
    const prepared = await Promise.all(found.map(callback => this.#parts.prepare(callback)))
    for (const callback of prepared) {
      if (callback !== undefined) this.#handOut(callback)
    }
    // A full claim may hide more, and so does what did not fit: this look is not over for those it was claimed for.
    const misfits = prepared.includes(undefined)
    if (misfits || found.length === places.length) this.#again = true
    if (misfits) return

    const left = this.#places.filter(place => places.includes(place))
    if (outcome.state !== 'open' && !outcome.unread) {
      const error = this.#parts.endError(outcome.state)
      for (const place of left) this.#leave(place)
      for (const place of left) place.end(error)
      return
    }
    for (const place of left) place.nothingYet()
    this.#lookAt(outcome.lookAgainAt)
  }

  async #claim(limit: number): Promise<{ found: readonly Claimed[]; outcome: ClaimOutcome }> {
    const { session, receiverId, clock, epoch: currentEpoch, groupOf } = this.#parts
    const epoch = currentEpoch()
    const ask = { receiverId, epoch, ordered: groupOf !== undefined }
    const claimed = ({ callbacks }: ClaimOutcome): Claimed[] =>
      callbacks.map(record => ({
        record,
        claim: { receiverId, callbackId: record.id, epoch, fence: record.fence },
      }))

    let outcome = await session.claim({ ...ask, limit, now: clock.now() })
    const found = claimed(outcome)
    try {
      while (groupOf !== undefined && outcome.ungrouped.length > 0 && found.length < limit) {
        const groups = outcome.ungrouped.map(callback => ({ callback, group: groupOf(callback) }))
        const named = await Promise.all(
          groups.map(async one => ({ callbackId: one.callback.id, group: await one.group })),
        )
        outcome = await session.claim({
          ...ask,
          limit: limit - found.length,
          now: clock.now(),
          groups: named,
        })
        found.push(...claimed(outcome))
      }
    } catch (error) {
      for (const { claim } of found) this.#parts.settler.release(claim, { as: 'uncounted' })
      throw error
    }
    return { found, outcome }
  }

  #handOut(callback: Prepared): void {
    for (let place = this.#places.shift(); place !== undefined; place = this.#places.shift()) {
      if (place.offer(callback)) {
        if (this.#places.length === 0) this.#rest()
        return
      }
    }
    this.#parts.settler.release(callback.claim, { as: 'uncounted' })
  }

  #lookAt(instant: number | undefined): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    if (instant === undefined || this.#places.length === 0) return
    const { clock } = this.#parts
    this.#stopTimer = after(clock, Math.max(0, instant - clock.now()), () => this.look())
  }

  #rest(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
    this.#stopWatching?.()
    this.#stopWatching = undefined
  }
}
