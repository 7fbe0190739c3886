import type { Command, Result } from '../group-commit.js'
import type { CommandName, Commands, Input, Outcome } from '../store.js'
import { Accepting } from './accepting.js'
import { AttemptRows } from './attempt-rows.js'
import { Budget } from './budget.js'
import { Claiming } from './claiming.js'
import { Deciding } from './deciding.js'
import { DeliveryRows } from './delivery-rows.js'
import { Dispatching } from './dispatching.js'
import type { Connection } from './driver.js'
import { DueLanes } from './due-lanes.js'
import { EndLog } from './end-log.js'
import { Ends } from './ends.js'
import type { EngineParts } from './engine-parts.js'
import { Entering } from './entering.js'
import { Epochs } from './epochs.js'
import { Exchanges } from './exchanges.js'
import type { FaultRecord } from './fault.js'
import { FindingRuns } from './finding-runs.js'
import { History } from './history.js'
import { LaneRows } from './lane-rows.js'
import { Lanes } from './lanes.js'
import { Mailboxes } from './mailboxes.js'
import { Memories } from './memories.js'
import { MessageRows } from './message-rows.js'
import { Outbox } from './outbox.js'
import { Parking } from './parking.js'
import { Publications } from './publications.js'
import { Receivers } from './receivers.js'
import { Registry } from './registry.js'
import { Runs } from './runs.js'
import { Scopes } from './scopes.js'
import { Settling } from './settling.js'
import { SubscriptionRows } from './subscription-rows.js'
import { Subscriptions } from './subscriptions.js'
import { Sweeping } from './sweeping.js'
import { SweepingOutbox } from './sweeping-outbox.js'
import { Targets } from './targets.js'
import { Topics } from './topics.js'
import { Upkeep } from './upkeep.js'
import { Verbs } from './verbs.js'
import { Waits } from './waits.js'

// Commands on an open SQLite file, a batch at a time.
//
// Owns:   the transaction, and what the batch under way knows beyond the file.
// Leaves: what each command does to the parts listed below; waiting, queues and threads to the callers.
//
//   X1. A batch is one transaction. Nothing of it is told before the commit has returned.
//   X2. A batch that fails is rolled back and repeated, each command in a transaction of its own, so that each has an
//       outcome or an error of its own (H48). After an error of input or output nothing is done any more.
//   X3. SQLite ends a transaction by itself when the disk is full, and says so by an error. Nothing of the batch is run
//       after it: the repetitions begin transactions of their own.

/** What became of a command, as data. */
export type EngineResult =
  | { readonly ok: true; readonly outcome: unknown }
  | { readonly ok: false; readonly fault: FaultRecord }

type CommandTable = { readonly [N in CommandName]: (input: Input<N>) => Outcome<N> }

/** They change nothing, so they need no transaction. */
const READING: ReadonlySet<CommandName> = new Set([
  'findReceiver',
  'listReceivers',
  'findAnswer',
  'listFailed',
  'news',
  'countDue',
  'findDelivery',
  'listAttempts',
  'listTopics',
  'findSubscription',
  'listSubscriptions',
  'findLane',
  'listDeliveries',
  'readAttempts',
  'readDead',
  'findMessage',
  'recall',
  'findRun',
  'listRuns',
])

export class Engine {
  readonly #db: Connection
  readonly #parts: EngineParts
  readonly #commands: CommandTable
  readonly #begin
  readonly #commit

  /** For a connection whose tables are up to date. */
  constructor(db: Connection) {
    this.#db = db
    this.#parts = partsOf(db)
    this.#commands = commandsOf(this.#parts)
    this.#begin = db.prepare('begin immediate')
    this.#commit = db.prepare('commit')
  }

  execute(batch: readonly Command[]): readonly EngineResult[] {
    this.#parts.budget.renew()
    return this.#execute(batch)
  }

  #execute(batch: readonly Command[]): readonly EngineResult[] {
    try {
      return this.#attempt(batch)
    } catch (error) {
      const fault = this.#faultOf(error)
      // A single command has had its transaction; after an error of input or output there is no other.
      if (batch.length === 1 || fault.fault === 'io') return batch.map(() => ({ ok: false, fault }))
      this.#parts.budget.renew()
      return this.#repeat(batch)
    }
  }

  #repeat(batch: readonly Command[]): readonly EngineResult[] {
    const results: EngineResult[] = []
    for (const command of batch) {
      const before = results.at(-1)
      results.push(...(before !== undefined && isBreaking(before) ? [before] : this.#execute([command])))
    }
    return results
  }

  close(): void {
    this.#db.close()
  }

  #attempt(batch: readonly Command[]): readonly EngineResult[] {
    const writes = batch.some(command => !READING.has(command.name))
    try {
      if (writes) this.#begin.run()
      const results = batch.map((command): EngineResult => ({ ok: true, outcome: this.#run(command) }))
      if (writes) {
        this.#parts.mailboxes.flush()
        this.#parts.dueLanes.flush()
        this.#commit.run()
      }
      return results
    } catch (error) {
      if (this.#db.inTransaction) this.#db.exec('rollback')
      throw error
    } finally {
      this.#parts.mailboxes.forget()
      this.#parts.epochs.forget()
      this.#parts.dueLanes.forget()
    }
  }

  #run<N extends CommandName>(command: { readonly name: N; readonly input: Input<N> }): Outcome<N> {
    return this.#commands[command.name](command.input)
  }

  #faultOf(error: unknown): FaultRecord {
    const { fault, detail } = this.#db.toFault(error)
    return { fault, detail }
  }
}

function partsOf(db: Connection): EngineParts {
  const epochs = new Epochs(db)
  const rows = new LaneRows(db)
  const subscriptions = new SubscriptionRows(db, rows)
  const dueLanes = new DueLanes(db, rows, subscriptions)
  return {
    db,
    epochs,
    mailboxes: new Mailboxes(db, epochs),
    subscriptions,
    lanes: new Lanes({ rows, subscriptions, dueLanes }),
    dueLanes,
    waits: new Waits(db),
    budget: new Budget(),
  }
}

function commandsOf(parts: EngineParts): CommandTable {
  const { db, lanes } = parts
  const messages = new MessageRows(db)
  const deliveries = new DeliveryRows(db, parts.dueLanes)
  const attempts = new AttemptRows(db)
  const endLog = new EndLog(db)
  const receivers = new Receivers(parts)
  const registry = new Registry(parts, receivers)
  const accepting = new Accepting(parts, receivers)
  const claiming = new Claiming(parts)
  const scopes = new Scopes(parts)
  const memories = new Memories(parts, receivers)
  const settling = new Settling(parts, { scopes, memories })
  const outbox = new Outbox(parts, { messages, deliveries, attempts, ends: endLog })
  const targets = new Targets(parts, outbox)
  const dispatching = new Dispatching(parts, messages)
  const topics = new Topics(db)
  const subscriptions = new Subscriptions(parts, { topics, outbox })
  const publications = new Publications(parts, { messages, deliveries })
  const history = new History(parts, { messages, deliveries })
  const ends = new Ends(parts, { log: endLog, messages, attempts, outbox })
  const upkeep = new Upkeep(parts)
  const sweeping = new Sweeping(parts, { scopes, outbox: new SweepingOutbox(parts, endLog) })
  const exchanges = new Exchanges(parts, { receivers, outbox, claiming })
  const { mailboxes } = parts
  const verbs = new Verbs({ scopes, memories, receivers, outbox, publications, mailboxes })
  const deciding = new Deciding(parts, { scopes, memories, targets })
  const finding = new FindingRuns(parts)
  const runs = new Runs(parts, { scopes, memories, settling, finding })
  const entering = new Entering(parts, memories)
  const parking = new Parking(parts, { scopes, targets })
  const commands: Commands = {
    join: input => upkeep.join(input),
    renew: input => upkeep.renew(input),
    leave: input => upkeep.leave(input),
    takeOver: input => upkeep.takeOver(input),
    countDue: input => upkeep.countDue(input),
    sweep: input => sweeping.sweep(input),
    spawn: input => receivers.spawn(input),
    findReceiver: input => receivers.findReceiver(input),
    closeReceiver: input => receivers.closeReceiver(input),
    listReceivers: input => registry.listReceivers(input),
    news: input => registry.news(input),
    accept: input => accepting.accept(input),
    answer: input => accepting.answer(input),
    findAnswer: input => accepting.findAnswer(input),
    claim: input => claiming.claim(input),
    acknowledge: input => settling.acknowledge(input),
    release: input => settling.release(input),
    reclaim: input => settling.reclaim(input),
    giveUp: input => settling.giveUp(input),
    listFailed: input => settling.listFailed(input),
    retryFailed: input => settling.retryFailed(input),
    discardFailed: input => settling.discardFailed(input),
    send: input => outbox.send(input),
    recordAttempt: input => outbox.recordAttempt(input),
    releaseDelivery: input => outbox.releaseDelivery(input),
    reclaimDeliveries: input => outbox.reclaimDeliveries(input),
    findDelivery: input => outbox.findDelivery(input),
    listAttempts: input => outbox.listAttempts(input),
    cancelDelivery: input => outbox.cancelDelivery(input),
    claimDeliveries: input => dispatching.claimDeliveries(input),
    putTopic: input => topics.putTopic(input),
    listTopics: input => topics.listTopics(input),
    deleteTopic: input => topics.deleteTopic(input),
    putSubscription: input => subscriptions.putSubscription(input),
    findSubscription: input => subscriptions.findSubscription(input),
    listSubscriptions: input => subscriptions.listSubscriptions(input),
    deleteSubscription: input => subscriptions.deleteSubscription(input),
    proveSubscription: input => subscriptions.proveSubscription(input),
    findLane: input => lanes.findLane(input),
    pauseLane: input => lanes.pauseLane(input),
    resumeLane: input => lanes.resumeLane(input),
    publish: input => publications.publish(input),
    claimFanOut: input => publications.claimFanOut(input),
    fanOut: input => publications.fanOut(input),
    listDeliveries: input => history.listDeliveries(input),
    readAttempts: input => history.readAttempts(input),
    readDead: input => history.readDead(input),
    findMessage: input => history.findMessage(input),
    redeliver: input => history.redeliver(input),
    claimEnds: input => ends.claimEnds(input),
    settleEnd: input => ends.settleEnd(input),
    beginExchange: input => exchanges.beginExchange(input),
    takeAnswer: input => exchanges.takeAnswer(input),
    recall: input => verbs.recall(input),
    remember: input => verbs.remember(input),
    spawnInScope: input => verbs.spawnInScope(input),
    sendInScope: input => verbs.sendInScope(input),
    publishInScope: input => verbs.publishInScope(input),
    exchangeInScope: input => verbs.exchangeInScope(input),
    resendInScope: input => verbs.resendInScope(input),
    decide: input => deciding.decide(input),
    throwCancel: input => deciding.throwCancel(input),
    startRun: input => runs.startRun(input),
    claimRuns: input => entering.claimRuns(input),
    park: input => parking.park(input),
    endRun: input => runs.endRun(input),
    releaseRun: input => runs.releaseRun(input),
    reclaimRuns: input => runs.reclaimRuns(input),
    retryRun: input => runs.retryRun(input),
    cancelRun: input => runs.cancelRun(input),
    findRun: input => finding.findRun(input),
    listRuns: input => finding.listRuns(input),
  }
  return commands
}

/** After it nobody knows what the file holds: this engine must not be used any more. */
export function isBreaking(result: EngineResult): result is Extract<EngineResult, { ok: false }> {
  return !result.ok && result.fault.fault === 'io'
}

/** The same for a caller on this side of the thread. */
export function toResult(result: EngineResult, toError: (fault: FaultRecord) => Error): Result {
  return result.ok ? result : { ok: false, error: toError(result.fault) }
}
