import type pg from 'pg'
import { systemClock } from '../../../../src/core/clock.js'
import { createSession } from '../../../../src/store/group-commit.js'
import { Connections } from '../../../../src/store/postgres/connections.js'
import { PostgresExecutor } from '../../../../src/store/postgres/executor.js'
import type { Client, Pool } from '../../../../src/store/postgres/pool.js'
import type { StoreSession } from '../../../../src/store/store.js'
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

  /** Everything happens on the one connection. */
  async connect(): Promise<Client> {
    return {
      query: (text, values) => this.#client.query(uncommitted(text), values),
      release: () => {},
      on: () => {},
    }
  }

  /** It wakes nobody, and hears of nothing. */
  session(schema: string): StoreSession {
    const connections = new Connections(this, systemClock)
    return createSession(
      new PostgresExecutor({
        connections,
        schema,
        judgesBy: 'commands',
        onDone: () => {},
        close: async () => {},
      }),
    )
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

/** A batch as a part of our transaction, which it would end otherwise. */
function uncommitted(text: string): string {
  return text.replace(/^call (.+)\.carry_out\((.+), null\)$/, 'select $1.execute($2) as outcomes')
}
