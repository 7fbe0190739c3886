import { type Clock, soon } from '../core/clock.js'
import { type Duration, toMs } from '../core/duration.js'

interface Timer {
  readonly at: number
  readonly order: number
  readonly fire: () => void
}

/**
 * Time that moves only when it is told to.
 *
 *   M1. Timers fire in order of their instants, ties in the order in which they were set, and never within the call
 *       that sets them.
 *   M2. After each timer everything that can go on without time does, before the next one fires.
 *   M3. `jump` moves the wall clock alone, as an operator or NTP would: no timer notices.
 *
 * A timer that is due already needs no time: it fires by itself, as one of the platform would.
 *
 * ```ts
 * const clock = new ManualClock()
 * const wait = receiver.next({ timeout: '5s' })
 * await clock.advance('5s')
 * await wait // rejects with TimeoutError
 * ```
 */
export class ManualClock implements Clock {
  #wall: number
  #elapsed = 0
  #orders = 0
  /** Soonest first. */
  #timers: Timer[] = []
  #work: Promise<void> = Promise.resolve()

  /** `start` is wall time in milliseconds. */
  constructor(start: number = Date.UTC(2026, 0, 1)) {
    this.#wall = start
  }

  now(): number {
    return this.#wall + this.#elapsed
  }

  monotonic(): number {
    return this.#elapsed
  }

  setTimer(at: number, fire: () => void): () => void {
    const timer = { at, order: this.#orders++, fire }
    this.#timers.splice(this.#indexOf(timer), 0, timer)
    if (at <= this.#elapsed) soon(() => void this.settle())

    return () => {
      const index = this.#indexOf(timer)
      if (this.#timers[index] === timer) this.#timers.splice(index, 1)
    }
  }

  /** How many are set and have not fired. */
  get timers(): number {
    return this.#timers.length
  }

  /** Moves both clocks, timer by timer, and settles after each. */
  advance(by: Duration): Promise<void> {
    const ms = toMs(by, 'advance')
    return this.#next(() => this.#moveTo(this.#elapsed + ms))
  }

  jump(ms: number): void {
    this.#wall += ms
  }

  /** Until nothing can go on without time or the outside world. */
  settle(): Promise<void> {
    return this.#next(() => this.#moveTo(this.#elapsed))
  }

  /** One after the other, so that two calls at the same time cannot fire two timers at once. */
  #next(work: () => Promise<void>): Promise<void> {
    const done = this.#work.then(work)
    this.#work = done.catch(() => {}) // whoever asked for it hears of the failure
    return done
  }

  async #moveTo(end: number): Promise<void> {
    await quiet()
    for (let timer = this.#timers[0]; timer !== undefined && timer.at <= end; timer = this.#timers[0]) {
      this.#timers.shift()
      this.#elapsed = Math.max(this.#elapsed, timer.at)
      timer.fire()
      await quiet()
    }
    this.#elapsed = Math.max(this.#elapsed, end)
  }

  /** Where it is, or where it belongs. */
  #indexOf({ at, order }: Timer): number {
    let [low, high] = [0, this.#timers.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = this.#timers[middle]
      if (other !== undefined && (other.at < at || (other.at === at && other.order < order))) low = middle + 1
      else high = middle
    }
    return low
  }
}

/**
 * Lets turns of the event loop pass until two in a row leave nothing behind. A turn runs all reactions of promises;
 * what they hand to the next turn or to the file system shows among what keeps the process alive. Sockets do not
 * count, because they can stay open for ever, and asynchronous cryptography does not show.
 */
async function quiet(): Promise<void> {
  for (let quietTurns = 0; quietTurns < 2; ) {
    await turn()
    const resources = process.getActiveResourcesInfo()
    const immediates = resources.filter(resource => resource === 'Immediate').length
    const busy = immediates > turnsAwaited || resources.some(resource => resource.includes('Req'))
    quietTurns = busy ? 0 : quietTurns + 1
  }
}

/** By all clocks of the process: two that wait for each other's turns would never come to rest. */
let turnsAwaited = 0

async function turn(): Promise<void> {
  turnsAwaited++
  await new Promise<void>(soon)
  turnsAwaited--
}
