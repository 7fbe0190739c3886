import { AsyncResource } from 'node:async_hooks'
import { after, type Clock } from '../core/clock.js'
import type { StoreSession, Wake } from './store.js'

// Who wants to look again, and when: the one place in a process where wake-ups arrive and where the store is polled.
//
// Owns:   the subscription to the session's wake-ups, the poll timer, and who watches what.
// Leaves: what there is to see (the store), and what to do about it (whoever watches).
//
//   W1. A wake-up means "look again" and carries nothing. Looking in vain is harmless.
//   W2. While anybody watches, the store is asked once each poll interval, in one command for all of them (H4, H7); those who work off
//       what lies in it look for themselves.
//   W3. Nobody watches, nothing is running: no timer is left.

export type Watched =
  | { readonly kind: 'receiver'; readonly id: string }
  | { readonly kind: 'delivery'; readonly id: string }
  /** A delivery, for whom it matters only that it cannot be made. */
  | { readonly kind: 'dead'; readonly id: string }
  | { readonly kind: 'answer'; readonly id: string }
  | { readonly kind: 'run'; readonly id: string }
  | { readonly kind: 'outbox' }
  | { readonly kind: 'runs' }
  | { readonly kind: 'fanOuts' }
  | { readonly kind: 'ends' }

type Look = () => void

export class Watch {
  readonly #session: StoreSession
  readonly #clock: Clock
  readonly #pollMs: number
  readonly #onError: (error: unknown) => void
  readonly #unsubscribe: () => void
  readonly #looks = {
    receiver: new Map<string, Set<Look>>(),
    delivery: new Map<string, Set<Look>>(),
    dead: new Map<string, Set<Look>>(),
    answer: new Map<string, Set<Look>>(),
    run: new Map<string, Set<Look>>(),
    outbox: new Map<string, Set<Look>>(),
    runs: new Map<string, Set<Look>>(),
    fanOuts: new Map<string, Set<Look>>(),
    ends: new Map<string, Set<Look>>(),
  }
  /** Looks outside of whatever code has caused the wake-up: what follows from it is none of its business. */
  readonly #lookOutside = AsyncResource.bind((look: Look) => look())
  #stopTimer: (() => void) | undefined
  #asking = false
  #closed = false

  constructor(parts: {
    session: StoreSession
    clock: Clock
    pollMs: number
    /** Told when the poll itself fails; it goes on. */
    onError: (error: unknown) => void
  }) {
    this.#session = parts.session
    this.#clock = parts.clock
    this.#pollMs = parts.pollMs
    this.#onError = parts.onError
    this.#unsubscribe = parts.session.subscribe(wake => this.#wake(wake))
  }

  /** Calls `look` whenever there may be something new. Returns how to stop. */
  watch(what: Watched, look: Look): () => void {
    const byId = this.#looks[what.kind]
    const id = 'id' in what ? what.id : ''
    const looks = byId.get(id) ?? new Set()
    byId.set(id, looks.add(look))
    this.#schedule()
    return () => {
      looks.delete(look)
      if (looks.size === 0 && byId.get(id) === looks) byId.delete(id)
      if (!this.#anybody()) this.#unschedule()
    }
  }

  close(): void {
    this.#closed = true
    this.#unsubscribe()
    this.#unschedule()
  }

  #wake(wake: Wake): void {
    for (const look of [...(this.#looks[wake.kind].get(idOf(wake)) ?? [])]) this.#lookOutside(look)
  }

  #anybody(): boolean {
    return Object.values(this.#looks).some(byId => byId.size > 0)
  }

  #schedule(): void {
    if (this.#stopTimer !== undefined || this.#asking || this.#closed || !this.#anybody()) return
    this.#stopTimer = after(this.#clock, this.#pollMs, () => {
      this.#stopTimer = undefined
      this.#asking = true
      this.#ask()
        .catch(this.#onError)
        .finally(() => {
          this.#asking = false
          this.#schedule()
        })
    })
  }

  #unschedule(): void {
    this.#stopTimer?.()
    this.#stopTimer = undefined
  }

  async #ask(): Promise<void> {
    for (const kind of ['outbox', 'runs', 'fanOuts', 'ends'] as const) this.#wake({ kind })
    const { receiver, delivery, dead, answer, run } = this.#looks
    if (receiver.size + delivery.size + dead.size + answer.size + run.size === 0) return
    const news = await this.#session.news({
      now: this.#clock.now(),
      receiverIds: [...receiver.keys()],
      deliveryIds: [...new Set([...delivery.keys(), ...dead.keys()])],
      callbackIds: [...answer.keys()],
      runIds: [...run.keys()],
    })
    for (const receiverId of news.receiverIds) this.#wake({ kind: 'receiver', receiverId })
    for (const deliveryId of news.deliveryIds) {
      this.#wake({ kind: 'delivery', deliveryId })
      this.#wake({ kind: 'dead', deliveryId })
    }
    for (const callbackId of news.callbackIds) this.#wake({ kind: 'answer', callbackId })
    for (const runId of news.runIds) this.#wake({ kind: 'run', runId })
  }
}

function idOf(wake: Wake): string {
  switch (wake.kind) {
    case 'receiver':
      return wake.receiverId
    case 'delivery':
    case 'dead':
      return wake.deliveryId
    case 'answer':
      return wake.callbackId
    case 'run':
      return wake.runId
    case 'outbox':
    case 'runs':
    case 'fanOuts':
    case 'ends':
      return ''
  }
}
