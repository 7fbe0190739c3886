import { soon } from '../core/clock.js'
import { StoreUnavailableError } from '../errors.js'
import type { CommandName, Commands, Input, Outcome, StoreSession, Wake } from './store.js'
import { wakesAfter, wakesBefore } from './wakes.js'

// Many commands, one commit. What arrives while the executor has as many batches as it takes goes into the next one.
//
// Owns:   the queue before the commit, the batches under way, the listeners for wake-ups.
// Leaves: carrying batches out, and giving each command an outcome of its own, to the executor.
//
//   G1. Commands reach the executor in the order in which they were sent (S10).
//   G2. A batch leaves at the end of the turn, so requests that arrive together share a commit. Where the executor works
//       beside us it leaves as soon as it is worth a commit, and the executor need not wait for the turn to end.
//   G3. A promise resolves after the commit, and wake-ups go out after that. What is added is also announced when it has
//       joined the queue: a look that this causes is in the same commit, and needs no second one.
//   G4. What has no outcome yet is bounded. Past the bounds what strangers and callers add is refused with an error that
//       may be retried; what ends work (acks, releases, renewals) is always let in, or the queue could never drain.

export type Command = { [N in CommandName]: { readonly name: N; readonly input: Input<N> } }[CommandName]

/** What became of one command. */
export type Result<T = unknown> =
  | { readonly ok: true; readonly outcome: T }
  | { readonly ok: false; readonly error: Error }

/** Carries batches out, in the order in which it is given them. */
export interface Executor {
  readonly pace: CommitPace
  /** A result for each command, in their order. Rejects when what became of the whole batch is not known. */
  execute(batch: readonly Command[]): Promise<readonly Result[]>
  close(): Promise<void>
}

/** How an executor is given its batches. */
export interface CommitPace {
  /** How many it takes before it has answered the first. What waits there may share a commit. */
  readonly batches: number
  /** So many commands need not wait for the end of the turn. */
  readonly worthwhile: number
}

/** For an executor that does nothing while we do something. */
export const IN_TURN: CommitPace = { batches: 1, worthwhile: Number.POSITIVE_INFINITY }

export interface Limits {
  readonly queuedCommands: number
  readonly queuedBytes: number
  readonly batchCommands: number
  readonly batchBytes: number
}

const MIB = 1024 * 1024
export const LIMITS: Limits = {
  queuedCommands: 10_000,
  queuedBytes: 64 * MIB,
  batchCommands: 1_000,
  batchBytes: 8 * MIB,
}

interface Queued {
  readonly command: Command
  readonly bytes: number
  readonly resolve: (outcome: unknown) => void
  readonly reject: (error: unknown) => void
}

type Methods = { readonly [N in CommandName]: (input: Input<N>) => Promise<Outcome<N>> }

/** A session whose commands share commits. */
export function createSession(executor: Executor, limits: Limits = LIMITS): StoreSession {
  const queue = new GroupCommit(executor, limits)
  const method =
    <N extends CommandName>(name: N) =>
    (input: Input<N>) =>
      queue.send<N>(name, input)

  const methods: Methods = {
    join: method('join'),
    renew: method('renew'),
    leave: method('leave'),
    takeOver: method('takeOver'),
    sweep: method('sweep'),
    countDue: method('countDue'),
    spawn: method('spawn'),
    findReceiver: method('findReceiver'),
    listReceivers: method('listReceivers'),
    accept: method('accept'),
    closeReceiver: method('closeReceiver'),
    answer: method('answer'),
    findAnswer: method('findAnswer'),
    claim: method('claim'),
    acknowledge: method('acknowledge'),
    release: method('release'),
    reclaim: method('reclaim'),
    giveUp: method('giveUp'),
    listFailed: method('listFailed'),
    retryFailed: method('retryFailed'),
    discardFailed: method('discardFailed'),
    news: method('news'),
    send: method('send'),
    claimDeliveries: method('claimDeliveries'),
    recordAttempt: method('recordAttempt'),
    releaseDelivery: method('releaseDelivery'),
    reclaimDeliveries: method('reclaimDeliveries'),
    findDelivery: method('findDelivery'),
    listAttempts: method('listAttempts'),
    cancelDelivery: method('cancelDelivery'),
    putTopic: method('putTopic'),
    listTopics: method('listTopics'),
    deleteTopic: method('deleteTopic'),
    putSubscription: method('putSubscription'),
    findSubscription: method('findSubscription'),
    listSubscriptions: method('listSubscriptions'),
    deleteSubscription: method('deleteSubscription'),
    proveSubscription: method('proveSubscription'),
    findLane: method('findLane'),
    pauseLane: method('pauseLane'),
    resumeLane: method('resumeLane'),
    publish: method('publish'),
    claimFanOut: method('claimFanOut'),
    fanOut: method('fanOut'),
    listDeliveries: method('listDeliveries'),
    readAttempts: method('readAttempts'),
    readDead: method('readDead'),
    findMessage: method('findMessage'),
    redeliver: method('redeliver'),
    claimEnds: method('claimEnds'),
    settleEnd: method('settleEnd'),
    beginExchange: method('beginExchange'),
    takeAnswer: method('takeAnswer'),
    recall: method('recall'),
    remember: method('remember'),
    spawnInScope: method('spawnInScope'),
    sendInScope: method('sendInScope'),
    publishInScope: method('publishInScope'),
    exchangeInScope: method('exchangeInScope'),
    resendInScope: method('resendInScope'),
    decide: method('decide'),
    throwCancel: method('throwCancel'),
    startRun: method('startRun'),
    claimRuns: method('claimRuns'),
    park: method('park'),
    endRun: method('endRun'),
    releaseRun: method('releaseRun'),
    reclaimRuns: method('reclaimRuns'),
    retryRun: method('retryRun'),
    cancelRun: method('cancelRun'),
    findRun: method('findRun'),
    listRuns: method('listRuns'),
  }
  return {
    ...methods,
    subscribe: listener => queue.subscribe(listener),
    close: () => queue.close(),
  }
}

class GroupCommit {
  readonly #executor: Executor
  readonly #limits: Limits
  readonly #listeners = new Set<(wake: Wake) => void>()
  #queue: Queued[] = []
  /** Commands without an outcome, and their bytes: in the queue, or under way. */
  #open = 0
  #openBytes = 0
  #underWay = 0
  /** A batch leaves at the end of this turn. */
  #leaving = false
  #closing: Promise<void> | undefined
  #onIdle: (() => void) | undefined

  constructor(executor: Executor, limits: Limits) {
    this.#executor = executor
    this.#limits = limits
  }

  send<N extends CommandName>(name: N, input: Input<N>): Promise<Outcome<N>> {
    if (this.#closing !== undefined)
      return Promise.reject(new StoreUnavailableError('The store has been closed'))
    const command = { name, input } as Command
    const bytes = bytesOf(command)
    if (isAdding(name) && this.#isFull(bytes)) {
      return Promise.reject(
        new StoreUnavailableError('The store cannot keep up: too much is waiting to be written'),
      )
    }
    const done = new Promise<Outcome<N>>((resolve, reject) => {
      this.#queue.push({ command, bytes, resolve: resolve as (outcome: unknown) => void, reject })
    })
    this.#open++
    this.#openBytes += bytes
    try {
      this.#tell(wakesBefore[name]?.(input) ?? [])
    } finally {
      this.#proceed()
    }
    return done
  }

  subscribe(listener: (wake: Wake) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  close(): Promise<void> {
    this.#closing ??= this.#idle().then(() => this.#executor.close())
    return this.#closing
  }

  #idle(): Promise<void> {
    if (this.#open === 0) return Promise.resolve()
    return new Promise(resolve => {
      this.#onIdle = resolve
    })
  }

  #isFull(bytes: number): boolean {
    return (
      this.#open >= this.#limits.queuedCommands ||
      (this.#open > 0 && this.#openBytes + bytes > this.#limits.queuedBytes)
    )
  }

  /** Sends off what is worth it now, and sees to it that the rest follows. */
  #proceed(): void {
    while (this.#hasRoom && this.#queue.length >= this.#executor.pace.worthwhile) this.#next()
    if (!this.#hasRoom || this.#leaving || this.#queue.length === 0) return
    this.#leaving = true
    soon(() => {
      this.#leaving = false
      this.#next()
      this.#proceed()
    })
  }

  get #hasRoom(): boolean {
    return this.#underWay < this.#executor.pace.batches
  }

  #next(): void {
    if (!this.#hasRoom || this.#queue.length === 0) return
    const batch = this.#takeBatch()
    this.#underWay++
    this.#executor.execute(batch.map(queued => queued.command)).then(
      results => this.#finish(batch, () => this.#settle(batch, results)),
      (error: unknown) =>
        this.#finish(batch, () => {
          for (const queued of batch) queued.reject(error)
        }),
    )
  }

  /**
   * An executor with nothing left to do gets the next batch in the same tick. Also when a listener throws: the queue must
   * not stand still for it.
   */
  #finish(batch: readonly Queued[], tell: () => void): void {
    this.#underWay--
    for (const { bytes } of batch) {
      this.#open--
      this.#openBytes -= bytes
    }
    try {
      tell()
    } finally {
      if (this.#underWay === 0) this.#next()
      this.#proceed()
      if (this.#open === 0) this.#onIdle?.()
    }
  }

  #takeBatch(): Queued[] {
    let bytes = 0
    let count = 0
    for (const queued of this.#queue) {
      if (count >= this.#limits.batchCommands) break
      if (count > 0 && bytes + queued.bytes > this.#limits.batchBytes) break
      bytes += queued.bytes
      count++
    }
    return this.#queue.splice(0, count)
  }

  #settle(batch: readonly Queued[], results: readonly Result[]): void {
    for (const [index, { resolve, reject }] of batch.entries()) {
      const result = results[index]
      if (result === undefined) reject(new StoreUnavailableError('The store gave no answer to this command'))
      else if (result.ok) resolve(result.outcome)
      else reject(result.error)
    }
    if (this.#listeners.size === 0) return
    for (const [index, { command }] of batch.entries()) this.#tell(wakesOf(command, results[index]))
  }

  #tell(wakes: readonly Wake[]): void {
    for (const wake of wakes) {
      for (const listener of [...this.#listeners]) listener(wake)
    }
  }
}

/** Whom to wake for what became of a command. */
export function wakesOf<N extends CommandName>(
  { name, input }: { readonly name: N; readonly input: Input<N> },
  result: Result | undefined,
): readonly Wake[] {
  return result?.ok === true ? (wakesAfter[name]?.(input, result.outcome as Outcome<N>) ?? []) : []
}

/** What strangers or callers add to the store. */
function isAdding(name: keyof Commands): boolean {
  return name === 'accept' || name === 'send' || name === 'beginExchange'
}

function bytesOf(command: Command): number {
  switch (command.name) {
    case 'accept':
      return command.input.body.length + command.input.headers.length
    case 'send':
      return command.input.message.body.length
    case 'beginExchange':
      return command.input.send.message.body.length
    default:
      return 0
  }
}
