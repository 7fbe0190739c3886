import { checkOptionNames } from './core/option-names.js'
import { InvalidOptionsError, ServerClosedError } from './errors.js'
import { DEFAULTS } from './options.js'
import type { Parts } from './parts.js'

export interface PassOptions {
  limit?: number
  signal?: AbortSignal
}

/** What is due, done when somebody asks for it and not by itself; one pass at a time. */
export class Passes {
  readonly #parts: Pick<Parts, 'settings' | 'sender' | 'runner'>
  readonly #isOpen: () => boolean
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: Pick<Parts, 'settings' | 'sender' | 'runner'>, isOpen: () => boolean) {
    this.#parts = parts
    this.#isOpen = isOpen
  }

  next(options: PassOptions): Promise<{ processed: number }> {
    const pass = this.#last.then(() => this.#pass(options))
    this.#last = pass.catch(() => undefined)
    return pass
  }

  async #pass(options: PassOptions): Promise<{ processed: number }> {
    if (!this.#isOpen()) throw new ServerClosedError()
    checkOptionNames(options, ['limit', 'signal'], 'processDue')
    const { limit = DEFAULTS.passLimit, signal } = options
    if (!Number.isInteger(limit) || limit < 1) {
      throw new InvalidOptionsError('The limit of processDue must be a whole number of at least 1')
    }
    const { settings, sender, runner } = this.#parts
    if (settings.work) {
      throw new InvalidOptionsError('This server works by itself: processDue is for one with work: false')
    }
    signal?.throwIfAborted()
    const sent = await sender.pass(limit, signal)
    const entered = signal?.aborted === true ? 0 : await runner.pass(limit)
    return { processed: sent + entered }
  }
}
