import { onTestFinished } from 'vitest'
import type { Clock } from '../../src/core/clock.js'
import { CallbackServer, type Observation, type ServerOptions, type Store } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { createSqlite, SETTINGS } from '../../src/store/sqlite/create-sqlite.js'
import type { StoreSession } from '../../src/store/store.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { type LogLine, publicUrl, recordingLogger } from './server.js'
import { temporaryFile } from './stores.js'

// Servers one after the other on one store, each of which can be killed at any instant.
//
//   L1. A life that is over reaches nothing any more: its commands never return, its timers never fire, and what its
//       requests were answered it never hears. That is what kill -9 is to whoever looks from outside.
//   L2. Time goes on between lives only when the test says so.

/** A place where a store is: each call opens it anew. */
export type Place = () => () => Store

const memory: Place = () => {
  const store = memoryStore()
  return () => store
}

/** On the caller's thread, so that all of it happens between two ticks of the hand-driven clock. */
const sqlite: Place = () => {
  const path = temporaryFile()
  return () => createSqlite({ ...SETTINGS, path, thread: 'calling' })
}

/** The stores that scopes are kept in, for `describe.each`. */
export const places: readonly (readonly [name: string, place: Place])[] = [
  ['memory', memory],
  ['sqlite', sqlite],
]

export interface Life {
  readonly server: CallbackServer
  readonly logged: readonly LogLine[]
  readonly observed: readonly Observation[]
  /** Posts JSON to a receiver's URL. */
  post(url: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
}

/** Stands between a server and its store: it is told of every command. */
export type Around = (
  name: string,
  run: () => Promise<unknown>,
  given: readonly unknown[],
) => Promise<unknown>

export interface LivesOptions extends ServerOptions {
  readonly clock?: ManualClock
}

export class Lives {
  readonly clock: ManualClock
  readonly #open: () => Store
  readonly #options: LivesOptions
  #mortal: Mortal | undefined

  constructor(place: Place, options: LivesOptions = {}) {
    this.#open = place()
    this.#options = options
    this.clock = options.clock ?? new ManualClock()
    onTestFinished(() => this.kill())
  }

  /** Kills the server that is alive, if one is, and begins the next. */
  async begin(around: Around = (_, run) => run()): Promise<Life> {
    await this.kill()
    const mortal = new Mortal(this.clock, around)
    this.#mortal = mortal
    const logged: LogLine[] = []
    const observed: Observation[] = []
    const { fetch } = this.#options
    const server = await CallbackServer.open({
      publicUrl,
      logger: recordingLogger(logged),
      observe: event => void observed.push(event),
      ...this.#options,
      ...(fetch === undefined ? {} : { fetch: request => mortal.during(fetch(request)) }),
      store: mortal.store(this.#open()),
      clock: mortal.clock,
    })
    const post: Life['post'] = (url, body = {}, headers = {}) =>
      mortal.during(server.fetch(toPost(url, body, headers)))
    return { server, logged, observed, post }
  }

  /** As kill -9. */
  async kill(): Promise<void> {
    await this.#mortal?.kill()
  }

  /** As a deploy: the server closes in good order. */
  async close({ server }: Life): Promise<void> {
    await server.close({ grace: 0 })
    await this.kill()
  }
}

/** What a process is to the world around it. */
class Mortal {
  readonly clock: Clock
  readonly #around: Around
  readonly #timers = new Set<() => void>()
  #session: StoreSession | undefined
  #killed: Promise<void> | undefined

  constructor(clock: Clock, around: Around) {
    this.#around = around
    this.clock = {
      now: () => clock.now(),
      monotonic: () => clock.monotonic(),
      setTimer: (at, fire) => {
        if (this.#killed !== undefined) return () => {}
        const stop = clock.setTimer(at, () => {
          this.#timers.delete(stop)
          fire()
        })
        this.#timers.add(stop)
        return () => {
          this.#timers.delete(stop)
          stop()
        }
      },
    }
  }

  store(store: Store): Store {
    return {
      name: store.name,
      exclusive: store.exclusive,
      open: async () => {
        this.#session = await store.open()
        return this.#guarded(this.#session)
      },
    }
  }

  /** What is under way when it is killed never ends for it. */
  async during<T>(work: Promise<T>): Promise<T> {
    const done = await work
    return this.#killed === undefined ? done : await new Promise<never>(() => {})
  }

  kill(): Promise<void> {
    this.#killed ??= this.#kill()
    return this.#killed
  }

  async #kill(): Promise<void> {
    for (const stop of this.#timers) stop()
    await this.#session?.close() // what had reached it may still be written
  }

  #guarded(session: StoreSession): StoreSession {
    return new Proxy(session, {
      get: (target, name) => {
        const member: unknown = Reflect.get(target, name)
        if (typeof member !== 'function') return member
        if (name === 'subscribe' || name === 'close') return member.bind(target) as unknown
        return (...given: unknown[]) => {
          if (this.#killed !== undefined) return new Promise(() => {})
          const run = async () => (await Reflect.apply(member, target, given)) as unknown
          return this.during(this.#around(String(name), run, given))
        }
      },
    })
  }
}

function toPost(url: string, body: unknown, headers: Record<string, string>): Request {
  return new Request(url, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', ...headers },
  })
}
