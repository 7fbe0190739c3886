import type { WaitTarget } from '../../model/memory.js'
import type { ParkedWait } from '../running.js'
import { Heap } from './heap.js'
import type { RunRow } from './rows.js'

// The runs that nobody has: those that are due, now or later, and the parked ones.
//
// Owns:   in which order they are entered, and who is parked for what.
// Leaves: who claims, counts and judges (the commands).
//
//   Q1. Of each workflow, first what is due first; of those due at the same instant, first the lower id.
//   Q2. A parked run is due when what it waits for is there, or at its own instant, if it has one.

export class RunQueue {
  readonly #due = new Map<string, Heap<RunRow>>()
  /** Those parked for something, by what has to happen. */
  readonly #parked = new Map<string, Set<RunRow>>()

  /** Those of a workflow that have an instant. What is taken from it has to be removed here, too. */
  of(workflow: string): Heap<RunRow> | undefined {
    return this.#due.get(workflow)
  }

  add(run: RunRow, dueAt: number): void {
    this.remove(run)
    run.status = 'due'
    run.dueAt = dueAt
    this.#queue(run)
  }

  park(run: RunRow, waits: readonly ParkedWait[], dueAt: number | undefined): void {
    run.status = 'parked'
    run.dueAt = dueAt
    run.waits = waits
    if (dueAt !== undefined) this.#queue(run)
    for (const event of eventsFor(run))
      this.#parked.set(event, (this.#parked.get(event) ?? new Set()).add(run))
  }

  /** Something happened to a receiver, a delivery or a run. Whether anybody was parked for it. */
  resume(id: string, now: number): boolean {
    const parked = [...(this.#parked.get(id) ?? [])]
    for (const run of parked) this.add(run, now)
    return parked.length > 0
  }

  /** A delivery is dead, which also ends the exchange it is part of. */
  resumeDead(deliveryId: string, now: number): void {
    this.resume(deliveryId, now)
    this.resume(deadEvent(deliveryId), now)
  }

  /** Somebody has it, or it has ended. */
  remove(run: RunRow): void {
    for (const event of eventsFor(run)) {
      const parked = this.#parked.get(event)
      parked?.delete(run)
      if (parked?.size === 0) this.#parked.delete(event)
    }
    run.waits = []
    const due = this.#due.get(run.workflow)
    due?.delete(run)
    if (due?.size === 0) this.#due.delete(run.workflow)
  }

  countDue(now: number): number {
    let count = 0
    for (const due of this.#due.values()) {
      for (const { dueAt = now } of due.values()) if (dueAt <= now) count += 1
    }
    return count
  }

  #queue(run: RunRow): void {
    const due = this.#due.get(run.workflow) ?? new Heap<RunRow>(isOlder)
    this.#due.set(run.workflow, due)
    due.add(run)
  }
}

function eventsFor({ waits }: RunRow): readonly string[] {
  return waits.flatMap(({ target }) => eventsOf(target))
}

function eventsOf(target: WaitTarget): readonly string[] {
  switch (target.type) {
    case 'time':
      return []
    case 'receiver':
      return [target.receiverId]
    case 'delivery':
      return [target.deliveryId]
    case 'run':
      return [target.runId]
    case 'exchange':
      return [target.receiverId, deadEvent(target.deliveryId)]
  }
}

function deadEvent(deliveryId: string): string {
  return `dead ${deliveryId}`
}

function isOlder(a: RunRow, b: RunRow): boolean {
  const [aDueAt, bDueAt] = [a.dueAt ?? 0, b.dueAt ?? 0]
  return aDueAt === bDueAt ? a.id < b.id : aDueAt < bDueAt
}
