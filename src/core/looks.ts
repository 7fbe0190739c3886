/**
 * Looks one at a time. Being asked while a look is under way means another one after it, because what there is to see
 * may have come behind its back. `look` deals with its own errors.
 */
export class Looks {
  readonly #look: () => Promise<void>
  #wanted = false
  #running: Promise<void> | undefined

  constructor(look: () => Promise<void>) {
    this.#look = look
  }

  again(): void {
    this.#wanted = true
    this.#running ??= this.#run()
  }

  /** When the look under way, and those asked for meanwhile, are over. */
  get finished(): Promise<void> {
    return this.#running ?? Promise.resolve()
  }

  async #run(): Promise<void> {
    try {
      while (this.#wanted) {
        this.#wanted = false
        await this.#look()
      }
    } finally {
      this.#running = undefined
    }
  }
}
