import { decideRaces, type Memory, type MemoryKey, type Race, type WaitEnd } from '../../model/memory.js'
import { cancelledAt, endOf, type WaitMemory, waitOf } from '../../model/wait-memory.js'
import { optional } from '../optional.js'
import type { DecideInput, DecideOutcome } from '../scoping.js'
import type { Input } from '../store.js'
import type { EngineParts, Part } from './engine-parts.js'
import { StoreFault } from './fault.js'
import type { Known, Memories } from './memories.js'
import { toReason } from './run-rows.js'
import type { EnteredScope, Scopes } from './scopes.js'
import type { Sighting, Targets } from './targets.js'

export interface DecidingParts {
  readonly scopes: Scopes
  readonly memories: Memories
  readonly targets: Targets
}

/** How waits end, and the races with them. */
export class Deciding implements Part<'decide' | 'throwCancel'> {
  readonly #parts: DecidingParts
  readonly #cancelThrown

  constructor({ db }: EngineParts, parts: DecidingParts) {
    this.#parts = parts
    this.#cancelThrown = db.prepare("update runs set cancellation = 'thrown' where no = ?")
  }

  decide(input: DecideInput): DecideOutcome {
    const { entry, at, target, decides, now } = input
    const { scopes, memories, targets } = this.#parts
    const scope = scopes.enter(entry, now)
    if (scope === undefined) return { type: 'lost' }
    const known = memories.find(scope.id, at, now)
    const remembered = endOf(known?.memory)
    if (remembered !== undefined) return { type: 'ended', end: remembered }
    if (this.#isRaced(scope, decides)) return { type: 'raced' }

    const wait = waitOf(input, known?.memory)
    if (wait === undefined) throw new StoreFault('refused', `no ${input.verb} can end there`)
    const seen = targets.look(scope.id, target, now) ?? lateAt(wait, now)
    if (seen === undefined) return this.#goOn(scope, input, known, wait)
    const end = targets.take(scope.id, target, seen, now)
    this.#conclude(scope, { at, known, memory: { ...wait, end }, end, decides })
    return { type: 'ended', end }
  }

  throwCancel({ entry, at, verb, decides, now }: Input<'throwCancel'>): boolean {
    const { scopes, memories } = this.#parts
    const scope = scopes.enter(entry, now)
    if (scope?.type !== 'run' || scope.row.cancellation !== 'requested') return false
    if (this.#isRaced(scope, decides)) return false
    const known = memories.find(scope.id, at, now)
    const end = { type: 'cancel', ...optional('reason', toReason(scope.row)) } as const
    const memory = cancelledAt(known?.memory, verb, end)
    if (memory === undefined) return false
    this.#conclude(scope, { at, known, memory, end, decides })
    this.#cancelThrown.run(scope.row.no)
    return true
  }

  /** Writes down what has changed of a wait that has not ended: its deadline. */
  #goOn(
    scope: EnteredScope,
    { at, target, now }: DecideInput,
    known: Known | undefined,
    wait: WaitMemory,
  ): DecideOutcome {
    const { memories, scopes, targets } = this.#parts
    const { deadlineAt } = wait
    const before = known !== undefined && 'deadlineAt' in known.memory ? known.memory.deadlineAt : undefined
    if (deadlineAt !== before) {
      if (known !== undefined && deadlineAt === undefined && wait.verb !== 'exchange') {
        memories.remove(scope.id, known)
      } else this.#put(scope, at, known, wait)
      scopes.wrote(scope)
    }
    return {
      type: 'waiting',
      ...optional('deadlineAt', deadlineAt),
      ...optional('lookAgainAt', targets.nextLook(target, deadlineAt, now)),
    }
  }

  #conclude(
    scope: EnteredScope,
    {
      at,
      known,
      memory,
      end,
      decides,
    }: {
      readonly at: MemoryKey
      readonly known: Known | undefined
      readonly memory: Memory
      readonly end: WaitEnd
      readonly decides: readonly Race[]
    },
  ): void {
    const { memories, scopes } = this.#parts
    this.#put(scope, at, known, memory)
    for (const race of decideRaces(at, end.type, decides)) memories.add(scope.id, race.at, race.memory)
    scopes.wrote(scope)
  }

  #put(scope: EnteredScope, at: MemoryKey, known: Known | undefined, memory: Memory): void {
    const { memories } = this.#parts
    if (known === undefined) memories.add(scope.id, at, memory)
    else memories.change(scope.id, known, memory)
  }

  #isRaced(scope: EnteredScope, races: readonly Race[]): boolean {
    return races.some(({ at }) => this.#parts.memories.has(scope.id, at))
  }
}

function lateAt({ deadlineAt }: WaitMemory, now: number): Sighting | undefined {
  return deadlineAt !== undefined && deadlineAt <= now ? { type: 'timed_out' } : undefined
}
