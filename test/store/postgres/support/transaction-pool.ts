import pg from 'pg'
import { onTestFinished } from 'vitest'
import type { Answer, Client, Pool } from '../../../../src/store/postgres/pool.js'

const BACKENDS = 4

/**
 * What a pooler does that gives every transaction another connection: a client is nothing but a place to ask from. What is
 * set on the session, or listened to there, is another's.
 */
export class TransactionPool implements Pool {
  readonly #backends: pg.Pool
  readonly #idle: pg.PoolClient[] = []
  /** Resolved when a transaction has ended. */
  readonly #waiting: ((backend: pg.PoolClient) => void)[] = []

  private constructor(backends: pg.Pool) {
    this.#backends = backends
  }

  static async open(): Promise<TransactionPool> {
    const backends = new pg.Pool({ connectionString: process.env.LONGLINE_TEST_POSTGRES, max: BACKENDS })
    const pool = new TransactionPool(backends)
    for (let n = 0; n < BACKENDS; n++) pool.#idle.push(await backends.connect())
    onTestFinished(async () => {
      for (const backend of pool.#idle) backend.release(true)
      await backends.end()
    })
    return pool
  }

  async connect(): Promise<Client> {
    let own: pg.PoolClient | undefined
    const query = async (text: string, values?: unknown[]): Promise<Answer> => {
      own ??= await this.#take()
      const backend = own
      try {
        return await backend.query(text, values)
      } finally {
        const { rows } = await this.#statusOf(backend)
        if (rows === 'idle') {
          own = undefined
          this.#giveBack(backend)
        }
      }
    }
    return { query, release: () => own?.query('rollback').then(() => {}, () => {}), on: () => {} }
  }
}
