import { soon } from '../../../src/core/clock.js'
import {
  type Command,
  type CommitPace,
  createSession,
  type Executor,
  IN_TURN,
  LIMITS,
  type Limits,
  type Result,
} from '../../../src/store/group-commit.js'
import type { Input } from '../../../src/store/store.js'

export const endOfTurn = () => new Promise<void>(resolve => soon(resolve))

/** Carries nothing out: a test says when a batch is done, and with what. */
class HeldExecutor implements Executor {
  readonly pace: CommitPace
  readonly batches: (readonly Command[])[] = []
  readonly #held: { resolve: (results: readonly Result[]) => void; reject: (error: Error) => void }[] = []
  closed = false

  constructor(pace: CommitPace) {
    this.pace = pace
  }

  execute(batch: readonly Command[]): Promise<readonly Result[]> {
    this.batches.push(batch)
    return new Promise((resolve, reject) => this.#held.push({ resolve, reject }))
  }

  /** The callback ids of the accepts in each batch. */
  get ids(): string[][] {
    return this.batches.map(batch =>
      batch.map(({ name, input }) => (name === 'accept' ? input.callbackId : name)),
    )
  }

  finish(results?: readonly Result[]): void {
    const batch = this.batches[this.batches.length - this.#held.length] ?? []
    this.#held.shift()?.resolve(results ?? batch.map((_, index) => accepted(index + 1)))
  }

  fail(error: Error): void {
    this.#held.shift()?.reject(error)
  }

  close(): Promise<void> {
    this.closed = true
    return Promise.resolve()
  }
}

export function accepted(seq: number): Result {
  return { ok: true, outcome: { type: 'accepted', seq } }
}

export function request(callbackId: string, size = 0): Input<'accept'> {
  return {
    callbackId,
    receiverId: `rcv_of_${callbackId}`,
    now: 0,
    method: 'POST',
    path: '',
    query: '',
    headers: '',
    body: new Uint8Array(size),
    dedupeUntil: 0,
    content: 'good',
    capacity: 1,
  }
}

export function openHeld(limits: Partial<Limits> = {}, pace: CommitPace = IN_TURN) {
  const executor = new HeldExecutor(pace)
  return { executor, session: createSession(executor, { ...LIMITS, ...limits }) }
}

export const ANSWER: Input<'answer'> = {
  callbackId: 'cb_1',
  answer: { status: 202, headers: [], body: new Uint8Array() },
  until: 1,
}
