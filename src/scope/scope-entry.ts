import type { Clock } from '../core/clock.js'
import { onEnd, type PendingWait } from '../core/wait.js'
import { LeaseLostError, RunCancelledError } from '../errors.js'
import {
  type Begun,
  type Cancel,
  type Entry,
  type MemoryKey,
  type NotBegun,
  type Race,
  scopeIdOf,
  type Verb,
} from '../model/memory.js'
import type { Logger } from '../options.js'
import type { Lost, RecallOutcome } from '../store/scoping.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import { blameOf, blaming } from './blame.js'
import { isInStep, runIn } from './context.js'
import { EntryLife, never, type WhenOver } from './entry-life.js'
import { LineToStore } from './line-to-store.js'
import { type OpenWait, OpenWaits } from './open-waits.js'
import { Recollection } from './recollection.js'
import { begunBy, UsedKeys } from './used-keys.js'

// One entry of a scope: its code, running from the top once.
//
// Owns:   what its verbs do at the moment, and the cancellation that is to be thrown in it.
// Leaves: what the verbs do to the files beside this one; keys, waits, memory and how it ends each to a file of its own.
//
//   E1. In one entry a key is used once, whatever line uses it.
//   E2. An entry that is over starts nothing and records nothing. Where it was dropped, its code stops where it waits, as
//       by kill -9; in a loop of the user's, its verbs reject.
//   E3. A store that cannot be reached ends nothing: what was to be told is told again every second.
//   E4. A verb that its code did not wait for is waited for. Should it fail, the log says so, and nothing else comes of it.

const UNAWAITED =
  'a verb that was not awaited failed after the code of its scope had ended; nothing else comes of it'

export interface EntryParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly onError: (error: unknown) => void
  readonly logger: Logger
}

export interface EntryOptions {
  readonly entry: Entry
  /** What an operator knows the scope by: facts of a log line. */
  readonly names: object
  readonly startedAt: number
  readonly attempt: number
  readonly memory: RecallOutcome | 'none' | 'unread'
  readonly whenOver: WhenOver
  /** A cancellation is to be thrown at the next place that is not remembered. */
  readonly cancellation?: Cancellation
}

export interface Cancellation {
  readonly reason?: string
}

export class ScopeEntry {
  readonly parts: EntryParts
  readonly entry: Entry
  readonly names: object
  readonly scopeId: string
  readonly startedAt: Date
  readonly attempt: number
  readonly memory: Recollection
  readonly waits = new OpenWaits()
  readonly #life: EntryLife
  readonly #line: LineToStore
  readonly #keys = new UsedKeys()
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #races = new Set<PendingWait<unknown>>()
  /** What verbs have returned and has not settled, with how the log names it. */
  readonly #returned = new Map<Promise<unknown>, object>()
  #cancellation: Cancellation | undefined
  /** Called whenever something begins or ends. */
  onChange: () => void = () => {}

  constructor(parts: EntryParts, options: EntryOptions) {
    this.parts = parts
    this.entry = options.entry
    this.names = options.names
    this.scopeId = scopeIdOf(options.entry)
    this.startedAt = new Date(options.startedAt)
    this.attempt = options.attempt
    this.#cancellation = options.cancellation
    this.#life = new EntryLife(options.whenOver)
    this.#line = new LineToStore(parts, this.#life)
    const { session, clock } = parts
    const { scopeId } = this
    this.memory = new Recollection(
      input => this.ask(() => session.recall({ ...input, scopeId, now: clock.now() })),
      options.memory,
    )
    this.onOver(reason => {
      this.waits.over(reason, options.whenOver)
      if (options.whenOver === 'rejects') for (const race of [...this.#races]) race.fail(reason)
      this.#races.clear()
      this.#underWay.clear()
      for (const promise of this.#returned.keys()) promise.catch(() => {}) // its code is over
    })
  }

  get signal(): AbortSignal {
    return this.#life.signal
  }

  get isOver(): boolean {
    return this.#life.isOver
  }

  /** Its code has returned: what ends now says nothing of the scope. */
  get isClosing(): boolean {
    return this.#life.isClosing
  }

  /** Nothing but waits is under way, and there is at least one. */
  get onlyWaits(): boolean {
    return this.#underWay.size === 0 && this.waits.size > 0
  }

  /** A cancellation that has not been thrown yet. */
  get cancellation(): Cancellation | undefined {
    return this.#cancellation
  }

  /** Why no verb can be called now. */
  refusal(): Promise<never> | undefined {
    return this.#life.refusal()
  }

  onOver(listener: (reason: Error) => void): () => void {
    return this.#life.onOver(listener)
  }

  /** What is let go of when the entry ends, however it does. */
  atEnd(letGo: () => void): void {
    this.#life.atEnd(letGo)
  }

  /** Runs code of the scope, which may then call its verbs, and the server's only where that is safe. */
  run<T>(code: () => T): T {
    return runIn({ scopeId: this.scopeId, races: [], inStep: false }, code)
  }

  /**
   * Within a step the verb is refused, and its key is left for a call beside it.
   *
   * @throws KeyConflictError when the key was used in this entry already.
   */
  use(part: string, key: string, verb: Verb): MemoryKey {
    const at = { part, key, n: 0 }
    if (!isInStep()) this.#keys.use(at, verb)
    return at
  }

  /**
   * Something that a verb does. What it returns settles as the work does; not at all, or as the end of the entry says,
   * once that is over.
   */
  perform<T>(work: () => Promise<T>): Promise<T> {
    const refusal = this.refusal()
    if (refusal !== undefined) return refusal
    return new Promise<T>((resolve, reject) => {
      const stopListening = this.onOver(reason => {
        if (this.#life.whenOver === 'rejects') reject(reason)
      })
      const working = work()
      this.#underWay.add(working)
      this.onChange()
      const over = () => {
        this.#underWay.delete(working)
        stopListening()
        this.onChange()
      }
      working.then(
        value => {
          over()
          if (!this.isOver) resolve(value)
        },
        (error: unknown) => {
          over()
          if (!this.isOver) reject(error)
        },
      )
    })
  }

  /**
   * What a verb returns, as its caller has it. Once the code of the scope has returned nobody may be waiting for it: a
   * failure is then told in the log, and is no unhandled rejection (E4).
   */
  returns<T>(work: Promise<T>, names: object): Promise<T> {
    // Not by `promise.then`, which would count as looking at it.
    const promise = settling(work, () => this.#returned.delete(promise))
    if (this.#life.isClosing) this.#listen(promise, names)
    else this.#returned.set(promise, names)
    return promise
  }

  /**
   * What is remembered of a verb.
   *
   * @throws KeyConflictError when the key was another verb's in an earlier entry.
   * @throws RunCancelledError when the cancellation of the run was thrown in its place.
   */
  async recall<V extends Verb>(at: MemoryKey, verb: V): Promise<Begun<V> | undefined> {
    const memory = await this.memory.find(at)
    return memory === undefined ? undefined : begunBy(at, verb, memory)
  }

  /** Asks the store until it answers. Never settles once the entry is over. */
  ask<T>(command: () => Promise<T>): Promise<T> {
    return this.#line.ask(command)
  }

  /** The same for a command under the entry: where that is lost, it is over. */
  async tell<T extends { readonly type: string } | Lost>(
    command: (now: number) => Promise<T>,
  ): Promise<Exclude<T, Lost>> {
    const outcome = await this.ask(() => command(this.parts.clock.now()))
    if (outcome.type !== 'lost') return outcome as Exclude<T, Lost>
    this.end(new LeaseLostError('The lease on this scope was lost; it may be running elsewhere'))
    return await never()
  }

  /** Lets time pass. Never settles, and keeps no timer, once the entry is over. */
  pause(ms: number): Promise<void> {
    return this.#line.pause(ms)
  }

  begin(wait: OpenWait): void {
    this.waits.add(wait)
    this.onChange()
  }

  finish(wait: OpenWait): void {
    this.waits.delete(wait)
    this.onChange()
  }

  /** A race ends with the entry as a wait does, whatever its branches are. */
  beginRace(race: PendingWait<unknown>): void {
    this.#races.add(race)
    onEnd(race.wait, () => this.#races.delete(race))
  }

  /**
   * Throws the cancellation where the code waits, or else at the next place that is not remembered. False where it comes too
   * late: its code has ended.
   */
  cancel(cancellation: Cancellation): boolean {
    if (this.#cancellation !== undefined || !this.#life.isOpen) return false
    this.#cancellation = cancellation
    this.waits.lookAll()
    return true
  }

  /** The cancellation of the run, if it is to be thrown: from now on it has been, here. */
  async throwCancel(at: MemoryKey, verb: Verb, decides: readonly Race[]): Promise<Cancel | undefined> {
    const cancellation = this.#cancellation
    if (cancellation === undefined) return undefined
    const { session, clock } = this.parts
    const { entry } = this
    const told = await this.ask(() => session.throwCancel({ entry, at, verb, decides, now: clock.now() }))
    if (!told) return undefined
    this.#cancellation = undefined
    return { type: 'cancel', ...cancellation }
  }

  /**
   * Throws it here, at a verb that has not begun.
   *
   * @throws RunCancelledError
   */
  async throwCancelAt(at: MemoryKey, verb: NotBegun['verb']): Promise<void> {
    const end = await this.throwCancel(at, verb, [])
    if (end === undefined) return
    this.memory.put(at, { verb, end })
    throw blaming(new RunCancelledError(end.reason), at)
  }

  /** The code has returned, or thrown: what it did not wait for is waited for, but for waits, which are given up. */
  async close(): Promise<void> {
    this.#life.close()
    for (const race of [...this.#races]) race.wait.cancel()
    for (const [promise, names] of this.#returned) this.#listen(promise, names)
    for (const wait of this.waits) wait.cancel()
    const over = new Promise<void>(resolve => this.onOver(() => resolve()))
    while (this.#underWay.size > 0 && !this.isOver) {
      await Promise.race([over, Promise.allSettled([...this.#underWay])])
    }
    this.#life.end()
  }

  #listen(promise: Promise<unknown>, names: object): void {
    promise.catch((err: unknown) => {
      if (this.isOver) return
      this.parts.logger.warn({ ...this.names, ...names, err }, UNAWAITED)
    })
  }

  /** The entry is over, whatever its code is doing. `quietly`: parked; its signal is not aborted. */
  end(reason: Error, how: 'aborting' | 'quietly' = 'aborting'): void {
    if (this.#life.beOver(reason, how)) this.onChange()
  }
}

async function settling<T>(work: Promise<T>, settled: () => void): Promise<T> {
  try {
    return await work
  } finally {
    settled()
  }
}

/** The key of the step whose recorded failure an error is, or comes from. */
export function stepBehind(entry: ScopeEntry, error: unknown): string | undefined {
  const at = blameOf(error)
  return at !== undefined && entry.memory.peek(at)?.verb === 'step' ? at.key : undefined
}
