import type { fromBucket } from '../../model/lane.js'
import type { Heap } from './heap.js'

/** How the items of a queue stand at an instant. */
interface Standing<T> {
  readonly dueAt: (item: T) => number
  /** Stays where it is, and counts for nothing. */
  readonly isPassedOver?: (item: T) => boolean
}

/** How much may leave a queue within one claim. */
export interface Gate {
  readonly room: number
  /** Nothing before that. */
  readonly opensAt?: number | undefined
  readonly bucket?: ReturnType<typeof fromBucket> | undefined
}

/** What one queue gives within one claim. */
export class Turns<T extends object> {
  readonly #due: Heap<T>
  readonly #gate: Gate
  readonly #now: number
  readonly #standing: Standing<T>
  readonly #passedOver: T[] = []
  #taken = 0

  constructor(due: Heap<T>, gate: Gate, now: number, standing: Standing<T>) {
    this.#due = due
    this.#gate = gate
    this.#now = now
    this.#standing = standing
  }

  get taken(): number {
    return this.#taken
  }

  /** When the first one falls due for which there is room. */
  get nextDueAt(): number | undefined {
    const { room, opensAt = 0, bucket } = this.#gate
    const { dueAt } = this.#standing
    const first = this.#first()
    if (first === undefined || this.#taken >= room) return undefined
    const isDry = bucket !== undefined && this.#taken >= bucket.free
    return Math.max(dueAt(first), opensAt, isDry ? Math.ceil(bucket.nextAfter(this.#taken)) : 0)
  }

  /** Whether anything is due, with or without room. */
  get hasDue(): boolean {
    const first = this.#first()
    return first !== undefined && this.#standing.dueAt(first) <= this.#now
  }

  take(): T | undefined {
    const { nextDueAt } = this
    if (nextDueAt === undefined || nextDueAt > this.#now) return undefined
    this.#taken += 1
    return this.#due.shiftIf(() => true)
  }

  finish(): void {
    for (const item of this.#passedOver) this.#due.add(item)
  }

  #first(): T | undefined {
    const { isPassedOver = () => false } = this.#standing
    for (
      let item = this.#due.shiftIf(isPassedOver);
      item !== undefined;
      item = this.#due.shiftIf(isPassedOver)
    ) {
      this.#passedOver.push(item)
    }
    return this.#due.first
  }
}

/** One of each queue after the other, the queue that has waited longest first. */
export function takeInTurns<T extends object>(queues: readonly Turns<T>[], limit: number): T[] {
  const taken: T[] = []
  let waiting = queues
    .map(queue => ({ queue, since: queue.nextDueAt ?? Number.POSITIVE_INFINITY }))
    .sort((a, b) => a.since - b.since)
    .map(({ queue }) => queue)
  while (waiting.length > 0 && taken.length < limit) {
    const round = waiting.slice(0, limit - taken.length)
    waiting = round.filter(queue => {
      const item = queue.take()
      if (item !== undefined) taken.push(item)
      return item !== undefined
    })
  }
  return taken
}

/** When the next one falls due of those for which there is room. */
export function nextTurn(queues: readonly { readonly nextDueAt: number | undefined }[]): {
  readonly nextDueAt?: number
} {
  const instants = queues.map(queue => queue.nextDueAt).filter(instant => instant !== undefined)
  return instants.length === 0 ? {} : { nextDueAt: Math.min(...instants) }
}
