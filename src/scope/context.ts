import { AsyncLocalStorage } from 'node:async_hooks'
import type { Race } from '../model/memory.js'

/** Which scope's code is running, and where in it. */
export interface Context {
  readonly scopeId: string
  /** The races whose branches are being made, the innermost first. */
  readonly races: readonly BranchOf[]
  /** The function of a step is running: it calls no verbs. */
  readonly inStep: boolean
}

/** A branch of a race, before it is known which ends of a wait settle it. */
export type BranchOf = Omit<Race, 'wins'>

const storage = new AsyncLocalStorage<Context>()

export function currentContext(): Context | undefined {
  return storage.getStore()
}

/** The function of a step is running: no verb is called, and none takes a key or a number. */
export function isInStep(): boolean {
  return storage.getStore()?.inStep === true
}

export function runIn<T>(context: Context, code: () => T): T {
  return storage.run(context, code)
}
