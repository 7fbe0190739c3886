import type { CallbackState } from '../../model/callback.js'
import { Heap } from './heap.js'

// The unread callbacks of one receiver, in the order in which they are to be handed out.
//
// Owns:   where a callback stands: ready, due, delayed, queued behind another of its group, or claimed.
// Leaves: who claims, counts and judges (the commands).
//
//   U1. First what was delayed and is due, then what is ready, each in order of `seq`.
//   U2. Of a group, one callback at the most is ready, delayed or claimed: its head. The others are queued.
//   U3. What was found to be due stays due when the clock goes back.
//   U4. Whatever moves one callback costs the logarithm of what is in it, however much is delayed or queued.

/** A callback, as far as its place goes. */
interface Standing {
  readonly seq: number
  state: CallbackState
  dueAt: number | undefined
  group: string | undefined
}

interface Group<C extends Standing> {
  head: C | undefined
  readonly queued: Heap<C>
}

const bySeq = (a: Standing, b: Standing) => a.seq < b.seq
const byDueAt = (a: Standing, b: Standing) => (a.dueAt ?? 0) < (b.dueAt ?? 0)

export class Unread<C extends Standing> {
  readonly #all = new Heap<C>(bySeq)
  readonly #ready = { grouped: new Heap<C>(bySeq), ungrouped: new Heap<C>(bySeq) }
  readonly #due = { grouped: new Heap<C>(bySeq), ungrouped: new Heap<C>(bySeq) }
  readonly #later = new Heap<C>(byDueAt)
  readonly #groups = new Map<string, Group<C>>()
  /** The delayed callbacks of all receivers. */
  readonly #delayed: Set<C>

  constructor(delayed: Set<C>) {
    this.#delayed = delayed
  }

  get size(): number {
    return this.#all.size
  }

  get oldest(): C | undefined {
    return this.#all.first
  }

  list(): C[] {
    return [...this.#all.values()].sort((a, b) => a.seq - b.seq)
  }

  hasSomethingFor(now: number): boolean {
    this.#look(now)
    return [this.#due, this.#ready].some(({ grouped, ungrouped }) => grouped.size + ungrouped.size > 0)
  }

  /** When the next delay is over; `now` when one is over already. */
  nextDueAt(now: number): number | undefined {
    this.#look(now)
    return this.#due.grouped.size + this.#due.ungrouped.size > 0 ? now : this.#later.first?.dueAt
  }

  /** A new callback, or one that comes back after it had failed. */
  add(callback: C): void {
    this.#all.add(callback)
    callback.state = 'ready'
    if (callback.group === undefined) this.#place(callback)
    else this.#join(callback, callback.group)
  }

  /** Names the group of a callback that could be taken now; of any other it is not heeded. */
  name(callback: C, group: string, now: number): void {
    this.#look(now)
    const isAvailable = this.#ready.ungrouped.delete(callback) || this.#due.ungrouped.delete(callback)
    if (!isAvailable) return
    callback.group = group
    this.#join(callback, group)
  }

  /** Takes the next one; with `ordered`, the next one whose group is known. */
  take(now: number, { ordered }: { readonly ordered: boolean }): C | undefined {
    this.#look(now)
    for (const { grouped, ungrouped } of [this.#due, this.#ready]) {
      const callback = ordered ? grouped.first : earlier(grouped.first, ungrouped.first)
      if (callback === undefined) continue
      this.#lift(callback)
      callback.state = 'claimed'
      return callback
    }
    return undefined
  }

  /** Takes this one, if it can be taken now. */
  takeThis(callback: C, now: number): boolean {
    const { state, dueAt = Number.POSITIVE_INFINITY } = callback
    if (state !== 'ready' && !(state === 'delayed' && dueAt <= now)) return false
    this.#lift(callback)
    callback.state = 'claimed'
    return true
  }

  /** What could be taken if its group were known, up to `limit`, in order of `seq`. */
  ungrouped(now: number, limit: number): readonly C[] {
    this.#look(now)
    const found: C[] = []
    while (found.length < limit) {
      const next = earlier(this.#due.ungrouped.first, this.#ready.ungrouped.first)
      if (next === undefined) break
      this.#lift(next)
      found.push(next)
    }
    for (const callback of found) this.#place(callback)
    return found
  }

  /** A claimed callback comes back: ready, or delayed. In its group it stays the head. */
  putBack(callback: C, dueAt?: number): void {
    callback.state = dueAt === undefined ? 'ready' : 'delayed'
    callback.dueAt = dueAt
    this.#place(callback)
  }

  /** It is unread no more. Whether the next of its group became ready. */
  remove(callback: C): boolean {
    this.#all.delete(callback)
    this.#lift(callback)
    if (callback.group === undefined) return false
    const group = this.#groups.get(callback.group)
    if (group === undefined) return false
    group.queued.delete(callback)
    if (group.head === callback) group.head = group.queued.shiftIf(() => true)
    else return false
    if (group.head === undefined) this.#groups.delete(callback.group)
    else this.#makeReady(group.head)
    return group.head !== undefined
  }

  #join(callback: C, name: string): void {
    const group: Group<C> = this.#groups.get(name) ?? { head: undefined, queued: new Heap<C>(bySeq) }
    this.#groups.set(name, group)
    if (group.head === undefined) {
      group.head = callback
      this.#place(callback)
    } else if (group.head.state === 'ready' && bySeq(callback, group.head)) {
      this.#queue(group.head, group)
      group.head = callback
      this.#place(callback)
    } else {
      this.#queue(callback, group)
    }
  }

  #queue(callback: C, group: Group<C>): void {
    this.#lift(callback)
    callback.state = 'queued'
    group.queued.add(callback)
  }

  #makeReady(callback: C): void {
    callback.state = 'ready'
    this.#place(callback)
  }

  #place(callback: C): void {
    if (callback.state === 'ready') {
      this.#side(this.#ready, callback).add(callback)
    } else {
      this.#delayed.add(callback)
      this.#later.add(callback)
    }
  }

  /** Takes it from wherever it waits to be taken. */
  #lift(callback: C): void {
    for (const side of [this.#ready, this.#due]) this.#side(side, callback).delete(callback)
    this.#later.delete(callback)
    this.#delayed.delete(callback)
  }

  /** Moves what is due by now. */
  #look(now: number): void {
    const isDue = (callback: C) => (callback.dueAt ?? 0) <= now
    for (let due = this.#later.shiftIf(isDue); due !== undefined; due = this.#later.shiftIf(isDue)) {
      this.#side(this.#due, due).add(due)
    }
  }

  #side<H>(heaps: { readonly grouped: H; readonly ungrouped: H }, callback: C): H {
    return callback.group === undefined ? heaps.ungrouped : heaps.grouped
  }
}

function earlier<C extends Standing>(a: C | undefined, b: C | undefined): C | undefined {
  if (a === undefined || b === undefined) return a ?? b
  return bySeq(a, b) ? a : b
}
