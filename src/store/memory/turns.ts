import type { Heap } from './heap.js'

/** How the items of a queue stand at an instant. */
interface Standing<T> {
  readonly dueAt: (item: T) => number
  /** Stays where it is, and counts for nothing. */
  readonly isPassedOver?: (item: T) => boolean
}

/** What one queue gives within one claim. */
export class Turns<T extends object> {
  readonly #due: Heap<T>
  readonly #now: number
  readonly #standing: Standing<T>
  readonly #passedOver: T[] = []
  #room: number

  constructor(due: Heap<T>, room: number, now: number, standing: Standing<T>) {
    this.#due = due
    this.#room = room
    this.#now = now
    this.#standing = standing
  }

  /** When the first one falls due for which there is room. */
  get nextDueAt(): number | undefined {
    const { dueAt, isPassedOver = () => false } = this.#standing
    for (
      let item = this.#due.shiftIf(isPassedOver);
      item !== undefined;
      item = this.#due.shiftIf(isPassedOver)
    ) {
      this.#passedOver.push(item)
    }
    const { first } = this.#due
    return this.#room > 0 && first !== undefined ? dueAt(first) : undefined
  }

  take(): T | undefined {
    const { nextDueAt } = this
    if (nextDueAt === undefined || nextDueAt > this.#now) return undefined
    this.#room -= 1
    return this.#due.shiftIf(() => true)
  }

  finish(): void {
    for (const item of this.#passedOver) this.#due.add(item)
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
