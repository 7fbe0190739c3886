import type { Clock } from '../../core/clock.js'
import { within } from '../../core/within.js'
import type { Answer, Client, Pool } from './pool.js'

// Connections of a pool that may be the user's own, and may be full, or lead to a server that is gone.
//
//   C1. Nobody waits for the pool, or for an answer, longer than a bound: what is behind it would wait, too.
//   C2. A connection that was given up, or has failed, is not used again: the database may still be at work on it.
//   C3. A connection that breaks while it is ours tells nobody but whoever asked something of it. One that breaks in the pool
//       tells nobody: with a pool that nobody listens to, a restart of Postgres would end the process (H50).

export interface ConnectionBounds {
  readonly connectMs: number
  readonly queryMs: number
}

const BOUNDS: ConnectionBounds = { connectMs: 5_000, queryMs: 10_000 }

/** Those whose errors are listened to already. */
const heardOf = new WeakSet<Client | Pool>()

export class Connections {
  readonly #pool: Pool
  readonly #clock: Clock
  readonly #bounds: ConnectionBounds

  constructor(pool: Pool, clock: Clock, bounds: ConnectionBounds = BOUNDS) {
    if (!heardOf.has(pool)) pool.on?.('error', ignore)
    heardOf.add(pool)
    this.#pool = pool
    this.#clock = clock
    this.#bounds = bounds
  }

  /** One statement, on whichever connection is free. */
  query(text: string, values?: unknown[]): Promise<Answer> {
    return this.use(client => client.query(text, values))
  }

  /** Work on one connection, as a whole within the bound of a statement. */
  async use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const client = await this.take()
    let isBroken = true
    try {
      const result = await within(this.#clock, this.#bounds.queryMs, 'Postgres', work(client))
      isBroken = false
      return result
    } catch (error) {
      isBroken = !isAnswered(error)
      throw error
    } finally {
      client.release(isBroken)
    }
  }

  /** A connection to be kept. Whoever has it listens for its errors, and releases it. */
  async take(): Promise<Client> {
    const taking = this.#pool.connect()
    try {
      const client = await within(this.#clock, this.#bounds.connectMs, 'connecting to Postgres', taking)
      if (!heardOf.has(client)) client.on('error', ignore)
      heardOf.add(client)
      return client
    } catch (error) {
      // One that comes too late goes back to whoever is next.
      taking.then(
        client => client.release(),
        () => {},
      )
      throw error
    }
  }
}

/** Whoever asked something of the connection hears of it by the failure of that; whoever needs one gets another. */
function ignore(): void {}

/** The database has answered, with an error: the connection is as good as before. */
function isAnswered(error: unknown): boolean {
  return error instanceof Error && 'severity' in error && error.severity === 'ERROR'
}
