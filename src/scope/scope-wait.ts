import { after } from '../core/clock.js'
import { formatMs, toInstant, toMs } from '../core/duration.js'
import { Looks } from '../core/looks.js'
import { checkFallback, createWait, type PendingWait, type Wait, type WaitOptions } from '../core/wait.js'
import { CancelledError, RunCancelledError, TimeoutError } from '../errors.js'
import {
  type Begun,
  decideRaces,
  type MemoryKey,
  type Race,
  type WaitEnd,
  type WaitEndType,
  type WaitTarget,
} from '../model/memory.js'
import type { ParkedWait } from '../store/running.js'
import type { Watched } from '../store/watch.js'
import { blaming } from './blame.js'
import { type BranchOf, currentContext } from './context.js'
import type { WhenOver } from './entry-life.js'
import type { OpenWait } from './open-waits.js'
import { rememberPlace, rememberValue } from './remembered-waits.js'
import type { ScopeEntry } from './scope-entry.js'

// A wait in a scope. How it ends is one fact, decided by the store and remembered; here is who asks for it, and when.
//
//   P1. It looks when it is made, when something it waits for may have changed, and at its deadline.
//   P2. What is remembered stands: on re-entry it ends as it ended, whatever has come since.
//   P3. Given up, it gives its number back. What was decided for it meanwhile is the next wait's of that number.

export interface ScopeWaitOptions<T, F> {
  readonly options: WaitOptions<F>
  /** In words: `a callback of 'answer'`. */
  readonly what: string
  readonly verb: 'wait' | 'sleep' | 'exchange'
  /** The ends with which the wait succeeds: what `any` counts. */
  readonly succeeds: readonly WaitEndType[]
  /** Where it is remembered. */
  readonly at: MemoryKey
  /** A wait of this number was given up before. */
  readonly anew?: boolean
  /** What it is for: known at once, or when what goes before has been done. */
  readonly begin: () => Promise<Beginning>
  /** What the caller gets of an end; throws what he gets instead. Time-outs and cancellations are not its business. */
  readonly toValue: (end: WaitEnd) => T | Promise<T>
  readonly onGiveUp?: () => void
}

/** What a wait is for, once that is known. */
export interface Beginning {
  readonly target: WaitTarget
  /** It has only just been made: nothing is there to be found. */
  readonly fresh?: Freshness
}

export interface Freshness {
  readonly deadlineAt?: number
  /** The deadline, or when the receiver expires, whichever is first. */
  readonly lookAgainAt?: number
}

const ALL_ENDS: readonly WaitEndType[] = [
  'callback',
  'timed_out',
  'closed',
  'expired',
  'delivered',
  'dead',
  'run_done',
  'run_failed',
  'run_cancelled',
  'cancel',
]

export function scopeWait<T, F>(entry: ScopeEntry, how: ScopeWaitOptions<T, F>): Wait<T | F> {
  const wait = new ScopeWait(entry, how)
  rememberPlace(wait.promise, how.at)
  return wait.promise
}

class ScopeWait<T, F> implements OpenWait {
  readonly promise: Wait<T | F>
  readonly #entry: ScopeEntry
  readonly #how: ScopeWaitOptions<T, F>
  readonly #pending: PendingWait<T | F>
  readonly #races: readonly BranchOf[]
  readonly #looks = new Looks(() => this.#look())
  /** As the caller asked for; the store may know of an earlier one. */
  readonly #deadlineAt: number | undefined
  readonly #deadlineInWords: string
  /** As the store has it, from the first time that this wait was made. */
  #fixedDeadlineAt: number | undefined
  #target: WaitTarget | undefined
  #anew: boolean
  #stops: (() => void)[] = []
  #stopTimer: () => void = () => {}
  #stopHeeding: () => void = () => {}

  constructor(entry: ScopeEntry, how: ScopeWaitOptions<T, F>) {
    this.#entry = entry
    this.#how = how
    this.#anew = how.anew ?? false
    const { clock } = entry.parts
    const context = currentContext()
    this.#races = context?.scopeId === entry.scopeId ? context.races : []
    const { signal, timeout, until, fallback } = how.options
    checkFallback(fallback)
    this.#deadlineAt = deadlineOf(how.options, clock.now())
    this.#deadlineInWords =
      timeout === undefined ? `at ${until?.toISOString()}` : `after ${formatMs(toMs(timeout, 'timeout'))}`
    this.#pending = createWait<T | F>({
      clock,
      what: how.what,
      onGiveUp: () => this.#giveUp(),
      ...(signal === undefined ? {} : { signal: this.#heed(signal) }),
    })
    this.promise = this.#pending.wait
    if (this.#pending.pending) void this.#start()
    else how.onGiveUp?.()
  }

  toParked(): ParkedWait {
    if (this.#target === undefined) throw new Error('a wait that has not begun cannot be parked')
    const deadlineAt = this.#fixedDeadlineAt ?? this.#deadlineAt
    return { at: this.#how.at, target: this.#target, ...(deadlineAt === undefined ? {} : { deadlineAt }) }
  }

  look(): void {
    this.#looks.again()
  }

  get idle(): Promise<void> {
    return this.#looks.finished
  }

  cancel(): void {
    this.promise.cancel()
  }

  over(reason: Error, whenOver: WhenOver): void {
    this.#rest()
    if (whenOver === 'rejects') this.#pending.fail(reason)
  }

  /** The signal, until the entry is over: code that stops there hears nothing more, also where the signal is its own. */
  #heed(signal: AbortSignal): AbortSignal {
    if (!(signal instanceof AbortSignal) || signal.aborted) return signal
    const controller = new AbortController()
    const abort = () => {
      if (!this.#entry.isOver) controller.abort(signal.reason)
    }
    signal.addEventListener('abort', abort)
    this.#stopHeeding = () => signal.removeEventListener('abort', abort)
    return controller.signal
  }

  /** Throws the cancellation of the run here. */
  async #throwCancel(): Promise<boolean> {
    const { at, verb } = this.#how
    const end = await this.#entry.throwCancel(at, verb, this.#decides)
    if (end === undefined) return false
    this.#remember(end)
    await this.#settle(end)
    return true
  }

  async #start(): Promise<void> {
    try {
      const refusal = this.#entry.refusal()
      if (refusal !== undefined) return void (await refusal)
      const { target, fresh } = await this.#entry.perform(() => this.#how.begin())
      this.#target = target
      if (this.#entry.isOver) return
      if (this.#entry.isClosing) this.cancel() // its code returned meanwhile
      if (!this.#pending.pending) return this.#how.onGiveUp?.()
      this.#entry.begin(this)
      this.#watch(target)
      if (fresh === undefined || !this.#waitOn(fresh)) this.look()
    } catch (error) {
      this.#rest()
      this.#pending.fail(error)
    }
  }

  async #look(): Promise<void> {
    const target = this.#target
    if (target === undefined || !this.#pending.pending || this.#entry.isOver || this.#entry.waits.isFrozen)
      return
    try {
      const known = await this.#recall()
      if (!this.#pending.pending) return
      if (known?.end !== undefined) return await this.#settle(known.end)
      if (await this.#throwCancel()) return
      await this.#decide(target)
    } catch (error) {
      this.#end(() => this.#pending.fail(error))
    }
  }

  async #recall(): Promise<Begun<'wait' | 'sleep' | 'exchange'> | undefined> {
    const { at, verb } = this.#how
    return await this.#entry.recall(at, verb)
  }

  async #decide(target: WaitTarget): Promise<void> {
    const { session } = this.#entry.parts
    const { at, verb } = this.#how
    const deadline = this.#deadlineAt === undefined ? {} : { deadlineAt: this.#deadlineAt }
    const anew = this.#anew
    const decides = this.#decides
    const outcome = await this.#entry.tell(now =>
      session.decide({ entry: this.#entry.entry, at, verb, target, ...deadline, anew, decides, now }),
    )
    if (outcome.type === 'raced') return // whoever made the race gives this wait up
    if (outcome.type === 'ended') {
      this.#remember(outcome.end)
      return await this.#settle(outcome.end)
    }
    this.#anew = false
    this.#lookAgain(outcome)
  }

  /** P1, without a first look where it would be in vain. `false`: there is a reason to look. */
  #waitOn(fresh: Freshness): boolean {
    const isDue = fresh.lookAgainAt !== undefined && fresh.lookAgainAt <= this.#now
    if (isDue || this.#entry.cancellation !== undefined) return false
    this.#lookAgain(fresh)
    return true
  }

  #lookAgain({ deadlineAt, lookAgainAt }: Freshness): void {
    this.#fixedDeadlineAt = deadlineAt
    const next = lookAgainAt ?? deadlineAt
    this.#stopTimer()
    if (next === undefined || !this.#pending.pending) return
    this.#stopTimer = after(this.#entry.parts.clock, Math.max(0, next - this.#now), () => this.look())
  }

  /** What the store remembers of it and of the races that it has decided. */
  #remember(end: WaitEnd): void {
    const { memory } = this.#entry
    const { at } = this.#how
    const known = memory.peek(at)
    if (known?.verb === 'exchange' && 'receiver' in known) memory.put(at, { ...known, end })
    else memory.put(at, { verb: this.#how.verb === 'sleep' ? 'sleep' : 'wait', end })
    for (const race of decideRaces(at, end.type, this.#decides)) memory.put(race.at, race.memory)
  }

  /** Settles as it ended, now or in an earlier entry. */
  async #settle(end: WaitEnd): Promise<void> {
    const failed = (error: unknown) => this.#end(() => this.#pending.fail(blaming(error, this.#how.at)))
    const value = new Promise<T | F>(resolve => resolve(this.#valueOf(end)))
    await value.then(found => this.#end(() => this.#pending.fulfil(found)), failed)
  }

  async #recallValue(): Promise<T | F> {
    const { at } = this.#how
    const known = await this.#recall()
    if (known?.end === undefined) throw new CancelledError()
    try {
      return await this.#valueOf(known.end)
    } catch (error) {
      throw blaming(error, at)
    }
  }

  #valueOf(end: WaitEnd): T | F | Promise<T> {
    if (end.type === 'cancel') throw new RunCancelledError(end.reason)
    if (end.type !== 'timed_out' || this.#how.verb === 'sleep') return this.#how.toValue(end)
    const { fallback } = this.#how.options
    if (fallback !== undefined) return fallback()
    throw new TimeoutError(`Timed out ${this.#deadlineInWords}, waiting for ${this.#how.what}`)
  }

  #end(settle: () => unknown): void {
    this.#rest()
    this.#entry.finish(this)
    if (!this.#entry.isOver) settle()
  }

  #giveUp(): void {
    rememberValue(this.promise, () => this.#recallValue())
    this.#rest()
    this.#entry.finish(this)
    if (this.#target !== undefined) this.#how.onGiveUp?.()
  }

  #watch(target: WaitTarget): void {
    const { watch } = this.#entry.parts
    this.#stops = watchedOf(target).map(what => watch.watch(what, () => this.look()))
  }

  #rest(): void {
    this.#stopTimer()
    this.#stopHeeding()
    for (const stop of this.#stops) stop()
    this.#stops = []
  }

  get #decides(): readonly Race[] {
    const succeeds =
      this.#how.options.fallback === undefined
        ? this.#how.succeeds
        : [...this.#how.succeeds, 'timed_out' as const]
    // Within an `any`, and whatever is around it, only success counts, and that the run is cancelled.
    let wins: readonly WaitEndType[] = ALL_ENDS
    return this.#races.map(race => {
      if (race.verb === 'any') wins = [...succeeds, 'cancel']
      return { ...race, wins }
    })
  }

  get #now(): number {
    return this.#entry.parts.clock.now()
  }
}

/** As an instant of the wall clock, which the store compares with its own. */
export function deadlineOf({ timeout, until }: WaitOptions<unknown>, now: number): number | undefined {
  const instants = [
    ...(timeout === undefined ? [] : [now + toMs(timeout, 'timeout')]),
    ...(until === undefined ? [] : [toInstant(until, now, 'until')]),
  ]
  return instants.length === 0 ? undefined : Math.min(...instants)
}

function watchedOf(target: WaitTarget): readonly Watched[] {
  switch (target.type) {
    case 'time':
      return []
    case 'receiver':
      return [{ kind: 'receiver', id: target.receiverId }]
    case 'delivery':
      return [{ kind: 'delivery', id: target.deliveryId }]
    case 'run':
      return [{ kind: 'run', id: target.runId }]
    case 'exchange':
      return [
        { kind: 'receiver', id: target.receiverId },
        { kind: 'dead', id: target.deliveryId }, // that it was delivered ends nothing
      ]
  }
}
