import type { PublishInput, PublishOutcome } from './publishing.js'
import type { StartRunInput, StartRunOutcome } from './running.js'
import type { SendInput, SendOutcome } from './sending.js'

// Commands in a transaction of the caller's: done with it or not at all.
//
//   J1. They only add. What they return is true once the transaction has committed, and nobody is woken before: whoever polls
//       finds it.
//   J2. A key that is there already is no error: the transaction goes on, with what was there first.

export interface JoinedCommands {
  send(input: SendInput): Promise<SendOutcome>
  publish(input: PublishInput): Promise<PublishOutcome>
  startRun(input: Omit<StartRunInput, 'in' | 'acknowledges'>): Promise<StartRunOutcome>
}
