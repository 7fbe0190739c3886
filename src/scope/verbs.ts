import { isStorableKey, sha256Hex } from '../core/bytes.js'
import { definedOnly } from '../core/defined-only.js'
import { type Duration, toInstant } from '../core/duration.js'
import { checkOptionNames } from '../core/option-names.js'
import type { Branches, Winner } from '../core/race.js'
import type { Wait, WaitOptions } from '../core/wait.js'
import { InvalidOptionsError, ReceiverClosedError, RunCancelledError } from '../errors.js'
import type { ChildOptions } from '../model/code.js'
import { isToResend, type MemoryKey, type WaitEnd } from '../model/memory.js'
import type { Delivery, Message, Publication, Published, RememberedWaits } from '../model/message.js'
import type { ReceiverRecord } from '../model/receiver.js'
import type {
  Callback,
  Effect,
  ExchangeOptions,
  RunHandle,
  Scope,
  ScopeReceiver,
  StartOptions,
  StepOptions,
  Workflow,
} from '../model/scope.js'
import { exchangeAgain, exchangeNew, publishNew, sendNew, spawnNew, startNew } from './beginning.js'
import { Numbers } from './numbers.js'
import { OwnReceiver } from './own-receiver.js'
import { raceInScope } from './racing.js'
import { ScopeCallback } from './scope-callback.js'
import type { ScopeEntry } from './scope-entry.js'
import type { ScopeParts } from './scope-parts.js'
import { deadlineOf, type Freshness, scopeWait } from './scope-wait.js'
import { checkStep, step } from './steps.js'
import { CALLS, checkVerbKey, type KeyedVerb } from './verb-keys.js'

// The verbs of a scope: of a run, of a callback in hand, or of a callback that was read within one of those.
//
//   V1. A verb looks into memory before it does anything; what is remembered is returned, and nothing is done.
//   V2. What a verb does and what is remembered of it are one command.

export class ScopeVerbs implements Scope {
  readonly #entry: ScopeEntry
  readonly #parts: ScopeParts
  /** `''`, or the id of the callback whose verbs these are. */
  readonly #part: string

  constructor(entry: ScopeEntry, parts: ScopeParts, part = '') {
    this.#entry = entry
    this.#parts = parts
    this.#part = part
  }

  get attempt(): number {
    return this.#entry.attempt
  }

  get startedAt(): Date {
    return this.#entry.startedAt
  }

  get signal(): AbortSignal {
    return this.#entry.signal
  }

  spawn<T = unknown>(key: string, options: ChildOptions<T> = {}): Promise<ScopeReceiver<T>> {
    return this.#returns('spawn', key, this.#spawn(key, options))
  }

  async #spawn<T>(key: string, options: ChildOptions<T>): Promise<ScopeReceiver<T>> {
    const at = this.#use(key, 'spawn')
    const { patch, attach, detach } = this.#toReceiver(options)
    return await this.#entry.perform(async () => {
      const { receiver } = (await this.#entry.recall(at, 'spawn')) ?? (await spawnNew(this.#entry, at, patch))
      attach(receiver)
      this.#entry.atEnd(() => detach(receiver.id))
      return new OwnReceiver<T>(at, receiver, {
        entry: this.#entry,
        parts: this.#parts,
        toCallback: (from, end) => this.#toCallback(from, end),
      })
    })
  }

  send(key: string, message: Message): Promise<Delivery> {
    return this.#returns('send', key, this.#send(key, message))
  }

  async #send(key: string, message: Message): Promise<Delivery> {
    const at = this.#use(key, 'send')
    const { toSend } = this.#parts
    return await this.#entry.perform(async () => {
      const sent =
        (await this.#entry.recall(at, 'send')) ?? (await sendNew(this.#entry, at, { toSend, message }))
      return this.#toDelivery(at, { id: sent.deliveryId, messageId: sent.messageId })
    })
  }

  publish(key: string, publication: Publication): Promise<Published> {
    return this.#returns('publish', key, this.#publish(key, publication))
  }

  async #publish(key: string, publication: Publication): Promise<Published> {
    const at = this.#use(key, 'publish')
    const { toPublish, toPublished } = this.#parts
    return await this.#entry.perform(async () => {
      const published =
        (await this.#entry.recall(at, 'publish')) ??
        (await publishNew(this.#entry, at, { toPublish, publication }))
      return toPublished(published.messageId)
    })
  }

  exchange<T = unknown, F = never>(key: string, options: ExchangeOptions<T, F>): Wait<Callback<T> | F> {
    checkVerbKey(key, 'exchange')
    const { send: toMessage, timeout, until, signal, fallback, ...child } = options
    if (typeof toMessage !== 'function') {
      throw new InvalidOptionsError('exchange needs send: url => ({ to, body: { callback_url: url } })')
    }
    const at = this.#use(key, 'exchange')
    const { patch, attach, detach } = this.#toReceiver(child)
    const wait: WaitOptions<F> = definedOnly({ timeout, until, signal, fallback })
    const { clock } = this.#entry.parts
    const deadlineAt = deadlineOf(wait, clock.now())
    let begun: { readonly receiver: ReceiverRecord; readonly deliveryId: string } | undefined
    return scopeWait<Callback<T>, F>(this.#entry, {
      options: wait,
      what: `the answer to exchange '${key}'`,
      verb: 'exchange',
      succeeds: ['callback'],
      at,
      begin: async () => {
        const parts = this.#parts
        const known = await this.#entry.recall(at, 'exchange')
        if (known === undefined) {
          begun = await exchangeNew(this.#entry, at, { parts, patch, toMessage, deadlineAt })
        } else {
          begun = isToResend(known) ? await exchangeAgain(this.#entry, at, { parts, deadlineAt }) : known
        }
        const { receiver, deliveryId } = begun
        attach(receiver)
        this.#entry.atEnd(() => detach(receiver.id))
        const target = { type: 'exchange', receiverId: receiver.id, deliveryId } as const
        return known === undefined ? { target, fresh: toFreshness(receiver, deadlineAt) } : { target }
      },
      toValue: async end => {
        if (begun !== undefined && end.type === 'callback') {
          return (await this.#toCallback(begun.receiver, end)) as Callback<T>
        }
        if (begun !== undefined && end.type === 'dead')
          throw await this.#parts.toDeliveryError(begun.deliveryId)
        throw endError(end, `exchange '${key}'`)
      },
      onGiveUp: () => {
        // Where the code has ended, the end of the scope closes it; if it has none yet, the next entry waits on.
        if (begun === undefined || this.#entry.isOver || this.#entry.isClosing) return
        this.#parts.leave(begun.receiver.id)
      },
    })
  }

  start<I, O>(key: string, workflow: Workflow<I, O>, ...given: unknown[]): Promise<RunHandle<O>> {
    return this.#returns('start', key, this.#start(key, workflow, given))
  }

  async #start<I, O>(
    key: string,
    workflow: Workflow<I, O>,
    given: readonly unknown[],
  ): Promise<RunHandle<O>> {
    const at = this.#use(key, 'start')
    const [input, options = {}] = given as [unknown, StartOptions?]
    return await this.#entry.perform(async () => {
      const run =
        (await this.#entry.recall(at, 'start')) ??
        (await startNew(this.#entry, at, {
          run: await this.#parts.toStart(workflow, this.#runKey(at), { input, options }),
          onStarted: this.#parts.onStarted,
        }))
      const numbers = new Numbers(at)
      return this.#parts.toRun<O>(run, wait =>
        numbers.wait(this.#entry, {
          options: wait,
          what: `the result of run '${run.key}'`,
          target: { type: 'run', runId: run.runId },
          succeeds: ['run_done'],
          toValue: end => this.#parts.toRunResult<O>(run, end),
        }),
      )
    })
  }

  step<T>(key: string, effect: Effect<T>): Promise<T>
  step<T>(key: string, options: StepOptions, effect: Effect<T>): Promise<T>
  step<T>(key: string, ...given: [Effect<T>] | [StepOptions, Effect<T>]): Promise<T> {
    const [options, effect] = given.length === 1 ? [{}, given[0]] : given
    return this.#returns('step', key, this.#step(key, options, effect))
  }

  async #step<T>(key: string, options: StepOptions, effect: Effect<T>): Promise<T> {
    checkVerbKey(key, 'step')
    checkStep(options, effect)
    const at = this.#use(key, 'step')
    return await this.#entry.perform(() => step(this.#entry, at, options, effect))
  }

  sleep(key: string, time: Duration | Date): Wait<void> {
    checkVerbKey(key, 'sleep')
    if (time === undefined) {
      throw new InvalidOptionsError(`sleep needs a key and a time: ${CALLS.sleep}`)
    }
    const until = new Date(toInstant(time, this.#entry.parts.clock.now(), `The time of sleep '${key}'`))
    const at = this.#use(key, 'sleep')
    return scopeWait<void, never>(this.#entry, {
      options: { until },
      what: `the end of sleep '${key}'`,
      verb: 'sleep',
      succeeds: ['timed_out'],
      at,
      begin: () => Promise.resolve({ target: { type: 'time' } }),
      toValue: () => undefined,
    })
  }

  race<B extends Branches>(key: string, branches: B): Wait<Winner<B>> {
    return raceInScope(this.#entry, this.#use(key, 'race'), 'race', branches)
  }

  any<B extends Branches>(key: string, branches: B): Wait<Winner<B>> {
    return raceInScope(this.#entry, this.#use(key, 'any'), 'any', branches)
  }

  #use(key: string, verb: KeyedVerb): MemoryKey {
    checkVerbKey(key, verb)
    return this.#entry.use(this.#part, key, verb)
  }

  #returns<T>(verb: KeyedVerb, key: string, promise: Promise<T>): Promise<T> {
    return this.#entry.returns(promise, { [verb]: key })
  }

  /** Runs of a workflow have their keys in common, so that of one started in a scope names the scope. */
  #runKey({ part, key }: MemoryKey): string {
    const name = [this.#entry.scopeId, ...(part === '' ? [] : [part]), key].join('/')
    return isStorableKey(name) ? name : `${this.#entry.scopeId}/${sha256Hex(name)}`
  }

  #toReceiver(options: ChildOptions<unknown>): ReturnType<ScopeParts['toReceiver']> {
    checkOptionNames(options, ['from', 'schema', 'ttl', 'capacity'], 'A receiver of a scope')
    return this.#parts.toReceiver(options)
  }

  #toDelivery(at: MemoryKey, sent: { readonly id: string; readonly messageId: string }): Delivery {
    const numbers = new Numbers(at)
    const target = { type: 'delivery', deliveryId: sent.id } as const
    const waits: RememberedWaits = {
      done: options =>
        numbers.wait(this.#entry, {
          options,
          what: `the end of delivery '${at.key}'`,
          target,
          succeeds: ['delivered', 'dead'],
          toValue: end => (end.type === 'delivered' ? 'delivered' : 'dead'),
        }),
      answered: (options, toAnswer) =>
        numbers.wait(this.#entry, {
          options,
          what: `the answer to delivery '${at.key}'`,
          target,
          succeeds: ['delivered'],
          toValue: toAnswer,
        }),
    }
    return this.#parts.toDelivery(sent, waits)
  }

  async #toCallback(
    receiver: ReceiverRecord,
    { callback }: WaitEnd & { readonly type: 'callback' },
  ): Promise<Callback<unknown>> {
    const data = await this.#parts.read(receiver, callback)
    const scope = new ScopeVerbs(this.#entry, this.#parts, callback.id)
    return new ScopeCallback(callback, data, { receiver, scope, respond: this.#parts.respond })
  }
}

function toFreshness({ expiresAt }: ReceiverRecord, deadlineAt: number | undefined): Freshness {
  const lookAgainAt = Math.min(expiresAt ?? Number.POSITIVE_INFINITY, deadlineAt ?? Number.POSITIVE_INFINITY)
  return definedOnly({
    deadlineAt,
    lookAgainAt: lookAgainAt === Number.POSITIVE_INFINITY ? undefined : lookAgainAt,
  })
}

function endError(end: WaitEnd, what: string): Error {
  if (end.type === 'run_cancelled') return new RunCancelledError(end.reason)
  return new ReceiverClosedError({ receiver: what, reason: end.type === 'expired' ? 'expired' : 'closed' })
}
