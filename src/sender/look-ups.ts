import { after, type Clock } from '../core/clock.js'

// Which addresses a name has.
//
// Owns:   the look-ups under way, and those that wait for their turn.
// Leaves: which addresses are good (guard), what is connected to (transport).
//
// The platform looks names up on the four threads that also read files and do cryptography, and gives up on a name
// server only after tens of seconds, whatever anybody wants. A few names whose servers hang would take all threads, and
// with them every other request, and the store. Hence:
//
//   L1. No more than two look-ups are under way, counted until the platform is really done with them.
//   L2. A name has one look-up at a time; whoever asks meanwhile gets its outcome.
//   L3. A look-up has a time-out, counted from when it began. It ends the wait, not the look-up.
//   L4. A name whose look-up was too slow is under suspicion until one was in time. Of such names one is looked up at a
//       time, so that they keep nobody waiting but each other.

export interface Resolved {
  readonly address: string
  readonly family: number
}

/** Every address of a name. */
export type ResolveName = (hostname: string) => Promise<readonly Resolved[]>

export interface LookUpsParts {
  readonly clock: Clock
  readonly timeoutMs: number
  readonly resolve: ResolveName
}

interface LookUp {
  readonly hostname: string
  readonly found: Promise<readonly Resolved[]>
  readonly succeed: (found: readonly Resolved[]) => void
  readonly fail: (error: unknown) => void
}

const MOST_AT_ONCE = 2
/** Bounds memory. Whoever is forgotten is not suspected any more. */
const MOST_SUSPECTS = 1_000

export class LookUps {
  readonly #parts: LookUpsParts
  /** Under way or waiting, by name. */
  readonly #asked = new Map<string, LookUp>()
  readonly #waiting = new Set<LookUp>()
  readonly #underWay = new Set<LookUp>()
  readonly #suspects = new Set<string>()
  readonly #stopTimers = new Set<() => void>()
  #closed = false

  constructor(parts: LookUpsParts) {
    this.#parts = parts
  }

  /** Rejects with what the platform says, or with an error whose code is `LOOKUP_TIMEOUT`. */
  find(hostname: string): Promise<readonly Resolved[]> {
    const asked = this.#asked.get(hostname)
    if (asked !== undefined) return asked.found
    const lookUp = toLookUp(hostname)
    if (this.#closed) lookUp.fail(toCodedError('ECANCELLED'))
    else {
      this.#asked.set(hostname, lookUp)
      this.#waiting.add(lookUp)
      this.#begin()
    }
    return lookUp.found
  }

  /** Ends every wait. What the platform has begun it ends by itself. */
  close(): void {
    this.#closed = true
    this.#waiting.clear()
    for (const stopTimer of this.#stopTimers) stopTimer()
    for (const lookUp of this.#asked.values()) lookUp.fail(toCodedError('ECANCELLED'))
  }

  #begin(): void {
    while (this.#underWay.size < MOST_AT_ONCE) {
      const next = this.#next()
      if (next === undefined) return
      this.#waiting.delete(next)
      this.#underWay.add(next)
      void this.#lookUp(next)
    }
  }

  #next(): LookUp | undefined {
    const suspectUnderWay = [...this.#underWay].some(({ hostname }) => this.#suspects.has(hostname))
    for (const lookUp of this.#waiting) {
      if (!(suspectUnderWay && this.#suspects.has(lookUp.hostname))) return lookUp
    }
    return undefined
  }

  async #lookUp(lookUp: LookUp): Promise<void> {
    const { clock, timeoutMs, resolve } = this.#parts
    const { hostname, succeed, fail } = lookUp
    let late = false
    const stopTimer = after(clock, timeoutMs, () => {
      late = true
      this.#suspect(hostname)
      fail(toCodedError('LOOKUP_TIMEOUT'))
    })
    this.#stopTimers.add(stopTimer)
    try {
      succeed(await resolve(hostname))
    } catch (error) {
      fail(error)
    } finally {
      stopTimer()
      this.#stopTimers.delete(stopTimer)
      if (!late) this.#suspects.delete(hostname)
      this.#asked.delete(hostname)
      this.#underWay.delete(lookUp)
      this.#begin()
    }
  }

  #suspect(hostname: string): void {
    this.#suspects.delete(hostname)
    this.#suspects.add(hostname)
    const [oldest] = this.#suspects
    if (this.#suspects.size > MOST_SUSPECTS && oldest !== undefined) this.#suspects.delete(oldest)
  }
}

/** As the platform would report it. */
export function toCodedError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

function toLookUp(hostname: string): LookUp {
  let succeed: LookUp['succeed'] = () => {}
  let fail: LookUp['fail'] = () => {}
  const found = new Promise<readonly Resolved[]>((resolve, reject) => {
    succeed = resolve
    fail = reject
  })
  found.catch(() => undefined) // whoever asked hears of it; maybe nobody waits any more
  return { hostname, found, succeed, fail }
}
