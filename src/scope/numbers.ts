import type { Wait } from '../core/wait.js'
import type { MemoryKey, WaitTarget } from '../model/memory.js'
import { isInStep } from './context.js'
import type { ScopeEntry } from './scope-entry.js'
import { type ScopeWaitOptions, scopeWait } from './scope-wait.js'

type NumberedOptions<T, F> = Pick<ScopeWaitOptions<T, F>, 'options' | 'what' | 'succeeds' | 'toValue'> & {
  readonly target: WaitTarget
}

/** The waits on one receiver, delivery or run of a scope, by their numbers: each entry counts from 1. */
export class Numbers {
  readonly #verb: MemoryKey
  readonly #taken = new Set<number>()
  readonly #givenBack = new Set<number>()

  /** `verb`: where the receiver, the delivery or the run itself is remembered. */
  constructor(verb: MemoryKey) {
    this.#verb = verb
  }

  wait<T, F>(entry: ScopeEntry, { target, ...how }: NumberedOptions<T, F>): Wait<T | F> {
    const n = this.#take()
    return scopeWait<T, F>(entry, {
      ...how,
      verb: 'wait',
      at: { ...this.#verb, n },
      anew: this.#givenBack.has(n),
      begin: () => Promise.resolve({ target }),
      onGiveUp: () => {
        this.#taken.delete(n)
        this.#givenBack.add(n)
      },
    })
  }

  #take(): number {
    let n = 1
    while (this.#taken.has(n)) n++
    // Refused within a step, which the next entry does not run: there the number is another wait's.
    if (!isInStep()) this.#taken.add(n)
    return n
  }
}
