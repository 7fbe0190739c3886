import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import { utf8 } from '../../../src/core/bytes.js'
import type { DeliveryClaim } from '../../../src/model/delivery.js'
import {
  type Entry,
  type MemoryKey,
  type Race,
  scopeIdOf,
  type WaitTarget,
} from '../../../src/model/memory.js'
import type { Result } from '../../../src/model/run.js'
import { memoryStore } from '../../../src/store/memory/memory-store.js'
import type { SendInput } from '../../../src/store/sending.js'
import type { CommandName, Input, Outcome, Store, StoreSession } from '../../../src/store/store.js'
import type { OtherStore } from './other-store.js'
import { sorted } from './sorted.js'

// The same as `messages`, for what scopes and runs do.

const DAY = 86_400_000
const WORKFLOWS = ['ship', 'bill']

const pick = fc.nat({ max: 1_000 })
const step = fc.record({
  op: fc.constantFrom(
    ...(['start', 'start', 'startIn', 'enter', 'enter', 'enter', 'accept', 'accept', 'accept'] as const),
    ...([
      'handle',
      'handle',
      'remember',
      'remember',
      'spawn',
      'spawn',
      'send',
      'exchange',
      'exchange',
      'resend',
      'resend',
    ] as const),
    ...([
      'decide',
      'decide',
      'decide',
      'decide',
      'decide',
      'decide',
      'throw',
      'throw',
      'park',
      'park',
    ] as const),
    ...([
      'end',
      'end',
      'fail',
      'again',
      'releaseRun',
      'reclaimRuns',
      'retryRun',
      'cancelRun',
      'cancelRun',
    ] as const),
    ...(['acknowledge', 'release', 'giveUp', 'retry', 'discard', 'close', 'attempt', 'attempt'] as const),
    ...([
      'cancelDelivery',
      'takeOver',
      'leave',
      'lapse',
      'restart',
      'sweep',
      'pass',
      'passLong',
      'passDays',
    ] as const),
  ),
  a: pick,
  b: pick,
  c: pick,
})
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** Fails with the shortest story in which it says of scopes and runs something else than the store in memory. */
export async function expectSameScopes({ open, stories }: OtherStore): Promise<void> {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 200, size: 'max' }), async steps => {
      const stores = [memoryStore(), await open()] as const
      const twin = new Twin([await stores[0].open(), await stores[1].open()], stores)
      try {
        await twin.begin()
        for (const one of steps) await twin.run(one)
        await twin.compareAll()
      } finally {
        await twin.close()
      }
    }),
    // What takes longer than that is the search for a shorter story.
    { numRuns: Number(process.env.LONGLINE_FUZZ_RUNS ?? stories), interruptAfterTimeLimit: 200_000 },
  )
}

class Twin {
  #sessions: readonly [StoreSession, StoreSession]
  readonly #stores: readonly [Store, Store]
  #now = 1_000_000
  #count = 0
  #epoch = 0
  #short = 0
  readonly #mailbox = 'rcv_0000'
  /** Those that nobody has ended here: some may be over. */
  #entries: Entry[] = []
  #over: Entry[] = []
  readonly #scopes = new Set<string>()
  readonly #runs: string[] = []
  readonly #receivers: string[] = ['rcv_0000']
  readonly #deliveries: string[] = []
  /** What each scope may wait for. */
  readonly #targets = new Map<string, WaitTarget[]>()
  /** Where they were begun. */
  readonly #exchanges = new Map<WaitTarget, MemoryKey>()
  readonly #deliveryClaims: DeliveryClaim[] = []

  constructor(sessions: readonly [StoreSession, StoreSession], stores: readonly [Store, Store]) {
    this.#sessions = sessions
    this.#stores = stores
  }

  async begin(): Promise<void> {
    await this.#join()
    const { id, token } = this.#receiver(0)
    await this.#both('spawn', { id, token, key: 'orders', now: this.#now, patch: {}, reopen: false })
  }

  async close(): Promise<void> {
    await Promise.all(this.#sessions.map(session => session.close()))
  }

  async run({ op, a, b, c }: Step): Promise<void> {
    const now = this.#now
    const entry = a % 9 === 0 ? at(this.#over, b) : this.#entries.at(-1 - (a % 3))
    const runId = at(this.#runs, b) ?? 'run_nobody'
    switch (op) {
      case 'start':
      case 'startIn':
        return this.#start(op === 'startIn' ? entry : undefined, { a, b, c })
      case 'enter':
        return this.#enter(b, c)
      case 'handle':
        return this.#handle(c)
      case 'accept':
        return this.#accept(b, c)
      case 'close':
        if (c % 5 === 0) await this.#both('closeReceiver', { receiverId: at(this.#receivers, b) ?? '', now })
        return
      case 'attempt':
        return this.#attempt(b, c)
      case 'cancelDelivery':
        await this.#both('cancelDelivery', { deliveryId: at(this.#deliveries, b) ?? '', now })
        return
      case 'retryRun':
        await this.#both('retryRun', { runId, now })
        return
      case 'cancelRun': {
        const reason = c % 2 === 0 ? { reason: `because\0${c}` } : {}
        if (c % 3 === 0) await this.#both('cancelRun', { runId, now, ...reason })
        return
      }
      case 'reclaimRuns':
        if (c % 3 === 0)
          await this.#both('reclaimRuns', { epoch: this.#epoch, held: this.#runs.slice(1), now })
        return
      case 'retry':
      case 'discard': {
        const receiverId = this.#mailbox
        const [failed] = await this.#both('listFailed', { receiverId, limit: 1 })
        const callbackId = failed?.id ?? 'cb_nobody'
        await this.#both(op === 'retry' ? 'retryFailed' : 'discardFailed', { receiverId, callbackId, now })
        return
      }
      case 'takeOver':
        return this.#takeOver()
      case 'leave':
        if (c % 8 !== 0) return
        await this.#both('leave', { epoch: this.#epoch, now })
        return this.#join()
      case 'lapse':
        if (c % 2 === 0) return
        await this.#pass(1_500)
        await this.#both('renew', { epoch: this.#short, now: this.#now, leaseMs: 1_000 })
        return
      case 'restart':
        if (c % 8 === 0) await this.#restart()
        return
      case 'sweep':
        return this.#sweep()
      case 'pass':
        return this.#pass(1 + (c % 900))
      case 'passLong':
        return this.#pass(3_000)
      case 'passDays':
        if (c % 4 === 0) await this.#pass(4 * DAY)
        return
      default:
        if (entry === undefined) return this.#beginWork(b)
        await this.#work(entry, { op, a, b, c })
    }
  }

  /** Everything there is to see. */
  async compareAll(): Promise<void> {
    const now = this.#now
    await this.#sweep()
    await this.#both('listReceivers', { now, limit: 100 })
    for (const scopeId of this.#scopes) await this.#both('recall', { scopeId, limit: 100, now })
    for (const runId of this.#runs) await this.#both('findRun', { runId })
    for (const workflow of WORKFLOWS) await this.#both('listRuns', { workflow, limit: 100 })
    for (const deliveryId of this.#deliveries) await this.#both('findDelivery', { deliveryId })
    const asked = { receiverIds: this.#receivers, deliveryIds: this.#deliveries, runIds: this.#runs }
    await this.#both('news', { now, callbackIds: [], ...asked })
    await this.#both('countDue', { now })
    for (const receiverId of this.#receivers) await this.#both('closeReceiver', { receiverId, now })
  }

  /** What is done in an entry of a scope, and what it remembers then. */
  async #work(entry: Entry, given: Step): Promise<void> {
    const { op, b, c } = given
    const now = this.#now
    const verb = toVerbPlace(b, c)
    switch (op) {
      case 'remember': {
        const result = toResult(c)
        const memory =
          c % 3 === 0
            ? ({ verb: 'race', decision: { winner: `${c}`, by: { type: 'result', result } } } as const)
            : ({ verb: 'step', result } as const)
        await this.#both('remember', { entry, at: verb, memory, now })
        break
      }
      case 'spawn': {
        const receiver = this.#newReceiver(c)
        const outcome = await this.#both('spawnInScope', { entry, at: verb, receiver, now })
        if (outcome.type === 'spawned') {
          this.#receivers.push(outcome.receiver.id)
          this.#own(entry, { type: 'receiver', receiverId: outcome.receiver.id })
        }
        break
      }
      case 'send': {
        const outcome = await this.#both('sendInScope', { entry, at: verb, send: this.#newSend(c), now })
        if (outcome.type === 'sent') {
          this.#deliveries.push(outcome.deliveryId)
          this.#own(entry, { type: 'delivery', deliveryId: outcome.deliveryId })
        }
        break
      }
      case 'exchange': {
        const begin = { receiver: this.#newReceiver(c), send: this.#newSend(b), ...toDeadline(now, c) }
        const outcome = await this.#both('exchangeInScope', { entry, at: verb, ...begin, now })
        if (outcome.type !== 'begun') break
        const { receiver, deliveryId } = outcome
        this.#receivers.push(receiver.id)
        this.#deliveries.push(deliveryId)
        this.#own(entry, { type: 'exchange', receiverId: receiver.id, deliveryId }, verb)
        break
      }
      case 'resend':
        await this.#resend(entry, given)
        break
      case 'decide':
        await this.#decide(entry, given)
        break
      case 'throw': {
        const wait = b % 2 === 0 ? ({ at: verb, verb: 'step' } as const) : this.#wait(entry, given)
        await this.#both('throwCancel', { entry, at: wait.at, verb: wait.verb, decides: toRaces(c), now })
        break
      }
      default:
        if (ENDS[entry.type].includes(op)) {
          const isOver = entry.type === 'run' ? this.#endRun(entry, given) : this.#endCallback(entry, given)
          if (await isOver) this.#isOver(entry)
        }
    }
    await this.#both('recall', { scopeId: scopeIdOf(entry), limit: 50, now })
  }

  /** Whether the entry is over then. */
  async #endRun(entry: Entry & { readonly type: 'run' }, given: Step): Promise<boolean> {
    const { op, b, c } = given
    const { claim } = entry
    const now = this.#now
    if (op === 'park') {
      const waits = [given, { ...given, a: c, c: b }].slice(0, 1 + (c % 2)).map(each => {
        const { at: place, target } = this.#wait(entry, each)
        return { at: place, target, ...toDeadline(now, each.c) }
      })
      return (await this.#both('park', { claim, waits, now })) !== 'ready'
    }
    if (op === 'releaseRun') await this.#both('releaseRun', { claim, now })
    else await this.#both('endRun', { claim, now, end: this.#endOf(entry, given) })
    return true
  }

  #endOf(entry: Entry, given: Step): Input<'endRun'>['end'] {
    const { op, c } = given
    const result = toResult(c)
    if (op === 'fail') return { status: 'failed', result, ...this.#blames(entry, given) }
    if (op === 'again') return { status: 'due', result, dueAt: this.#now + c }
    return { status: c % 2 === 0 ? 'done' : 'cancelled', result }
  }

  async #endCallback(entry: Entry & { readonly type: 'callback' }, given: Step): Promise<boolean> {
    const { op, c } = given
    const { claim } = entry
    const now = this.#now
    if (op === 'giveUp' || op === 'fail') {
      const error = { name: 'Error', message: `failed ${c}` }
      await this.#both('giveUp', { claim, now, reason: 'handler', error, ...this.#blames(entry, given) })
    } else if (op === 'release' || op === 'again') {
      await this.#both('release', { claim, now, as: c % 2 === 0 ? 'counted' : 'uncounted' })
    } else await this.#both('acknowledge', { claims: [claim], now })
    return true
  }

  #blames(entry: Entry, given: Step): { readonly blames?: MemoryKey } {
    const { b, c } = given
    if (c % 2 === 0) return {}
    return { blames: c % 4 === 1 ? this.#wait(entry, given).at : toVerbPlace(b, c) }
  }

  async #decide(entry: Entry, given: Step): Promise<void> {
    const { b, c } = given
    const now = this.#now
    const wait = this.#wait(entry, given)
    const anew = c % 7 === 0
    await this.#both('decide', { entry, ...wait, ...toDeadline(now, b), anew, decides: toRaces(c), now })
  }

  async #resend(entry: Entry, { a, b, c }: Step): Promise<void> {
    const now = this.#now
    const own = (this.#targets.get(scopeIdOf(entry)) ?? []).filter(({ type }) => type === 'exchange')
    const known = at(own, b)
    const place = (known && this.#exchanges.get(known)) ?? toVerbPlace(a, c)
    const delivery = { deliveryId: `dlv_${this.#next()}`, dueAt: now, deadlineAt: now + 5_000 + c }
    const outcome = await this.#both('resendInScope', {
      entry,
      at: place,
      delivery,
      ...toDeadline(now, c),
      now,
    })
    if (outcome.type !== 'begun') return
    const { receiver, deliveryId } = outcome
    this.#deliveries.push(deliveryId)
    this.#own(entry, { type: 'exchange', receiverId: receiver.id, deliveryId }, place)
  }

  #wait(entry: Entry, { a, b, c }: Step): Pick<Input<'decide'>, 'at' | 'verb' | 'target'> {
    const child = at(this.#runs, c)
    const others: WaitTarget[] = [
      { type: 'time' },
      { type: 'receiver', receiverId: at(this.#receivers, c) ?? '' },
      ...(child === undefined ? [] : [{ type: 'run' as const, runId: child }]),
    ]
    const own = this.#targets.get(scopeIdOf(entry)) ?? []
    const target = (a % 6 === 0 ? undefined : own.at(-1 - (b % 4))) ?? at(others, a) ?? { type: 'time' }
    if (target.type === 'time') return { at: toVerbPlace(b, c), verb: 'sleep', target }
    const exchange = target.type === 'exchange' ? this.#exchanges.get(target) : undefined
    if (exchange !== undefined) return { at: exchange, verb: 'exchange', target }
    return { at: { part: '', key: `key/${b % 6}`, n: 1 + (c % 3) }, verb: 'wait', target }
  }

  #own(entry: Entry, target: WaitTarget, exchange?: MemoryKey): void {
    const scopeId = scopeIdOf(entry)
    this.#targets.set(scopeId, [...(this.#targets.get(scopeId) ?? []), target])
    if (exchange !== undefined) this.#exchanges.set(target, exchange)
  }

  async #beginWork(b: number): Promise<void> {
    if (b % 2 === 0) {
      await this.#accept(b, 1)
      await this.#handle(1)
      return
    }
    await this.#start(undefined, { a: 1, b: 0, c: b })
    await this.#enter(5, 1)
  }

  /** Nobody works in it any more, if he was told the truth. */
  #isOver(entry: Entry): void {
    this.#entries = this.#entries.filter(other => other !== entry)
    this.#over = [...this.#over, entry].slice(-5)
  }

  async #start(entry: Entry | undefined, { a, b, c }: Pick<Step, 'a' | 'b' | 'c'>): Promise<void> {
    const now = this.#now
    const n = this.#next()
    const handled = this.#entries.at(-1)
    const outcome = await this.#both('startRun', {
      runId: `run_${n}`,
      workflow: WORKFLOWS[c % 2] ?? '',
      key: a % 3 === 0 ? `order/${b % 3}` : n,
      input: utf8(`input ${n}`.repeat(1 + (c % 3))),
      dueAt: now + (b % 3) * 300,
      now,
      ...(entry === undefined ? {} : { in: { entry, at: toVerbPlace(b, c) } }),
      ...(c % 5 === 0 && handled?.type === 'callback' ? { acknowledges: handled.claim } : {}),
    })
    if (outcome.type === 'started' && outcome.created) this.#runs.push(outcome.run.id)
  }

  async #enter(b: number, c: number): Promise<void> {
    const epoch = c % 10 === 0 ? this.#short : this.#epoch
    const workflows = { ship: 1 + (b % 3), bill: b % 3 }
    const { claimed } = await this.#both('claimRuns', { epoch, now: this.#now, limit: 100, workflows })
    for (const { run, fence } of claimed) {
      this.#addEntry({ type: 'run', claim: { runId: run.id, epoch, fence } })
    }
  }

  async #handle(c: number): Promise<void> {
    const epoch = c % 10 === 0 ? this.#short : this.#epoch
    const receiverId = c % 9 === 0 ? (at(this.#receivers, c) ?? '') : this.#mailbox
    const { callbacks } = await this.#both('claim', {
      receiverId,
      epoch,
      limit: 1,
      now: this.#now,
      ordered: false,
    })
    for (const { id: callbackId, fence } of callbacks) {
      this.#addEntry({ type: 'callback', claim: { receiverId, callbackId, epoch, fence } })
    }
  }

  #addEntry(entry: Entry): void {
    this.#entries.push(entry)
    this.#scopes.add(scopeIdOf(entry))
  }

  async #accept(b: number, c: number): Promise<void> {
    await this.#both('accept', {
      callbackId: `cb_${this.#next()}`,
      receiverId: (c % 4 === 1 ? this.#mailbox : this.#receivers.at(-1 - (b % 5))) ?? '',
      now: this.#now,
      method: 'POST',
      path: '',
      query: '',
      headers: '[]',
      body: new Uint8Array(c % 9 === 0 ? 10_000 : c % 50).fill(b % 256),
      dedupeUntil: this.#now + 1_000,
      content: 'good',
      capacity: 8,
    })
  }

  async #attempt(b: number, c: number): Promise<void> {
    const now = this.#now
    const claim = at(this.#deliveryClaims, b)
    if (c % 2 === 0 || claim === undefined) {
      const epoch = this.#epoch
      const lanes = { 'endpoint:a': 1 + (b % 3) } as const
      const { claimed } = await this.#both('claimDeliveries', {
        epoch,
        now,
        limit: 100,
        lanes,
        originRoom: 0,
      })
      for (const { delivery, fence } of claimed) {
        this.#deliveryClaims.push({ deliveryId: delivery.id, epoch, fence })
      }
      return
    }
    const next =
      c % 3 === 0 ? ({ status: 'dead', reason: 'exhausted' } as const) : ({ status: 'delivered' } as const)
    await this.#both('recordAttempt', { claim, now, attempt: { at: now, durationMs: 1, status: 200 }, next })
  }

  async #join(): Promise<void> {
    const long = await this.#both('join', { node: 'long', now: this.#now, leaseMs: 1_000 * DAY })
    const short = await this.#both('join', { node: 'short', now: this.#now, leaseMs: 1_000 })
    this.#epoch = long.epoch
    this.#short = short.epoch
  }

  /** Where others may be at the store, a node is lost when somebody has found it to be, and not as soon as its lease ran out. */
  async #pass(ms: number): Promise<void> {
    this.#now += ms
    if (!this.#stores[1].exclusive) await this.#takeOver()
  }

  async #takeOver(): Promise<void> {
    await this.#both('takeOver', { now: this.#now, maxCrashes: 3, limit: 1_000 })
  }

  async #restart(): Promise<void> {
    // Where others may be at the store, a restart ends nobody's epoch.
    if (!this.#stores[1].exclusive) return
    await this.close()
    this.#sessions = [await this.#stores[0].open(), await this.#stores[1].open()]
    await this.#join()
  }

  /** What one sweep leaves for the next, because a scope ended in it, is the store's own business. */
  async #sweep(): Promise<void> {
    const retention = {
      callbacksMs: 3 * DAY,
      messagesMs: 5 * DAY,
      bodiesMs: 5 * DAY,
      failingMs: 1e15,
      keylessMs: 5 * DAY,
      runsMs: 5 * DAY,
    }
    const [expected, actual] = [new Map<string, number>(), new Map<string, number>()]
    for (const [session, told] of [
      [this.#sessions[0], expected],
      [this.#sessions[1], actual],
    ] as const) {
      const add = (what: string, count: number) => told.set(what, (told.get(what) ?? 0) + count)
      for (let time = 0; time < 4; time++) {
        const swept = await session.sweep({ now: this.#now, ...retention, limit: 1_000 })
        for (const { receiverId, unread } of swept.ended) add(`${receiverId} ended with ${unread} unread`, 1)
        for (const { receiverId, callbacks } of swept.dropped) add(`dropped of ${receiverId}`, callbacks)
        for (const deliveryId of swept.expiredDeliveryIds) add(`${deliveryId} expired`, 1)
      }
    }
    deepStrictEqual(actual, expected)
  }

  #next(): string {
    return String(this.#count++).padStart(4, '0')
  }

  #newReceiver(c: number): Input<'spawnInScope'>['receiver'] {
    const patch =
      c % 5 === 0 ? { source: 's', brings: ['verify'] as const } : c % 3 === 0 ? { ttlMs: 1_000 + c } : {}
    return { ...this.#receiver(1 + this.#count++), patch }
  }

  #receiver(n: number): { readonly id: string; readonly token: string } {
    const name = String(n).padStart(4, '0')
    return { id: `rcv_${name}`, token: `token_${name}` }
  }

  #newSend(c: number): SendInput {
    const n = this.#next()
    const message = {
      id: `msg_${n}`,
      ...(c % 3 === 0 ? { key: 'the same' } : {}),
      lane: 'endpoint:a' as const,
      method: 'POST',
      path: '/x',
      query: '',
      headers: [],
      body: new Uint8Array(c % 40),
      createdAt: this.#now,
    }
    return { message, deliveryId: `dlv_${n}`, dueAt: this.#now, deadlineAt: this.#now + 5_000 + c }
  }

  async #both<N extends CommandName>(name: N, input: Input<N>): Promise<Outcome<N>> {
    const [memory, other] = this.#sessions
    const ask = async (session: StoreSession): Promise<{ outcome: Outcome<N> } | { refused: string }> => {
      try {
        return { outcome: await (session[name] as (input: Input<N>) => Promise<Outcome<N>>)(input) }
      } catch (error) {
        return { refused: error instanceof Error ? error.name : 'no error' }
      }
    }
    const [expected, actual] = [await ask(memory), await ask(other)]
    deepStrictEqual(
      toComparable(actual),
      toComparable(expected),
      `${name} ${JSON.stringify(input)}:\n${this.#stores[1].name} ${JSON.stringify(actual)}\nmemory ${JSON.stringify(expected)}`,
    )
    if ('refused' in expected) return { type: expected.refused } as Outcome<N>
    return expected.outcome
  }
}

/** Sets have no order. */
function toComparable(answer: object): unknown {
  if (!('outcome' in answer)) return answer
  const { outcome } = answer
  if (typeof outcome !== 'object' || outcome === null || Array.isArray(outcome)) return outcome
  return Object.fromEntries(
    Object.entries(outcome).map(([name, value]) => [name, SETS.has(name) ? sorted(value) : value]),
  )
}

/** What ends an entry, if not for everybody. */
const ENDS: Readonly<Record<Entry['type'], readonly string[]>> = {
  run: ['park', 'end', 'fail', 'again', 'releaseRun'],
  callback: ['acknowledge', 'end', 'fail', 'again', 'release', 'giveUp'],
}

const SETS = new Set(['receiverIds', 'claimed'])

function toVerbPlace(b: number, c: number): MemoryKey {
  return { part: c % 11 === 0 ? 'cb_part' : '', key: `key/${b % 6}`, n: 0 }
}

function toDeadline(now: number, c: number): { readonly deadlineAt?: number } {
  return c % 3 === 0 ? {} : { deadlineAt: now + (c % 5) * 400 }
}

function toResult(c: number): Result {
  return { type: c % 2 === 0 ? 'error' : 'value', bytes: new Uint8Array(c % 60).fill(c % 256) }
}

function toRaces(c: number): readonly Race[] {
  if (c % 3 !== 0) return []
  const at = (key: string): MemoryKey => ({ part: '', key, n: 0 })
  const inner: Race = {
    at: at(`race/${c % 4}`),
    verb: 'race',
    branch: `${c % 2}`,
    wins: ['callback', 'timed_out', 'cancel'],
  }
  const outer: Race = { at: at(`outer/${c % 3}`), verb: 'any', branch: 'x', wins: ['callback'] }
  return c % 2 === 0 ? [inner] : [inner, outer]
}

function at<T>(list: readonly T[], index: number): T | undefined {
  return list.length === 0 ? undefined : list[index % list.length]
}
