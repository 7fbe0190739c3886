import type { Command, Result } from '../group-commit.js'
import type { Engine } from './engine.js'
import { toResult } from './engine.js'
import { StoreFault, toError } from './fault.js'
import type { Host } from './host.js'
import { type OpenOptions, openFile } from './open-file.js'
import { forgetOwner } from './owner.js'

/** The engine on the caller's own thread: every commit holds up the event loop. */
export class CallingThread implements Host {
  readonly #path: string
  #engine: Engine | undefined

  constructor(path: string) {
    this.#path = path
  }

  async open(options: OpenOptions): Promise<void> {
    this.#engine = await openFile(options)
  }

  async execute(batch: readonly Command[]): Promise<readonly Result[]> {
    const engine = this.#engine
    if (engine === undefined) throw toError(new StoreFault('other', 'the file is not open'), this.#path)
    return engine.execute(batch).map(result => toResult(result, fault => toError(fault, this.#path)))
  }

  async close(): Promise<void> {
    const engine = this.#engine
    this.#engine = undefined
    if (engine === undefined) return
    engine.close()
    forgetOwner(this.#path)
  }
}
