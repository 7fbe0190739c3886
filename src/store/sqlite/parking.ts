import { endOf } from '../../model/wait-memory.js'
import type { RunCommands } from '../running.js'
import type { Input } from '../store.js'
import type { EngineParts, Part } from './engine-parts.js'
import type { Memories } from './memories.js'
import type { Scopes } from './scopes.js'
import type { Targets } from './targets.js'
import { toInstant } from './values.js'

export interface ParkingParts {
  readonly scopes: Scopes
  readonly memories: Memories
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
    const run = this.#parts.scopes.runOf(claim, now)
    if (run === undefined) return 'lost'
    if (run.cancellation === 'requested') return 'ready'
    const instants: number[] = []
    for (const wait of waits) {
      const lookAt = this.#nextLook(claim.runId, wait, now)
      if (lookAt === 'now') return 'ready'
      if (lookAt !== undefined) instants.push(lookAt)
    }
    this.#park.run(instants.length === 0 ? null : toInstant(Math.min(...instants)), run.no)
    this.#engine.waits.add(run.no, waits)
    return 'parked'
  }

  /** When a wait has to be looked at, if nothing happens before. */
  #nextLook(
    scopeId: string,
    { at, target, deadlineAt: brought }: Input<'park'>['waits'][number],
    now: number,
  ): number | 'now' | undefined {
    const { memories, targets } = this.#parts
    const known = memories.find(scopeId, at, now)?.memory
    const fixed = known !== undefined && 'deadlineAt' in known ? known.deadlineAt : undefined
    const deadlineAt = fixed ?? brought
    const isThere = endOf(known) !== undefined || targets.look(scopeId, target, now) !== undefined
    if (isThere || (deadlineAt !== undefined && deadlineAt <= now)) return 'now'
    return targets.nextLook(target, deadlineAt, now)
  }
}
