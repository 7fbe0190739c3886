/** Items in order of a value that never changes, to be read in pages. Made for items that mostly come in that order. */
export class SortedList<T, V extends string | number> {
  readonly #items: T[] = []
  readonly #valueIn: (item: T) => V

  constructor(valueIn: (item: T) => V) {
    this.#valueIn = valueIn
  }

  get size(): number {
    return this.#items.length
  }

  add(item: T): void {
    this.#items.splice(this.#firstAfter(this.#valueIn(item)), 0, item)
  }

  delete(item: T): void {
    const index = this.#firstAfter(this.#valueIn(item)) - 1
    if (this.#items[index] === item) this.#items.splice(index, 1)
  }

  /** Those whose value is above `after`, from the lowest. */
  *from(after: V | undefined): Generator<T, void, undefined> {
    for (let index = after === undefined ? 0 : this.#firstAfter(after); index < this.#items.length; index++) {
      const item = this.#items[index]
      if (item !== undefined) yield item
    }
  }

  /** Those whose value is below `before`, from the highest. */
  *downFrom(before: V | undefined): Generator<T, void, undefined> {
    let index = before === undefined ? this.#items.length : this.#firstAfter(before)
    while (index > 0) {
      index -= 1
      const item = this.#items[index]
      if (item !== undefined && this.#valueIn(item) !== before) yield item
    }
  }

  /** The index of the first item whose value is above this one. */
  #firstAfter(value: V): number {
    let [low, high] = [0, this.#items.length]
    const last = this.#items[high - 1]
    if (last !== undefined && this.#valueIn(last) <= value) return high
    while (low < high) {
      const middle = (low + high) >>> 1
      const item = this.#items[middle]
      if (item !== undefined && this.#valueIn(item) <= value) low = middle + 1
      else high = middle
    }
    return low
  }
}
