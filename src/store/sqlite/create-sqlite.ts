import { after, type Clock, systemClock } from '../../core/clock.js'
import { StoreInUseError } from '../../errors.js'
import { createSession, LIMITS, type Limits } from '../group-commit.js'
import type { Store } from '../store.js'
import { CallingThread } from './calling-thread.js'
import { StoreFault, toError } from './fault.js'
import type { Host } from './host.js'
import type { OpenOptions } from './open-file.js'
import { describeOwner } from './owner.js'
import { EngineThread } from './thread.js'

/** What only we, and our tests, decide. */
export interface SqliteSettings extends Pick<OpenOptions, 'maxPages' | 'readOnly'> {
  readonly path: string
  readonly clock: Clock
  /** How long a second opener waits for the owner to leave, and how often it looks. */
  readonly waitMs: number
  readonly retryMs: number
  readonly thread: 'own' | 'calling'
  readonly limits: Limits
}

export const SETTINGS: Omit<SqliteSettings, 'path'> = {
  clock: systemClock,
  waitMs: 15_000,
  retryMs: 100,
  thread: 'own',
  limits: LIMITS,
}

export function createSqlite(settings: SqliteSettings): Store {
  return {
    name: 'sqlite',
    exclusive: true,
    open: async () => {
      const { host, note } = await openHost(settings)
      const session = createSession(host, settings.limits)
      return note === undefined ? session : { ...session, note }
    },
  }
}

async function openHost(settings: SqliteSettings): Promise<{ readonly host: Host; readonly note?: string }> {
  const { path } = settings
  if (settings.thread === 'calling') return { host: await openWhenFree(new CallingThread(path), settings) }
  const located = EngineThread.locate()
  if ('file' in located) return { host: await openWhenFree(new EngineThread(path, located.file), settings) }
  return {
    host: await openWhenFree(new CallingThread(path), settings),
    note:
      'SQLite runs on the main thread, where every commit holds up the event loop: the file of its own thread was not ' +
      'found beside the code. Leave longline out of your bundle to get it back',
  }
}

/** Waits for the owner of the file to leave. */
async function openWhenFree<H extends Host>(host: H, settings: SqliteSettings): Promise<H> {
  const { path, clock, waitMs, retryMs, maxPages, readOnly } = settings
  const deadline = clock.monotonic() + waitMs
  const options: OpenOptions = {
    path,
    now: clock.now(),
    isReopened: false,
    ...(maxPages === undefined ? {} : { maxPages }),
    ...(readOnly === undefined ? {} : { readOnly }),
  }
  for (;;) {
    try {
      await host.open(options)
      return host
    } catch (error) {
      const isLast = clock.monotonic() >= deadline
      if (!(error instanceof StoreFault) || error.fault !== 'in_use' || isLast) {
        await host.close()
        if (!(error instanceof StoreFault)) throw error
        throw error.fault === 'in_use' ? inUse(path) : toError(error, path)
      }
      await new Promise<void>(wake => after(clock, retryMs, wake))
    }
  }
}

function inUse(path: string): StoreInUseError {
  return new StoreInUseError(
    `The store '${path}' is open in ${describeOwner(path)}. Stop it first, or give this one a file of its own`,
  )
}
