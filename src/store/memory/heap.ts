/**
 * A binary heap that knows where everything in it is: the first is found at once, and anything can be taken out in the
 * time it takes to put it in. What decides the order of an item must not change while it is inside.
 */
export class Heap<T extends object> {
  readonly #isBefore: (a: T, b: T) => boolean
  readonly #items: T[] = []
  readonly #places = new Map<T, number>()

  constructor(isBefore: (a: T, b: T) => boolean) {
    this.#isBefore = isBefore
  }

  get size(): number {
    return this.#items.length
  }

  get first(): T | undefined {
    return this.#items[0]
  }

  /** In no particular order. */
  values(): readonly T[] {
    return this.#items
  }

  /** Does nothing when it is inside already. */
  add(item: T): void {
    if (this.#places.has(item)) return
    this.#put(item, this.#items.length)
    this.#rise(item)
  }

  /** `false` when it was not inside. */
  delete(item: T): boolean {
    const place = this.#places.get(item)
    if (place === undefined) return false
    this.#places.delete(item)
    const last = this.#items.pop()
    if (last !== undefined && last !== item) {
      this.#put(last, place)
      this.#rise(last)
      this.#sink(last)
    }
    return true
  }

  /** Takes out the first if it passes. */
  shiftIf(passes: (item: T) => boolean): T | undefined {
    const { first } = this
    if (first === undefined || !passes(first)) return undefined
    this.delete(first)
    return first
  }

  #put(item: T, place: number): void {
    this.#items[place] = item
    this.#places.set(item, place)
  }

  #rise(item: T): void {
    let place = this.#places.get(item) ?? 0
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.#items[above]
      if (parent === undefined || !this.#isBefore(item, parent)) break
      this.#put(parent, place)
      place = above
    }
    this.#put(item, place)
  }

  #sink(item: T): void {
    let place = this.#places.get(item) ?? 0
    while (true) {
      const left = this.#items[2 * place + 1]
      const right = this.#items[2 * place + 2]
      if (left === undefined) break
      const goesRight = right !== undefined && this.#isBefore(right, left)
      const child = goesRight ? right : left
      if (!this.#isBefore(child, item)) break
      this.#put(child, place)
      place = 2 * place + (goesRight ? 2 : 1)
    }
    this.#put(item, place)
  }
}
