import { scopeIdOf, type WaitTarget } from '../../model/memory.js'
import type { Command } from '../group-commit.js'
import type { PublishInput } from '../publishing.js'
import type { SendInput } from '../sending.js'

/**
 * What a batch locks before anything else (`take_locks`): the rows that its commands name, and those that its commands may
 * touch through them. What is empty is left out.
 */
export interface Locks {
  /** What must not be made twice at the same moment, before there is a row to lock. */
  readonly keys?: readonly string[]
  readonly receiverKeys?: readonly string[]
  readonly receivers?: readonly string[]
  /** Keys of exchanges, for their receivers. */
  readonly exchangeKeys?: readonly string[]
  /** Scopes that may end: they close their receivers, and let go of their runs and deliveries. */
  readonly scopes?: readonly string[]
  readonly runs?: readonly string[]
  /** Workflow and key of each, in JSON. */
  readonly runKeys?: readonly string[]
  readonly deliveries?: readonly string[]
  /** Epochs under which everything that is being sent may be given back. */
  readonly senders?: readonly string[]
  /** What parked runs may be waiting for. */
  readonly targets?: readonly string[]
  /** Messages whose fan-outs go on. */
  readonly fanOuts?: readonly string[]
  /** Deliveries whose messages may go to somebody once more: retention leaves their bodies alone meanwhile. */
  readonly redelivered?: readonly string[]
  /** Deliveries whose ends are settled. */
  readonly ends?: readonly string[]
  /** Deliveries whose lanes may have been failing, or been unproven, until now, … */
  readonly tried?: readonly string[]
  /** … or are failing now. */
  readonly failing?: readonly string[]
  /** Lanes that are written, where they are known, … */
  readonly lanes?: readonly string[]
  /** … or made. */
  readonly newLanes?: readonly string[]
  /** Topic and URL of each subscription whose lanes are written, and whether they are made, in JSON. */
  readonly subscribing?: readonly string[]
}

export function locksOf(batch: readonly Command[]): Locks {
  const locks = new Collector()
  for (const command of batch) collect(locks, command)
  return locks.toLocks()
}

function collect(locks: Collector, { name, input }: Command): void {
  switch (name) {
    case 'spawn':
      if (input.key !== undefined) {
        locks.add('keys', `receiver ${input.key}`)
        locks.add('receiverKeys', input.key)
      }
      return
    case 'accept':
    case 'closeReceiver':
      locks.add('receivers', input.receiverId)
      locks.add('targets', input.receiverId)
      return
    case 'answer':
      locks.add('keys', `answer ${input.callbackId}`)
      return
    case 'claim':
    case 'reclaim':
      locks.add('receivers', input.receiverId)
      return
    case 'acknowledge':
      for (const { receiverId, callbackId } of input.claims) {
        locks.add('receivers', receiverId)
        locks.add('scopes', callbackId)
      }
      return
    case 'release':
    case 'giveUp':
      locks.add('receivers', input.claim.receiverId)
      return
    case 'retryFailed':
    case 'discardFailed':
      locks.add('receivers', input.receiverId)
      locks.add('scopes', input.callbackId)
      return
    case 'send':
      lockMessage(locks, input)
      return
    case 'recordAttempt':
      locks.add('deliveries', input.claim.deliveryId)
      locks.add('targets', input.claim.deliveryId)
      if (input.news !== undefined) {
        locks.add(input.news.type === 'answered' ? 'tried' : 'failing', input.claim.deliveryId)
      }
      if (input.next.status === 'delivered') locks.add('tried', input.claim.deliveryId)
      if (input.news?.type === 'gone') locks.add('keys', SUBSCRIPTIONS)
      return
    case 'releaseDelivery':
      locks.add('deliveries', input.claim.deliveryId)
      locks.add('targets', input.claim.deliveryId)
      return
    case 'reclaimDeliveries':
      locks.add('senders', String(input.epoch))
      return
    case 'cancelDelivery':
      locks.add('deliveries', input.deliveryId)
      locks.add('targets', input.deliveryId)
      return
    case 'putTopic':
    case 'deleteTopic':
      locks.add('keys', SUBSCRIPTIONS)
      return
    case 'putSubscription': {
      const { id, topic, url } = input.subscription
      locks.add('keys', SUBSCRIPTIONS)
      lockMessage(locks, input.proof)
      locks.add('subscribing', JSON.stringify([topic, url, input.proof !== undefined]))
      for (const lane of lanesOf(id)) locks.add(input.proof === undefined ? 'lanes' : 'newLanes', lane)
      return
    }
    case 'deleteSubscription':
      locks.add('keys', SUBSCRIPTIONS)
      for (const lane of lanesOf(input.id)) locks.add('newLanes', lane)
      return
    case 'proveSubscription':
      for (const lane of lanesOf(input.id)) locks.add('lanes', lane)
      return
    case 'pauseLane':
      locks.add('newLanes', input.lane)
      return
    case 'resumeLane':
      // One that had retired is to be had again.
      if (input.lane.startsWith('subscription:')) locks.add('keys', SUBSCRIPTIONS)
      locks.add('lanes', input.lane)
      return
    case 'publish':
      lockPublication(locks, input)
      return
    case 'fanOut':
      locks.add('fanOuts', input.messageId)
      return
    case 'redeliver':
      locks.add('deliveries', input.deliveryId)
      locks.add('redelivered', input.deliveryId)
      return
    case 'settleEnd':
      lockMessage(locks, input.send)
      locks.add('deliveries', input.deliveryId)
      locks.add('ends', input.deliveryId)
      return
    case 'beginExchange':
      if (input.key !== undefined) {
        locks.add('keys', `exchange ${input.key}`)
        locks.add('exchangeKeys', input.key)
      }
      return
    case 'takeAnswer':
      locks.add('receivers', input.receiverId)
      locks.add('deliveries', input.deliveryId)
      locks.add('targets', input.deliveryId)
      return
    case 'resendInScope':
      lockEntry(locks, input.entry)
      // What its exchange was begun with belongs to it.
      locks.add('scopes', scopeIdOf(input.entry))
      return
    case 'publishInScope':
      lockEntry(locks, input.entry)
      lockPublication(locks, { message: input.publish.message })
      return
    case 'remember':
    case 'spawnInScope':
    case 'sendInScope':
    case 'exchangeInScope':
    case 'throwCancel':
      lockEntry(locks, input.entry)
      return
    case 'decide':
      lockEntry(locks, input.entry)
      lockTarget(locks, input.target)
      // Its delivery may die of it.
      if (input.target.type === 'exchange') locks.add('targets', input.target.deliveryId)
      return
    case 'startRun':
      locks.add('keys', `run ${input.workflow}\n${input.key}`)
      if (input.in !== undefined) {
        lockEntry(locks, input.in.entry)
        // One that is there already is remembered.
        locks.add('runKeys', JSON.stringify([input.workflow, input.key]))
      }
      if (input.acknowledges !== undefined) {
        locks.add('receivers', input.acknowledges.receiverId)
        locks.add('scopes', input.acknowledges.callbackId)
      }
      return
    case 'park':
      locks.add('runs', input.claim.runId)
      for (const { target } of input.waits) lockTarget(locks, target)
      return
    case 'endRun':
      locks.add('runs', input.claim.runId)
      locks.add('scopes', input.claim.runId)
      locks.add('targets', input.claim.runId)
      return
    case 'releaseRun':
      locks.add('runs', input.claim.runId)
      return
    case 'retryRun':
    case 'cancelRun':
      locks.add('runs', input.runId)
      locks.add('scopes', input.runId)
      locks.add('targets', input.runId)
      return
  }
}

/** Under it topics and subscriptions change, one after the other. */
const SUBSCRIPTIONS = 'subscriptions'

function lanesOf(subscriptionId: string): readonly string[] {
  return [`subscription:${subscriptionId}`, `proof:${subscriptionId}`]
}

function lockMessage(locks: Collector, send: Pick<SendInput, 'message'> | undefined): void {
  if (send === undefined) return
  const { id, key } = send.message
  locks.add('keys', `message ${id}`)
  if (key !== undefined) locks.add('keys', `message key ${key}`)
}

function lockPublication(locks: Collector, { message, key }: Pick<PublishInput, 'message' | 'key'>): void {
  locks.add('keys', `message ${message.id}`)
  if (key !== undefined) locks.add('keys', `publication key ${key}`)
}

type EntryOf = Extract<Command, { readonly name: 'remember' }>['input']['entry']

function lockEntry(locks: Collector, entry: EntryOf): void {
  if (entry.type === 'run') locks.add('runs', scopeIdOf(entry))
  else locks.add('receivers', entry.claim.receiverId)
}

/** What ends a wait, and parking beside it, happen one after the other (S20). */
function lockTarget(locks: Collector, target: WaitTarget): void {
  if ('receiverId' in target) locks.add('receivers', target.receiverId)
  if ('deliveryId' in target) locks.add('deliveries', target.deliveryId)
  if ('runId' in target) locks.add('runs', target.runId)
}

class Collector {
  readonly #found = new Map<keyof Locks, Set<string>>()

  add(kind: keyof Locks, name: string): void {
    const names = this.#found.get(kind) ?? new Set()
    this.#found.set(kind, names.add(name))
  }

  toLocks(): Locks {
    return Object.fromEntries([...this.#found].map(([kind, names]) => [kind, [...names]]))
  }
}
