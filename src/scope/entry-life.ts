import { setMaxListeners } from 'node:events'
import { soon } from '../core/clock.js'
import { ScopeEndedError } from '../errors.js'
import { isInStep } from './context.js'

/** What becomes of code whose entry is over before its end: it stops where it is, or its verbs reject. */
export type WhenOver = 'stops' | 'rejects'

/**
 * How long an entry goes on.
 *
 *   open ──▶ closing ──▶ ended
 *    └──────────┴──────────┴──▶ over
 *
 * `closing`: its code has returned, and what it did not wait for is under way; verbs can still be called. `over`: dropped,
 * parked, or without its lease, whatever its code is doing.
 */
type State =
  | { readonly type: 'open' | 'closing' | 'ended' }
  | { readonly type: 'over'; readonly reason: Error }

export class EntryLife {
  readonly whenOver: WhenOver
  readonly #controller = new AbortController()
  readonly #listeners = new Set<(reason: Error) => void>()
  #letGo: (() => void)[] = []
  #state: State = { type: 'open' }

  constructor(whenOver: WhenOver) {
    this.whenOver = whenOver
    setMaxListeners(0, this.#controller.signal) // each step under way listens: that is no leak
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get isOpen(): boolean {
    return this.#state.type === 'open' || this.#state.type === 'closing'
  }

  get isClosing(): boolean {
    return this.#state.type === 'closing' || this.#state.type === 'ended'
  }

  get isOver(): boolean {
    return this.#state.type === 'over'
  }

  onOver(listener: (reason: Error) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** What is let go of at the end, whichever it is. */
  atEnd(letGo: () => void): void {
    if (this.isOpen) this.#letGo.push(letGo)
    else letGo()
  }

  close(): void {
    if (this.#state.type === 'open') this.#state = { type: 'closing' }
  }

  end(): void {
    if (this.isOpen) this.#state = { type: 'ended' }
    this.#leave()
  }

  /** `quietly`: parked; its signal is not aborted. False when it was over already. */
  beOver(reason: Error, how: 'aborting' | 'quietly'): boolean {
    if (this.isOver) return false
    this.#state = { type: 'over', reason }
    for (const listener of [...this.#listeners]) listener(reason)
    if (how === 'aborting') this.#controller.abort(reason)
    this.#leave()
    return true
  }

  /** Why no verb can be called now. */
  refusal(): Promise<never> | undefined {
    if (isInStep()) {
      return rejectSoon(
        new ScopeEndedError(
          'A step calls no verbs of its scope: it would be run again with them. Call them beside it',
        ),
      )
    }
    if (this.#state.type === 'ended') {
      return rejectSoon(
        new ScopeEndedError('The scope has ended: its handler returned, or it was acknowledged'),
      )
    }
    if (this.#state.type !== 'over') return undefined
    return this.whenOver === 'stops' ? never() : rejectSoon(this.#state.reason)
  }

  #leave(): void {
    const letGo = this.#letGo
    this.#letGo = []
    for (const each of letGo) each()
  }
}

export function never<T>(): Promise<T> {
  return new Promise(() => {})
}

/** In a turn of its own: code that swallows every error and tries again must not starve the process. */
function rejectSoon(reason: Error): Promise<never> {
  return new Promise((_, reject) => soon(() => reject(reason)))
}
