// Small samples: five rounds of a few seconds each.

/** @param {readonly number[]} values @param {number} share 0.5 is the median */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b)
  const rank = (sorted.length - 1) * share
  const low = sorted[Math.floor(rank)] ?? Number.NaN
  const high = sorted[Math.ceil(rank)] ?? Number.NaN
  return low + (high - low) * (rank - Math.floor(rank))
}

/** @param {readonly number[]} values */
export const median = values => quantile(values, 0.5)

/**
 * What each round gave, divided by what the round beside it gave: whatever else the machine was doing, it did to both.
 *
 * @param {readonly number[]} values
 * @param {readonly number[]} beside
 */
export const toRatios = (values, beside) =>
  values.map((value, round) => value / (beside[round] ?? Number.NaN))

/** How often a duration was seen, in steps of ten microseconds up to two seconds. */
export class Histogram {
  #counts = new Uint32Array(200_000)
  #total = 0

  /** @param {number} ms */
  add(ms) {
    const step = Math.min(this.#counts.length - 1, Math.floor(ms * 100))
    this.#counts[step] = (this.#counts[step] ?? 0) + 1
    this.#total += 1
  }

  /** @param {number} share */
  quantile(share) {
    let left = this.#total * share
    for (const [step, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0) return step / 100
    }
    return Number.NaN
  }
}
