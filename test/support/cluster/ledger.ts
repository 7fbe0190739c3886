import { onTestFinished } from 'vitest'
import { testPool } from '../../store/postgres/support/schema.js'

/** What nodes did, in the order in which they did it: in tables that are none of longline's. */
export class Ledger {
  readonly #schema: string

  private constructor(schema: string) {
    this.#schema = schema
  }

  /** That of the nodes in a schema of the library. */
  static async open(of: string): Promise<Ledger> {
    const schema = `${of}_ledger`
    await testPool().query(`
      create schema ${schema};
      create table ${schema}.effects (key text primary key, story text not null, result text not null,
        times integer not null default 1);
      create table ${schema}.handled (no bigserial primary key, receiver text not null, seq bigint not null,
        body text not null, attempt integer not null, node text not null);
    `)
    onTestFinished(async () => void (await testPool().query(`drop schema ${schema} cascade`)))
    return new Ledger(schema)
  }

  async handled(): Promise<readonly Handled[]> {
    const { rows } = await testPool().query<Handled>(
      `select receiver, seq::integer as seq, body, attempt, node from ${this.#schema}.handled order by no`,
    )
    return rows
  }

  /** The results that a story came to, in the order of its steps, and how often each step was begun. */
  async effects(): Promise<readonly Effect[]> {
    const { rows } = await testPool().query<Effect>(
      `select key, story, result, times from ${this.#schema}.effects`,
    )
    return rows
  }
}

export interface Handled {
  readonly receiver: string
  readonly seq: number
  readonly body: string
  readonly attempt: number
  readonly node: string
}

export interface Effect {
  readonly key: string
  readonly story: string
  readonly result: string
  readonly times: number
}
