import type { RunCommands } from '../running.js'
import type { Input } from '../store.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { Scopes } from './scopes.js'
import type { Targets } from './targets.js'
import { toInstant } from './values.js'

export interface ParkingParts {
  readonly scopes: Scopes
  readonly targets: Targets
}

/** Takes runs out of memory that only wait. What makes them due again are the commands that end what they wait for (S20). */
export class Parking implements Part<'park'> {
  readonly #engine: EngineParts
  readonly #parts: ParkingParts
  readonly #park

  constructor(engine: EngineParts, parts: ParkingParts) {
    this.#engine = engine
    this.#parts = parts
    this.#park = engine.db.prepare(`
      update runs set status = 'parked', epoch = null, crashes = 0, due_at = ?, result_type = null, result = null
       where no = ?`)
  }

  park({ claim, waits, now }: Input<'park'>): ReturnType<RunCommands['park']> {
    const { scopes, targets } = this.#parts
    const run = scopes.runOf(claim, now)
    if (run === undefined) return 'lost'
    if (run.cancellation === 'requested') return 'ready'
    const isReady = waits.some(
      ({ target, deadlineAt }) =>
        (deadlineAt !== undefined && deadlineAt <= now) ||
        targets.look(claim.runId, target, now) !== undefined,
    )
    if (isReady) return 'ready'
    const instants = waits.flatMap(
      ({ target, deadlineAt }) => targets.nextLook(target, deadlineAt, now) ?? [],
    )
    this.#park.run(instants.length === 0 ? null : toInstant(Math.min(...instants)), run.no)
    this.#engine.waits.add(run.no, waits)
    return 'parked'
  }
}
