import { StoreUnavailableError } from '../../errors.js'
import type { CommandName, Commands, Input, Outcome, Store, StoreSession, Wake } from '../store.js'
import { wakesAfter } from '../wakes.js'
import { callbackCommands } from './callbacks.js'
import { Data } from './data.js'
import { decidingCommands } from './deciding.js'
import { endCommands } from './ends.js'
import { exchangeCommands } from './exchanges.js'
import { historyCommands } from './history.js'
import { laneCommands } from './lanes.js'
import { endEveryEpoch, nodeCommands } from './nodes.js'
import { outboxCommands } from './outbox.js'
import { publicationCommands } from './publications.js'
import { receiverCommands } from './receivers.js'
import { runEndCommands } from './run-ends.js'
import { runCommands } from './runs.js'
import { subscriptionCommands } from './subscriptions.js'
import { topicCommands } from './topics.js'
import { verbCommands } from './verbs.js'

/**
 * A store that lives and dies with the process: for tests and throw-away scripts. What it holds belongs to the value,
 * not to a session: closing it and opening it again is what a restart of the process is to a store on a disk.
 *
 * ```ts
 * const server = await CallbackServer.open({ store: memoryStore(), publicUrl: 'https://hooks.example.com' })
 * ```
 */
export function memoryStore(): Store {
  const data = new Data()
  let current: MemorySession | undefined
  return {
    name: 'memory',
    exclusive: true,
    open(): Promise<StoreSession> {
      current?.end('The store was opened again; what was opened before is over')
      endEveryEpoch(data)
      current = new MemorySession(data)
      return Promise.resolve(current)
    },
  }
}

type Table = { readonly [N in CommandName]: (input: Input<N>) => Outcome<N> }
type Wakes = { readonly [N in CommandName]?: (input: Input<N>, outcome: Outcome<N>) => readonly Wake[] }

// One opening of the store.
//
//   M1. A command takes effect within the call, so commands take effect in the order in which they were sent.
//   M2. Wake-ups are sent after the command took effect, in a turn of their own; never before, and never within the call.
class MemorySession implements StoreSession {
  readonly #table: Table
  readonly #listeners = new Set<(wake: Wake) => void>()
  #ended: string | undefined

  constructor(data: Data) {
    const commands: Commands = {
      ...nodeCommands(data),
      ...receiverCommands(data),
      ...callbackCommands(data),
      ...outboxCommands(data),
      ...topicCommands(data),
      ...subscriptionCommands(data),
      ...laneCommands(data),
      ...publicationCommands(data),
      ...historyCommands(data),
      ...endCommands(data),
      ...exchangeCommands(data),
      ...verbCommands(data),
      ...decidingCommands(data),
      ...runCommands(data),
      ...runEndCommands(data),
    }
    this.#table = commands
  }

  readonly join = this.#command('join')
  readonly renew = this.#command('renew')
  readonly leave = this.#command('leave')
  readonly takeOver = this.#command('takeOver')
  readonly sweep = this.#command('sweep')
  readonly countDue = this.#command('countDue')

  readonly spawn = this.#command('spawn')
  readonly findReceiver = this.#command('findReceiver')
  readonly listReceivers = this.#command('listReceivers')
  readonly accept = this.#command('accept')
  readonly closeReceiver = this.#command('closeReceiver')
  readonly answer = this.#command('answer')
  readonly findAnswer = this.#command('findAnswer')

  readonly claim = this.#command('claim')
  readonly acknowledge = this.#command('acknowledge')
  readonly release = this.#command('release')
  readonly reclaim = this.#command('reclaim')
  readonly giveUp = this.#command('giveUp')
  readonly listFailed = this.#command('listFailed')
  readonly retryFailed = this.#command('retryFailed')
  readonly discardFailed = this.#command('discardFailed')
  readonly news = this.#command('news')

  readonly send = this.#command('send')
  readonly claimDeliveries = this.#command('claimDeliveries')
  readonly recordAttempt = this.#command('recordAttempt')
  readonly releaseDelivery = this.#command('releaseDelivery')
  readonly reclaimDeliveries = this.#command('reclaimDeliveries')
  readonly findDelivery = this.#command('findDelivery')
  readonly listAttempts = this.#command('listAttempts')
  readonly cancelDelivery = this.#command('cancelDelivery')

  readonly putTopic = this.#command('putTopic')
  readonly listTopics = this.#command('listTopics')
  readonly deleteTopic = this.#command('deleteTopic')
  readonly putSubscription = this.#command('putSubscription')
  readonly findSubscription = this.#command('findSubscription')
  readonly listSubscriptions = this.#command('listSubscriptions')
  readonly deleteSubscription = this.#command('deleteSubscription')
  readonly proveSubscription = this.#command('proveSubscription')
  readonly findLane = this.#command('findLane')
  readonly pauseLane = this.#command('pauseLane')
  readonly resumeLane = this.#command('resumeLane')

  readonly publish = this.#command('publish')
  readonly claimFanOut = this.#command('claimFanOut')
  readonly fanOut = this.#command('fanOut')

  readonly listDeliveries = this.#command('listDeliveries')
  readonly readAttempts = this.#command('readAttempts')
  readonly readDead = this.#command('readDead')
  readonly findMessage = this.#command('findMessage')
  readonly redeliver = this.#command('redeliver')
  readonly claimEnds = this.#command('claimEnds')
  readonly settleEnd = this.#command('settleEnd')

  readonly beginExchange = this.#command('beginExchange')
  readonly takeAnswer = this.#command('takeAnswer')

  readonly recall = this.#command('recall')
  readonly remember = this.#command('remember')
  readonly spawnInScope = this.#command('spawnInScope')
  readonly sendInScope = this.#command('sendInScope')
  readonly publishInScope = this.#command('publishInScope')
  readonly exchangeInScope = this.#command('exchangeInScope')
  readonly resendInScope = this.#command('resendInScope')
  readonly decide = this.#command('decide')
  readonly throwCancel = this.#command('throwCancel')

  readonly startRun = this.#command('startRun')
  readonly claimRuns = this.#command('claimRuns')
  readonly park = this.#command('park')
  readonly endRun = this.#command('endRun')
  readonly releaseRun = this.#command('releaseRun')
  readonly reclaimRuns = this.#command('reclaimRuns')
  readonly retryRun = this.#command('retryRun')
  readonly cancelRun = this.#command('cancelRun')
  readonly findRun = this.#command('findRun')
  readonly listRuns = this.#command('listRuns')

  subscribe(listener: (wake: Wake) => void): () => void {
    const call = (wake: Wake) => listener(wake)
    this.#listeners.add(call)
    return () => this.#listeners.delete(call)
  }

  close(): Promise<void> {
    this.end('The store is closed')
    return Promise.resolve()
  }

  end(reason: string): void {
    this.#ended ??= reason
    this.#listeners.clear()
  }

  #command<N extends CommandName>(name: N): (input: Input<N>) => Promise<Outcome<N>> {
    return async input => {
      if (this.#ended !== undefined) throw new StoreUnavailableError(this.#ended)
      const outcome = this.#table[name](input)
      const wakes = (wakesAfter as Wakes)[name]?.(input, outcome) ?? []
      if (wakes.length > 0) queueMicrotask(() => this.#wake(wakes))
      return outcome
    }
  }

  #wake(wakes: readonly Wake[]): void {
    for (const wake of wakes) for (const listener of [...this.#listeners]) listener(wake)
  }
}
