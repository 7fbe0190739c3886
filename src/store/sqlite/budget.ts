/** What one batch hands out at most, in bytes of bodies: all of them are in memory at once, on both threads. */
const MOST_BYTES = 8 * 1024 * 1024

/** How much more the batch under way may hand out. The first body goes whatever its size. */
export class Budget {
  #spent = 0

  /** Whether there is room for a body; takes it. */
  take(bytes: number): boolean {
    if (this.#spent > 0 && this.#spent + bytes > MOST_BYTES) return false
    this.#spent += bytes
    return true
  }

  renew(): void {
    this.#spent = 0
  }
}
