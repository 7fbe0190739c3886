import { type Branches, call, checkBranches, type Winner } from '../core/race.js'
import { createWait, onEnd, type PendingWait, type Wait } from '../core/wait.js'
import { InvalidOptionsError } from '../errors.js'
import { type Decision, type Memory, type MemoryKey, nameOf } from '../model/memory.js'
import { encodeValue } from '../model/value.js'
import { encodeError } from '../model/value-errors.js'
import { blameOf, blaming } from './blame.js'
import { type BranchOf, currentContext, runIn } from './context.js'
import { placeOf, rememberedOf, rememberPlace } from './remembered-waits.js'
import type { ScopeEntry } from './scope-entry.js'
import { fromResult } from './steps.js'
import { begunBy } from './used-keys.js'

// Races whose winner is remembered: `race`, the first to settle, and `any`, the first to succeed.
//
//   R1. The end of a wait and the races that it decides are one fact: the wait carries them when it asks the store.
//   R2. On re-entry only the winner's branch is called, and gives what it gave.
//   R3. A branch that is no wait of this scope has its result remembered once it has settled.
//   R4. Where two branches end at once, the store says which has won; the race settles with that one.
//   R5. A cancellation that is thrown at a branch settles also an `any`.

export function raceInScope<B extends Branches>(
  entry: ScopeEntry,
  at: MemoryKey,
  verb: 'race' | 'any',
  branches: B,
): Wait<Winner<B>> {
  checkBranches(branches)
  const waits: Wait<unknown>[] = []
  const cancelAll = () => {
    for (const wait of waits) wait.cancel()
  }
  const first = createWait<Winner<B>>({
    clock: entry.parts.clock,
    what: `the ${verb} '${at.key}'`,
    onGiveUp: cancelAll,
  })
  rememberPlace(first.wait, at)
  const context = currentContext()
  const around = context?.scopeId === entry.scopeId ? context.races : []
  const contest = new Contest<B>(entry, at, verb, branches, { first, waits, cancelAll, around })
  entry.beginRace(first)
  void contest.start()
  return first.wait
}

/** A branch, and what it came to. */
interface Ended<R = PromiseSettledResult<unknown>> {
  readonly name: string
  readonly wait: Wait<unknown>
  readonly result: R
}

class Contest<B extends Branches> {
  readonly #entry: ScopeEntry
  readonly #at: MemoryKey
  readonly #verb: 'race' | 'any'
  readonly #branches: B
  readonly #first: PendingWait<Winner<B>>
  readonly #waits: Wait<unknown>[]
  readonly #cancelAll: () => void
  readonly #around: readonly BranchOf[]
  readonly #errors = new Map<string, unknown>()

  constructor(
    entry: ScopeEntry,
    at: MemoryKey,
    verb: 'race' | 'any',
    branches: B,
    parts: {
      first: PendingWait<Winner<B>>
      waits: Wait<unknown>[]
      cancelAll: () => void
      around: readonly BranchOf[]
    },
  ) {
    this.#entry = entry
    this.#at = at
    this.#verb = verb
    this.#branches = branches
    this.#first = parts.first
    this.#waits = parts.waits
    this.#cancelAll = parts.cancelAll
    this.#around = parts.around
  }

  async start(): Promise<void> {
    try {
      const known = await this.#entry.perform(() => this.#entry.recall(this.#at, this.#verb))
      if (!this.#first.pending) return
      if (known !== undefined) this.#replay(known.decision)
      else this.#begin()
    } catch (error) {
      this.#first.fail(error)
      this.#cancelAll()
    }
  }

  #replay({ winner, by }: Decision): void {
    if (by.type === 'result') {
      this.#first.fulfil({ name: winner, value: fromResult(by.result, this.#at) } as Winner<B>)
      return
    }
    const branch = this.#branches[winner]
    if (branch === undefined) {
      throw new InvalidOptionsError(
        `The ${this.#verb} '${this.#at.key}' was won by branch '${winner}', which is not there any more; keep it while runs are in flight`,
      )
    }
    const wait = this.#call(winner, branch, [])
    onEnd(wait, result => this.#settle(winner, result))
  }

  #begin(): void {
    for (const [name, branch] of Object.entries(this.#branches)) {
      if (!this.#first.pending) break
      const races = [{ at: this.#at, verb: this.#verb, branch: name }, ...this.#around]
      const wait = this.#call(name, branch, races)
      onEnd(wait, result => this.#ended(name, wait, result))
    }
    if (!this.#first.pending) this.#cancelAll()
  }

  #call(name: string, branch: () => Wait<unknown>, races: readonly BranchOf[]): Wait<unknown> {
    const { scopeId } = this.#entry
    const wait = runIn({ scopeId, races, inStep: false }, () => call(name, branch))
    this.#waits.push(wait)
    return wait
  }

  #ended(name: string, wait: Wait<unknown>, result: PromiseSettledResult<unknown>): void {
    if (!this.#first.pending || this.#entry.isOver) return
    if (this.#entry.isClosing) {
      this.#first.wait.cancel() // made after the code had ended: it is given up, as any other wait
      return
    }
    const decided = this.#entry.memory.peek(this.#at)
    try {
      if (decided !== undefined) {
        this.#settleAs(decided, { name, wait, result })
        return
      }
      const isFailure = result.status === 'rejected' && !this.#isCancelledAt(placeOf(wait))
      if (this.#verb === 'any' && isFailure) this.#failed({ name, wait, result })
      else this.#decide(this.#by(wait, result), { name, wait, result })
    } catch (error) {
      this.#settle(name, { status: 'rejected', reason: error })
    }
  }

  /** It is not the end of an `any`, as long as another branch may succeed. */
  #failed({ name, wait, result: { reason } }: Ended<PromiseRejectedResult>): void {
    this.#errors.set(name, reason)
    const names = Object.keys(this.#branches)
    if (this.#errors.size < names.length) return
    const errors = names.map(branch => this.#errors.get(branch))
    const error = new AggregateError(errors, `No branch of '${this.#at.key}' succeeded`)
    const result = { type: 'error', bytes: encodeError(error) } as const
    const blamed = errors.map(blameOf)
    const blames = blamed.every(isKnown) ? { blames: blamed } : {}
    const failure = { status: 'rejected', reason: blaming(error, this.#at) } as const
    this.#decide({ type: 'result', result, ...blames }, { name, wait, result: failure })
  }

  #by(wait: Wait<unknown>, result: PromiseSettledResult<unknown>): Decision['by'] {
    const place = placeOf(wait)
    if (place !== undefined && this.#hasEnded(place)) return { type: 'wait', at: place }
    if (result.status === 'rejected') blaming(result.reason, this.#at)
    const what = `What branch won the ${this.#verb} '${this.#at.key}' with`
    return {
      type: 'result',
      result:
        result.status === 'fulfilled'
          ? { type: 'value', bytes: encodeValue(result.value, what) }
          : { type: 'error', bytes: encodeError(result.reason) },
    }
  }

  /** Not so a wait that was cancelled: it can be made again. */
  #hasEnded(place: MemoryKey): boolean {
    const memory = this.#entry.memory.peek(place)
    return memory !== undefined && ('decision' in memory || ('end' in memory && memory.end !== undefined))
  }

  /** The cancellation of the run was thrown there, or at what decided the race there. */
  #isCancelledAt(place: MemoryKey | undefined): boolean {
    const memory = place === undefined ? undefined : this.#entry.memory.peek(place)
    if (memory === undefined) return false
    if ('end' in memory) return memory.end?.type === 'cancel'
    return (
      'decision' in memory && memory.decision.by.type === 'wait' && this.#isCancelledAt(memory.decision.by.at)
    )
  }

  /** Remembers what no wait has decided. The other branches are under way until then: one of them may have been first. */
  #decide(by: Decision['by'], ended: Ended): void {
    const { entry, parts } = this.#entry
    const memory = { verb: this.#verb, decision: { winner: ended.name, by } } as const
    this.#entry
      .perform(() => this.#entry.tell(now => parts.session.remember({ entry, at: this.#at, memory, now })))
      .then(
        outcome => {
          this.#entry.memory.put(this.#at, outcome.memory)
          this.#settleAs(outcome.memory, ended)
        },
        (error: unknown) => this.#settle(ended.name, { status: 'rejected', reason: error }),
      )
  }

  /**
   * Settles with what a branch came to, if that is the one that won; if not, the one that has is about to. A wait that was
   * given up while the store ended it has won all the same, with what is remembered of it.
   */
  #settleAs(memory: Memory, { name, wait, result }: Ended): void {
    const { winner, by } = begunBy(this.#at, this.#verb, memory).decision
    if (winner !== name) return
    const place = placeOf(wait)
    const isItsEnd = by.type === 'wait' && place !== undefined && nameOf(place) === nameOf(by.at)
    const remembered = isItsEnd ? rememberedOf(wait) : undefined
    if (remembered === undefined) {
      this.#settle(name, result)
      return
    }
    remembered.then(
      value => this.#settle(name, { status: 'fulfilled', value }),
      (reason: unknown) => this.#settle(name, { status: 'rejected', reason }),
    )
  }

  #settle(name: string, result: PromiseSettledResult<unknown>): void {
    const settled =
      result.status === 'fulfilled'
        ? this.#first.fulfil({ name, value: result.value } as Winner<B>)
        : this.#first.fail(result.reason)
    if (settled) this.#cancelAll()
  }
}

function isKnown(blamed: MemoryKey | undefined): blamed is MemoryKey {
  return blamed !== undefined
}
