import { StoreUnavailableError } from '../../errors.js'
import { type Command, IN_TURN, type Result } from '../group-commit.js'
import { type Engine, isBreaking, toResult } from './engine.js'
import { StoreFault, toError } from './fault.js'
import type { Host } from './host.js'
import { type OpenOptions, openFile } from './open-file.js'
import { forgetOwner } from './owner.js'

/**
 * The engine on the caller's own thread: every commit holds up the event loop. After an error of input or output the file
 * is opened again, as for an engine with a thread of its own (T3).
 */
export class CallingThread implements Host {
  readonly pace = IN_TURN
  readonly #path: string
  #engine: Engine | undefined
  #options: OpenOptions | undefined

  constructor(path: string) {
    this.#path = path
  }

  async open(options: OpenOptions): Promise<void> {
    this.#engine = await openFile(options)
    this.#options = options
  }

  async execute(batch: readonly Command[]): Promise<readonly Result[]> {
    const engine = this.#engine ?? (await this.#reopen())
    const results = engine.execute(batch)
    if (results.some(isBreaking)) {
      this.#engine = undefined
      abandon(engine)
    }
    return results.map(result => toResult(result, fault => toError(fault, this.#path)))
  }

  async close(): Promise<void> {
    const engine = this.#engine
    this.#engine = undefined
    if (engine === undefined) return
    // While the lock is ours: afterwards the name may be the next owner's.
    forgetOwner(this.#path)
    engine.close()
  }

  async #reopen(): Promise<Engine> {
    if (this.#options === undefined) throw new StoreUnavailableError('The store is not open')
    try {
      const engine = await openFile({ ...this.#options, isReopened: true })
      this.#engine = engine
      return engine
    } catch (error) {
      throw error instanceof StoreFault ? toError(error, this.#path) : error
    }
  }
}

/** The error that was told already is what counts. */
function abandon(engine: Engine): void {
  try {
    engine.close()
  } catch {
    // A file that cannot be read or written may not be closed properly either.
  }
}
