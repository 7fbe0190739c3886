import type { Clock } from '../core/clock.js'
import { DEFAULTS, type Logger, type Observation } from '../options.js'
import type { Pace, Store, StoreSession } from '../store/store.js'
import { around, type Carry } from './session-around.js'

// What a process has of the world: time, its store, the network, and a log. Killed, it loses all of them in one instant.
//
//   K1. Nothing of a killed process acts any more: its timers do not fire, and its commands do not reach the store.
//   K2. What it was waiting for never settles, so its code stops where it is: no `catch`, no `finally`.
//   K3. What had reached the store by then is kept, and nothing is given back: the store is as the process left it.

const TEN_MINUTES = 600_000

/**
 * At a store that is this process's alone, every change is its own, and what time brings it has timers for. Asking every second
 * would only make days that are moved by hand long.
 */
const UNHURRIED: Pace = {
  pollMs: TEN_MINUTES,
  leaseMs: DEFAULTS.leaseMs,
  renewMs: TEN_MINUTES,
  sweepMs: DEFAULTS.sweepMs,
}

export interface World {
  readonly clock: Clock
  readonly fetch: (request: Request) => Promise<Response>
  readonly logger: Logger
  readonly observe: (event: Observation) => void
}

export class Process implements World {
  readonly clock: Clock
  readonly fetch: (request: Request) => Promise<Response>
  readonly logger: Logger
  readonly observe: (event: Observation) => void
  readonly #timers = new Set<() => void>()
  readonly #deaths = new Set<() => void>()
  readonly #sessions: StoreSession[] = []
  #killed = false

  constructor({ clock, fetch, logger, observe }: World) {
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (at, fire) => this.#setTimer(clock, at, fire),
    }
    this.fetch = request => this.#alive(() => fetch(request))
    const tell = (level: keyof Logger) => (facts: object, message: string) => {
      if (!this.#killed) logger[level](facts, message)
    }
    this.logger = { debug: tell('debug'), info: tell('info'), warn: tell('warn'), error: tell('error') }
    this.observe = event => (this.#killed ? undefined : observe(event))
  }

  /** The store, as this process sees it. */
  storeOf({ name, exclusive, open }: Store): Store {
    return {
      name,
      exclusive,
      open: async () => {
        const session = await open()
        this.#sessions.push(session)
        return around(session, {
          carry: command => this.#alive(command),
          ...(exclusive ? { pace: UNHURRIED } : {}),
          subscribe: listener => session.subscribe(wake => (this.#killed ? undefined : listener(wake))),
        })
      },
    }
  }

  /** A request from outside, which hears of it when this process is killed before it has answered. */
  answer(request: () => Promise<Response>): Promise<Response> {
    return new Promise((resolve, reject) => {
      const died = () => reject(new Error('The server was killed before it answered'))
      if (this.#killed) return died()
      this.#deaths.add(died)
      const over = () => this.#deaths.delete(died)
      request().then(resolve, reject).finally(over)
    })
  }

  /** Resolves when the store can be opened again. */
  async kill(): Promise<void> {
    this.#killed = true
    for (const stop of this.#timers) stop()
    this.#timers.clear()
    for (const died of this.#deaths) died()
    await Promise.all(this.#sessions.map(session => session.close()))
  }

  #setTimer(clock: Clock, at: number, fire: () => void): () => void {
    if (this.#killed) return () => {}
    const stop = clock.setTimer(at, () => {
      this.#timers.delete(cancel)
      fire()
    })
    const cancel = () => {
      this.#timers.delete(cancel)
      stop()
    }
    this.#timers.add(cancel)
    return cancel
  }

  /** As the work goes, as long as this process lives. */
  readonly #alive: Carry = <T>(work: () => Promise<T>) =>
    new Promise<T>((resolve, reject) => {
      if (this.#killed) return
      work().then(
        value => (this.#killed ? undefined : resolve(value)),
        (error: unknown) => (this.#killed ? undefined : reject(error)),
      )
    })
}
