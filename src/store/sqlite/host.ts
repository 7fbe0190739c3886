import type { Executor } from '../group-commit.js'
import type { OpenOptions } from './open-file.js'

/** Where the engine lives: on a thread of its own, or on the caller's. */
export interface Host extends Executor {
  /** @throws StoreFault when the file cannot be used; the host is of no use then and may be asked again. */
  open(options: OpenOptions): Promise<void>
}
