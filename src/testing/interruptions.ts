import { soon } from '../core/clock.js'
import { NonRetryableError } from '../errors.js'
import { type Entry, type MemoryKey, nameOf, scopeIdOf } from '../model/memory.js'
import { currentContext } from '../scope/context.js'
import type { Store, StoreSession } from '../store/store.js'
import { around } from './session-around.js'

// Interrupts the entries of scopes: each time the store has recorded something new, the entry loses its lease, and its scope
// is handed out again. Its code stops where it waits, and is run from the top.
//
//   I1. What is recorded under a key interrupts once for each thing recorded there (begun, begun again, deadline, end), so a scope whose
//       keys are the same on every entry comes to its end.
//   I2. Nothing that an interrupted entry does afterwards is recorded.
//   I3. A scope without an end is told so: its verb fails, finally, and whoever drives the time hears of it.
//   I4. Only code that can be entered again is interrupted: runs, and handlers of `consume`.

const MOST_INTERRUPTIONS = 1_000

interface ScopeRecord {
  /** What was recorded, in order. */
  readonly recorded: Set<string>
  readonly keys: string[]
  isEndless: boolean
}

/** What the commands that record something have in common. */
interface Recording {
  readonly entry: Entry
  readonly at: MemoryKey
  readonly now: number
  /** What had begun is begun again, after a retry by hand: that is another thing. */
  readonly again?: true
}

type Lost = { readonly type: 'lost' }

export class Interruptions {
  readonly #scopes = new Map<string, ScopeRecord>()
  readonly #endless: Error[] = []
  readonly #onError: (error: unknown) => void

  constructor(onError: (error: unknown) => void) {
    this.#onError = onError
  }

  /** A scope that would never end, if there is one that nobody was told of. */
  takeEndless(): Error | undefined {
    return this.#endless.shift()
  }

  storeOf({ name, exclusive, open }: Store): Store {
    return { name, exclusive, open: async () => this.#sessionOf(await open()) }
  }

  #sessionOf(session: StoreSession): StoreSession {
    const dropped = new Set<string>()
    const record = async <O extends { readonly type: string }>(
      recording: Recording,
      command: () => Promise<O>,
    ): Promise<O | Lost> => {
      const { entry, at, now, again } = recording
      if (dropped.has(entryName(entry))) return { type: 'lost' }
      const scope = this.#scopeOf(entry)
      if (scope !== undefined) this.#checkEnds(scope, recording)
      const outcome = await command()
      if (scope === undefined || scope.isEndless || !hasRecorded(outcome)) return outcome
      const what = `${again === true ? 'again' : outcome.type}\0${nameOf(at)}`
      if (scope.recorded.has(what)) return outcome
      scope.recorded.add(what)
      scope.keys.push(at.key)
      dropped.add(entryName(entry))
      // When the old entry has heard that it is over: of one scope there are never two in memory.
      soon(() => this.#giveBack(session, entry, now))
      return { type: 'lost' }
    }
    return around(session, {
      spawnInScope: input => record(input, () => session.spawnInScope(input)),
      sendInScope: input => record(input, () => session.sendInScope(input)),
      publishInScope: input => record(input, () => session.publishInScope(input)),
      exchangeInScope: input => record(input, () => session.exchangeInScope(input)),
      resendInScope: input => record({ ...input, again: true }, () => session.resendInScope(input)),
      remember: input => record(input, () => session.remember(input)),
      decide: input => record(input, () => session.decide(input)),
      startRun: input =>
        input.in === undefined
          ? session.startRun(input)
          : record({ ...input.in, now: input.now }, () => session.startRun(input)),
      throwCancel: async input => !dropped.has(entryName(input.entry)) && (await session.throwCancel(input)),
    })
  }

  /** What is known of the scope of an entry, unless it is no code that can be entered again. */
  #scopeOf(entry: Entry): ScopeRecord | undefined {
    const scopeId = scopeIdOf(entry)
    const known = this.#scopes.get(scopeId)
    // Loops run outside of their scopes. What a scope does first, its code does itself.
    if (known !== undefined || currentContext()?.scopeId !== scopeId) return known
    const scope: ScopeRecord = { recorded: new Set(), keys: [], isEndless: false }
    this.#scopes.set(scopeId, scope)
    return scope
  }

  #checkEnds(scope: ScopeRecord, { entry, at }: Recording): void {
    const { recorded, keys } = scope
    if (recorded.size < MOST_INTERRUPTIONS || scope.isEndless) return
    scope.isEndless = true
    const latest = [...new Set([...keys.slice(-2), at.key])].map(key => `'${key}'`).join(', ')
    const error = new NonRetryableError(
      `The scope ${scopeIdOf(entry)} was entered ${MOST_INTERRUPTIONS + 1} times, and each entry did something new; the ` +
        `latest keys are ${latest}. A key has to be the same on every entry: made of what the scope was given, or of what ` +
        'a step returned, not of chance, time, or a variable that is counted outside of the code. If the keys are well, and ' +
        'there are that many of them, let the test do fewer',
    )
    this.#endless.push(error)
    throw error
  }

  #giveBack(session: StoreSession, entry: Entry, now: number): void {
    const given =
      entry.type === 'run'
        ? session.releaseRun({ claim: entry.claim, now })
        : session.release({ claim: entry.claim, now, as: 'uncounted' })
    given.catch(this.#onError)
  }
}

/** A wait that goes on is recorded where it has a deadline. */
function hasRecorded(outcome: { readonly type: string; readonly deadlineAt?: number }): boolean {
  if (outcome.type === 'lost' || outcome.type === 'known' || outcome.type === 'raced') return false
  return outcome.type !== 'waiting' || outcome.deadlineAt !== undefined
}

function entryName(entry: Entry): string {
  return JSON.stringify([scopeIdOf(entry), entry.claim.epoch, entry.claim.fence])
}
