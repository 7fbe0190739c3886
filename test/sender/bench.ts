import { type Observation, type ServerOptions, toServerSettings } from '../../src/options.js'
import { Sender } from '../../src/sender/sender.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import type { Store, StoreSession } from '../../src/store/store.js'
import { Watch } from '../../src/store/watch.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { type LogLine, recordingLogger } from '../support/server.js'

/** A request as the far side saw it. */
export interface Seen {
  readonly at: number
  readonly url: string
  readonly method: string
  readonly headers: Headers
  readonly body: string
  /** Aborted when the sender gave up on it. */
  readonly signal: AbortSignal
}

export interface Bench extends AsyncDisposable {
  readonly sender: Sender
  readonly session: StoreSession
  readonly clock: ManualClock
  readonly store: Store
  readonly seen: readonly Seen[]
  readonly events: readonly Observation[]
  readonly logged: readonly LogLine[]
  /** What was logged as an error, or came out of polling. */
  readonly errors: readonly unknown[]
}

export interface BenchOptions {
  store?: Store
  clock?: ManualClock
  /** The far side; the number counts its requests from 1. */
  world?: (seen: Seen, number: number) => Response | Promise<Response>
  options?: ServerOptions
  publicUrl?: string | (() => string)
  /** So rare, as a rule, that what a test sees is due to wake-ups and timers. */
  pollMs?: number
  /** What stands between the sender and the store. */
  change?: (session: StoreSession) => StoreSession
}

/** A sender over a store in memory, with time driven by hand and requests that never leave the process. */
export async function openBench({
  store = memoryStore(),
  clock = new ManualClock(),
  world = () => new Response('ok'),
  options = {},
  publicUrl = 'https://hooks.example.com',
  pollMs = 1e12,
  change = session => session,
}: BenchOptions = {}): Promise<Bench> {
  const seen: Seen[] = []
  const events: Observation[] = []
  const errors: unknown[] = []
  const logged: LogLine[] = []
  const logger = {
    ...recordingLogger(logged),
    error: (facts: object, message: string) => {
      logged.push({ level: 'error', facts, message })
      errors.push('err' in facts ? facts.err : facts)
    },
  }

  const opened = await store.open()
  const session = change(opened)
  const { epoch } = await opened.join({ node: 'bench', now: clock.now(), leaseMs: 1e12 })
  await opened.takeOver({ now: clock.now(), maxCrashes: 20, limit: 1_000 })
  const watch = new Watch({ session: opened, clock, pollMs, onError: error => errors.push(error) })
  const fetch = async (request: Request) => {
    const { url, method, headers, signal } = request
    const arrived = { at: clock.now(), url, method, headers, signal, body: await request.text() }
    return world(arrived, seen.push(arrived))
  }
  const settings = toServerSettings(
    { fetch, clock, logger, observe: event => events.push(event), ...options },
    typeof publicUrl === 'string' ? () => publicUrl : publicUrl,
  )
  const sender = new Sender({
    ...{ session, watch, settings },
    epoch: () => epoch,
    toVisitUrl: async ({ id }) => `${settings.publicUrl()}/visit/${id}`,
  })
  sender.start()
  return {
    sender,
    session,
    clock,
    store,
    seen,
    events,
    logged,
    errors,
    async [Symbol.asyncDispose]() {
      await sender.close()
      watch.close()
    },
  }
}

/** A promise that is settled from outside. */
export function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void } {
  let resolve: (value: T) => void = () => {}
  const promise = new Promise<T>(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

export const never = () => new Promise<Response>(() => {})

export const HOUR = 3_600_000
