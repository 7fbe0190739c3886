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
//   M4. A failing store ends no place: the mailbox looks again a little later, and first gives back what a claim may have
//       taken whose answer never came.
//   M5. What was found is handed out before anything else is asked: naming groups holds up nobody.

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
  /** The ids of this receiver's callbacks that are in somebody's hands here. */
  readonly held: () => readonly string[]
  /** Reads the data, in a bounded time. Never rejects: `undefined` when the callback was set aside or given back. */
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
  /** A claim was sent and its answer has not come. */
  #unsure = false
  /** Groups that were found and are not told yet. */
  #groups: readonly { readonly callbackId: string; readonly group: string }[] = []
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

  /** Ends every place. What a claim under way brings is given back, here or by the epoch that ends. */
  close(error: Error): void {
    this.#closed = error
    const places = this.#places
    this.#places = []
    this.#rest()
    for (const place of places) place.end(error)
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
    const misfits = await this.#handOutAll(found)
    const unnamed = await this.#name(outcome.ungrouped)
    // What did not fit, had no group yet, or was more than the store hands out at once: this look is not over.
    const isCut = outcome.lookAgainAt !== undefined && outcome.lookAgainAt <= this.#parts.clock.now()
    const goesOn = misfits || unnamed || isCut
    if (goesOn || found.length === places.length) this.#again = true
    if (goesOn) return

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
    const { session, receiverId, clock, groupOf } = this.#parts
    const epoch = this.#parts.epoch()
    await this.#reclaim(epoch)
    const ask = { receiverId, epoch, limit, now: clock.now(), ordered: groupOf !== undefined }
    this.#unsure = true
    const outcome = await session.claim(this.#groups.length === 0 ? ask : { ...ask, groups: this.#groups })
    this.#unsure = false
    this.#groups = []
    const found = outcome.callbacks.map(record => ({
      record,
      claim: { receiverId, callbackId: record.id, epoch, fence: record.fence },
    }))
    return { found, outcome }
  }

  /** A claim whose answer was lost may have taken what nobody here knows of. */
  async #reclaim(epoch: number): Promise<void> {
    if (!this.#unsure) return
    const { session, receiverId, clock, held } = this.#parts
    await session.reclaim({ receiverId, epoch, held: held(), now: clock.now() })
    this.#unsure = false
  }

  /** In their order, each as soon as it is ready. Tells whether one was set aside or given back instead. */
  async #handOutAll(found: readonly Claimed[]): Promise<boolean> {
    let misfits = false
    const preparing = found.map(callback => this.#parts.prepare(callback))
    for (const prepared of preparing) {
      const callback = await prepared
      if (callback === undefined) misfits = true
      else this.#handOut(callback)
    }
    return misfits
  }

  /** Finds the groups of callbacks that have none yet; the next claim tells them to the store. */
  async #name(ungrouped: readonly CallbackRecord[]): Promise<boolean> {
    const { groupOf } = this.#parts
    if (groupOf === undefined || ungrouped.length === 0) return false
    this.#groups = await Promise.all(
      ungrouped.map(async callback => ({ callbackId: callback.id, group: await groupOf(callback) })),
    )
    return true
  }

  #handOut(callback: Prepared): void {
    for (let place = this.#places.shift(); place !== undefined; place = this.#places.shift()) {
      if (place.offer(callback)) {
        if (this.#places.length === 0) this.#rest()
        return
      }
    }
    const { settler } = this.#parts
    settler.inBackground(settler.release(callback.claim, { as: 'uncounted' }))
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
