import assert from 'node:assert/strict'
import type { Store, StoreSession } from '../../../src/store/store.js'

export interface NamedStore {
  readonly name: string
  /** A fresh, empty store. */
  readonly open: () => Promise<Store>
}

export interface Actor {
  readonly name: string
  readonly store: Store
  session: StoreSession
  /** In the order in which they were joined: each store numbers its epochs as it likes. */
  readonly epochs: number[]
}

const LONG_LEASE_MS = 10_000 * 24 * 3_600_000

/** The stores side by side: each is asked the same, and has to answer as the first does. */
export class Stage {
  readonly #actors: readonly Actor[]
  now = Date.UTC(2026, 0, 1)

  private constructor(actors: readonly Actor[]) {
    this.#actors = actors
  }

  static async open(stores: readonly NamedStore[]): Promise<Stage> {
    const actors: Actor[] = []
    for (const { name, open } of stores) {
      const store = await open()
      actors.push({ name, store, session: await store.open(), epochs: [] })
    }
    const stage = new Stage(actors)
    await stage.join()
    return stage
  }

  async close(): Promise<void> {
    for (const { session } of this.#actors) await session.close()
  }

  /** A new node everywhere. The latest is number 0 from then on, the one before is 1. */
  async join(leaseMs = LONG_LEASE_MS): Promise<void> {
    for (const { session, epochs } of this.#actors) {
      const { epoch } = await session.join({ node: 'node', now: this.now, leaseMs })
      epochs.unshift(epoch)
    }
  }

  /** As when the process ends without a word. */
  async restart(): Promise<void> {
    for (const actor of this.#actors) {
      await actor.session.close()
      actor.session = await actor.store.open()
    }
    await this.join()
  }

  /**
   * The answer of the first store. `arrange` brings what has no order into one; fences do not count, and epochs only
   * by when they were joined.
   */
  async ask<T>(
    question: (actor: Actor, index: number) => Promise<T>,
    arrange: (answer: T) => unknown = answer => answer,
  ): Promise<T> {
    const answers: T[] = []
    for (const [index, actor] of this.#actors.entries()) answers.push(await question(actor, index))
    const [first, ...others] = answers
    const expected = toComparable(arrange(answers[0] as T), this.#actors[0])
    for (const [index, answer] of others.entries()) {
      const actor = this.#actors[index + 1]
      assert.deepEqual(
        toComparable(arrange(answer), actor),
        expected,
        `${actor?.name} is not of one mind with the first`,
      )
    }
    return first as T
  }
}

export function epochOf({ epochs }: Actor, node: number): number {
  return epochs[node % epochs.length] ?? 0
}

function toComparable(value: unknown, actor: Actor | undefined): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(part => toComparable(part, actor))
  if (typeof value !== 'object' || value === null) return value
  const parts = Object.entries(value).filter(([name]) => name !== 'fence')
  return Object.fromEntries(
    parts.map(([name, part]) => [
      name,
      name === 'epoch' ? actor?.epochs.indexOf(part) : toComparable(part, actor),
    ]),
  )
}

export function byText<T>(textOf: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (textOf(a) < textOf(b) ? -1 : 1)
}
