import type pg from 'pg'
import type { Client, Pool } from '../../../../src/store/postgres/pool.js'
import { testPool } from './schema.js'

/** A pool whose statements have been carried out, and are not committed until it is told to: a node between the two. */
export class HeldPool implements Pool {
  readonly #client: pg.PoolClient

  readonly #pid: number

  private constructor(client: pg.PoolClient, pid: number) {
    this.#client = client
    this.#pid = pid
  }

  static async begin(): Promise<HeldPool> {
    const client = await testPool().connect()
    const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
    await client.query('begin')
    return new HeldPool(client, rows[0]?.pid ?? 0)
  }

  query(text: string, values?: unknown[]): Promise<pg.QueryResult> {
    return this.#client.query(text, values)
  }

  /** Everything happens on the one connection. */
  async connect(): Promise<Client> {
    return { query: (text, values) => this.query(text, values), release: () => {} }
  }

  /** Resolves when somebody waits for what is locked here, or this one is done without having waited. */
  async isWaitedFor(other: Promise<unknown>): Promise<void> {
    let isDone = false
    const done = () => {
      isDone = true
    }
    other.then(done, done)
    for (let isWaiting = false; !isWaiting && !isDone; ) {
      const { rows } = await testPool().query(
        'select exists (select from pg_stat_activity where $1 = any(pg_blocking_pids(pid))) as waiting',
        [this.#pid],
      )
      isWaiting = rows[0]?.waiting === true
    }
  }

  async commit(): Promise<void> {
    await this.#client.query('commit')
  }

  async end(): Promise<void> {
    this.#client.release(true)
  }
}
