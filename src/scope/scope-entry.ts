import { setMaxListeners } from 'node:events'
import { after, type Clock, soon } from '../core/clock.js'
import { KeyConflictError, LeaseLostError, RunCancelledError, ScopeEndedError } from '../errors.js'
import {
  type Begun,
  type Entry,
  hasBegun,
  type Memory,
  type MemoryKey,
  scopeIdOf,
  type Verb,
} from '../model/memory.js'
import { isPassing } from '../store/passing.js'
import type { ParkedWait } from '../store/running.js'
import type { Lost, RecallOutcome } from '../store/scoping.js'
import type { StoreSession } from '../store/store.js'
import type { Watch } from '../store/watch.js'
import { blaming } from './blame.js'
import { currentContext, runIn } from './context.js'
import { nameOf, Recollection } from './recollection.js'

// One entry of a scope: its code, running from the top once.
//
// Owns:   what it remembers, which keys were used in it, the verbs and waits under way, and how it ends.
// Leaves: what the verbs do to the files beside this one.
//
//   E1. In one entry a key is used once, whatever line uses it.
//   E2. An entry that is over starts nothing and records nothing. Where it was dropped, its code stops where it waits, as
//       by kill -9; in a loop of the user's, its verbs reject.
//   E3. A store that cannot be reached ends nothing: what was to be told is told again every second.

export interface EntryParts {
  readonly session: StoreSession
  readonly watch: Watch
  readonly clock: Clock
  readonly onError: (error: unknown) => void
}

export interface EntryOptions {
  readonly entry: Entry
  readonly startedAt: number
  readonly attempt: number
  readonly memory: RecallOutcome | 'none' | 'unread'
  /** What becomes of code whose entry is over before its end: it stops where it is, or its verbs reject. */
  readonly whenOver: 'stops' | 'rejects'
  /** A cancellation is to be thrown at the next place that is not remembered. */
  readonly cancellation?: { readonly reason?: string }
}

/** A wait of the scope that is under way. */
export interface OpenWait {
  /** As it is told to the store when the run is parked. */
  toParked(): ParkedWait
  look(): void
  /** When no look is under way, and what it found is the caller's. */
  readonly idle: Promise<void>
  cancel(): void
  /** Its entry is over: it looks no more, and settles only if it is to say so. */
  over(reason: Error, whenOver: 'stops' | 'rejects'): void
}

type State =
  | { readonly type: 'open' }
  /** Its code has returned. */
  | { readonly type: 'ended' }
  | { readonly type: 'over'; readonly reason: Error }

const RETRY_MS = 1_000

export class ScopeEntry {
  readonly parts: EntryParts
  readonly entry: Entry
  readonly scopeId: string
  readonly startedAt: Date
  readonly attempt: number
  readonly memory: Recollection
  readonly #whenOver: EntryOptions['whenOver']
  readonly #controller = new AbortController()
  readonly #used = new Map<string, Verb>()
  readonly #underWay = new Set<Promise<unknown>>()
  readonly #waits = new Set<OpenWait>()
  readonly #overListeners = new Set<(reason: Error) => void>()
  #atEnd: (() => void)[] = []
  /** Called whenever something begins or ends. */
  onChange: () => void = () => {}
  #state: State = { type: 'open' }
  #frozen = false
  #closing = false
  #cancellation: { readonly reason?: string } | undefined

  constructor(parts: EntryParts, options: EntryOptions) {
    setMaxListeners(0, this.#controller.signal) // each step under way listens: that is no leak
    this.parts = parts
    this.entry = options.entry
    this.scopeId = scopeIdOf(options.entry)
    this.startedAt = new Date(options.startedAt)
    this.attempt = options.attempt
    this.#whenOver = options.whenOver
    this.#cancellation = options.cancellation
    const { session, clock } = parts
    const { scopeId } = this
    this.memory = new Recollection(
      input => this.ask(() => session.recall({ ...input, scopeId, now: clock.now() })),
      options.memory,
    )
  }

  get signal(): AbortSignal {
    return this.#controller.signal
  }

  get isOver(): boolean {
    return this.#state.type === 'over'
  }

  get waits(): readonly OpenWait[] {
    return [...this.#waits]
  }

  /** Its code has returned: what ends now says nothing of the scope. */
  get isClosing(): boolean {
    return this.#closing
  }

  /** Nothing but waits is under way, and there is at least one. */
  get onlyWaits(): boolean {
    return this.#underWay.size === 0 && this.#waits.size > 0
  }

  /** Runs code of the scope, which may then call its verbs, and the server's only where that is safe. */
  run<T>(code: () => T): T {
    return runIn({ scopeId: this.scopeId, races: [], inStep: false }, code)
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
        if (this.#whenOver === 'rejects') reject(reason)
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
   * Uses a key.
   *
   * @throws KeyConflictError when it was used in this entry already.
   */
  use(part: string, key: string, verb: Verb): MemoryKey {
    const at = { part, key, n: 0 }
    const name = nameOf(at)
    const before = this.#used.get(name)
    if (before !== undefined) {
      throw new KeyConflictError({
        key,
        message:
          `The key '${key}' was used for ${verbInWords(before)} already, and now for ${verbInWords(verb)}: in one entry of a ` +
          'scope a key names one call. In a loop, put the item into the key',
      })
    }
    this.#used.set(name, verb)
    return at
  }

  /**
   * What is remembered of a verb.
   *
   * @throws KeyConflictError when the key was another verb's in an earlier entry.
   * @throws RunCancelledError when nothing is, and the run is to be cancelled.
   */
  async recall<V extends Verb>(at: MemoryKey, verb: V): Promise<Begun<V> | undefined> {
    const memory = await this.memory.find(at)
    return memory === undefined ? undefined : this.checked(at, verb, memory)
  }

  /**
   * Throws the cancellation of the run here, where it is to be thrown.
   *
   * @throws RunCancelledError
   */
  async throwCancelAt(at: MemoryKey, verb: Verb): Promise<void> {
    const cancellation = this.#cancellation
    if (cancellation === undefined) return
    const { session, clock } = this.parts
    const { entry } = this
    if (!(await this.ask(() => session.throwCancel({ entry, at, verb, decides: [], now: clock.now() }))))
      return
    this.#cancellation = undefined
    throw blaming(new RunCancelledError(cancellation.reason), at)
  }

  checked<V extends Verb>(at: MemoryKey, verb: V, memory: Memory): Begun<V> {
    if (memory.verb !== verb) {
      throw new KeyConflictError({
        key: at.key,
        message:
          `The key '${at.key}' was used for ${verbInWords(memory.verb)} in an earlier entry of this scope, and now for ` +
          `${verbInWords(verb)}: across entries a key keeps its verb. Take a new key for the new call`,
      })
    }
    if (!hasBegun(memory)) throw blaming(new RunCancelledError(memory.end.reason), at)
    return memory as Begun<V>
  }

  /** Asks the store until it answers. Never settles once the entry is over. */
  async ask<T>(command: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const outcome = await command()
        return this.isOver ? await never<T>() : outcome
      } catch (error) {
        if (this.isOver) return await never<T>()
        if (!isPassing(error)) throw error
        this.parts.onError(error)
      }
      await new Promise<void>(resolve => after(this.parts.clock, RETRY_MS, resolve))
      if (this.isOver) return await never<T>()
    }
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

  begin(wait: OpenWait): void {
    this.#waits.add(wait)
    this.onChange()
  }

  finish(wait: OpenWait): void {
    this.#waits.delete(wait)
    this.onChange()
  }

  onOver(listener: (reason: Error) => void): () => void {
    this.#overListeners.add(listener)
    return () => this.#overListeners.delete(listener)
  }

  /** What is let go of when the entry is over, however it ends. */
  atEnd(letGo: () => void): void {
    this.#atEnd.push(letGo)
  }

  get cancellation(): { readonly reason?: string } | undefined {
    return this.#cancellation
  }

  /** It has been thrown, once. */
  cancelThrown(): void {
    this.#cancellation = undefined
  }

  /** Throws the cancellation where the code waits, or else at the next place that is not remembered. */
  cancel(cancellation: { readonly reason?: string }): void {
    if (this.#cancellation !== undefined || this.#state.type !== 'open') return
    this.#cancellation = cancellation
    for (const wait of this.waits) wait.look()
  }

  /** No wait may look. */
  get isFrozen(): boolean {
    return this.#frozen
  }

  /** Lets no wait look until `thaw`. Resolves when no look is under way any more. */
  async freeze(): Promise<void> {
    this.#frozen = true
    await Promise.all(this.waits.map(wait => wait.idle))
  }

  /** Lets all waits look again, for what came meanwhile. */
  thaw(): void {
    this.#frozen = false
    for (const wait of this.waits) wait.look()
  }

  /** The code has returned, or thrown: what it did not wait for is waited for, but for waits, which are given up. */
  async close(): Promise<void> {
    this.#closing = true
    for (const wait of this.waits) wait.cancel()
    while (this.#underWay.size > 0 && !this.isOver) {
      const over = new Promise<void>(resolve => this.onOver(() => resolve()))
      await Promise.race([over, Promise.allSettled([...this.#underWay])])
    }
    if (this.#state.type === 'open') this.#state = { type: 'ended' }
    this.#letGo()
  }

  /** The entry is over, whatever its code is doing. `quietly`: parked; its signal is not aborted. */
  end(reason: Error, how: 'aborting' | 'quietly' = 'aborting'): void {
    if (this.#state.type === 'over') return
    this.#state = { type: 'over', reason }
    for (const listener of [...this.#overListeners]) listener(reason)
    for (const wait of this.waits) wait.over(reason, this.#whenOver)
    this.#waits.clear()
    this.#underWay.clear()
    if (how === 'aborting') this.#controller.abort(reason)
    this.#letGo()
    this.onChange()
  }

  #letGo(): void {
    const letGo = this.#atEnd
    this.#atEnd = []
    for (const each of letGo) each()
  }

  /** Why no verb can be called now. */
  refusal(): Promise<never> | undefined {
    if (currentContext()?.inStep === true) {
      return rejectSoon(
        new ScopeEndedError(
          'A step calls no verbs of its scope: it would be run again with them. Call them beside it',
        ),
      )
    }
    if (this.#state.type === 'open') return undefined
    if (this.#state.type === 'ended') {
      return rejectSoon(
        new ScopeEndedError('The scope has ended: its handler returned, or it was acknowledged'),
      )
    }
    return this.#whenOver === 'stops' ? never() : rejectSoon(this.#state.reason)
  }
}

function verbInWords(verb: Verb): string {
  return verb === 'any' || verb === 'exchange' ? `an ${verb}` : `a ${verb}`
}

/** In a turn of its own: code that swallows every error and tries again must not starve the process. */
function rejectSoon(reason: Error): Promise<never> {
  return new Promise((_, reject) => soon(() => reject(reason)))
}

function never<T>(): Promise<T> {
  return new Promise(() => {})
}
