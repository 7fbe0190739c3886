import pg from 'pg'
import { onTestFinished } from 'vitest'
import type { Answer, Client, Pool } from '../../../../src/store/postgres/pool.js'

const BACKENDS = 4

/**
 * What a pooler does that gives every transaction another connection: a client is nothing but a place to ask from. What is
 * set on the session, or listened to there, is another's.
 */
export class TransactionPool implements Pool {
  /** Whoever has waited longest for work is next, so that no two transactions in a row share a backend. */
  readonly #idle: pg.PoolClient[] = []
  readonly #waiting: ((backend: pg.PoolClient) => void)[] = []

  private constructor() {}

  static async open(): Promise<TransactionPool> {
    const backends = new pg.Pool({ connectionString: process.env.LONGLINE_TEST_POSTGRES, max: BACKENDS })
    const pool = new TransactionPool()
    const all = await Promise.all(Array.from({ length: BACKENDS }, () => backends.connect()))
    pool.#idle.push(...all)
    onTestFinished(async () => {
      for (const backend of all) backend.release(true)
      await backends.end()
    })
    return pool
  }

  async connect(): Promise<Client> {
    let own: pg.PoolClient | undefined
    const query = async (text: string, values?: unknown[]): Promise<Answer> => {
      const backend = own ?? (await this.#take())
      try {
        return await backend.query(text, values)
      } finally {
        own = backend.getTransactionStatus() === 'I' ? undefined : backend
        if (own === undefined) this.#giveBack(backend)
      }
    }
    return { query, release: () => {}, on: () => {} }
  }

  #take(): Promise<pg.PoolClient> {
    const backend = this.#idle.shift()
    return backend === undefined
      ? new Promise(resolve => this.#waiting.push(resolve))
      : Promise.resolve(backend)
  }

  #giveBack(backend: pg.PoolClient): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#idle.push(backend)
    else next(backend)
  }
}
