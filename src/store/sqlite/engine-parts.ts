import type { CommandName, Commands } from '../store.js'
import type { Budget } from './budget.js'
import type { Connection } from './driver.js'
import type { DueLanes } from './due-lanes.js'
import type { Epochs } from './epochs.js'
import type { Lanes } from './lanes.js'
import type { Mailboxes } from './mailboxes.js'
import type { SubscriptionRows } from './subscription-rows.js'
import type { Waits } from './waits.js'

/** What the commands of one engine share. */
export interface EngineParts {
  readonly db: Connection
  readonly epochs: Epochs
  readonly mailboxes: Mailboxes
  readonly subscriptions: SubscriptionRows
  readonly lanes: Lanes
  readonly dueLanes: DueLanes
  readonly waits: Waits
  readonly budget: Budget
}

export type Part<N extends CommandName> = Pick<Commands, N>
