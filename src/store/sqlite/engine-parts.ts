import type { CommandName, Commands } from '../store.js'
import type { Budget } from './budget.js'
import type { Connection } from './driver.js'
import type { Epochs } from './epochs.js'
import type { Mailboxes } from './mailboxes.js'
import type { Origins } from './origins.js'
import type { Waits } from './waits.js'

/** What the commands of one engine share. */
export interface EngineParts {
  readonly db: Connection
  readonly epochs: Epochs
  readonly mailboxes: Mailboxes
  readonly origins: Origins
  readonly waits: Waits
  readonly budget: Budget
}

export type Part<N extends CommandName> = Pick<Commands, N>
