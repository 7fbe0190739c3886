import type { Lane } from '../../model/delivery.js'
import { Heap } from './heap.js'
import type { EndRow } from './rows.js'

/** Ends that nobody has been told of, in the order of their turns. Those that concern nobody who asks cost nothing. */
export class EndQueue {
  readonly #queues = new Map<Lane | 'anybody', Heap<EndRow>>()

  add(end: EndRow): void {
    const queue = this.#queues.get(end.concerns) ?? new Heap<EndRow>(isEarlier)
    this.#queues.set(end.concerns, queue)
    queue.add(end)
  }

  delete(end: EndRow): void {
    const queue = this.#queues.get(end.concerns)
    queue?.delete(end)
    if (queue?.size === 0) this.#queues.delete(end.concerns)
  }

  /** The next one that concerns anybody, or one of these lanes. */
  first(lanes: readonly Lane[]): EndRow | undefined {
    let found: EndRow | undefined
    for (const concerns of ['anybody', ...lanes] as const) {
      const first = this.#queues.get(concerns)?.first
      if (first !== undefined && (found === undefined || isEarlier(first, found))) found = first
    }
    return found
  }
}

function isEarlier(a: EndRow, b: EndRow): boolean {
  return a.turnAt === b.turnAt ? a.delivery.record.id < b.delivery.record.id : a.turnAt < b.turnAt
}
