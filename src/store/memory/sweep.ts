import type { Leftover } from '../../model/receiver.js'
import type { Swept, TroubledLane } from '../nodes.js'
import type { Input } from '../store.js'
import { type Data, liveNode, markEnd, tellEnd } from './data.js'
import { addEnd, dropDelivery, endDelivery, stripAnswers } from './deliveries.js'
import type { Heap } from './heap.js'
import { dropMessage, stripMessage } from './messages.js'
import type { CallbackRow, DeliveryRow, LaneRow, ReceiverRow } from './rows.js'
import { forgetRun } from './runs.js'
import { endScope } from './scopes.js'
import { isForsaken } from './subscribers.js'

type SweepInput = Input<'sweep'>

/** Lets go of what retention no longer keeps, and writes down what has ended by itself. */
export function sweep(data: Data, input: SweepInput): Swept {
  const { now, limit } = input
  const tally = new Tally(limit)
  const ended = markEnds(data, now, tally)
  const expiredDeliveryIds = expire(data, now, tally)
  const unsubscribedDeliveryIds = unsubscribe(data, now, tally)
  const lanes = judgeLanes(data, input, tally)
  const dropped = dropCallbacks(data, input, tally)
  for (const { name } of tally.shift(data.repeatsByEnd, repeat => repeat.until <= now))
    data.repeats.delete(name)
  for (const { callbackId } of tally.shift(data.answersByEnd, answer => answer.until <= now)) {
    data.answers.delete(callbackId)
  }
  dropReceivers(data, input, tally)
  dropMessages(data, input, tally)
  dropRuns(data, input, tally)
  return { ended, dropped, expiredDeliveryIds, unsubscribedDeliveryIds, lanes, more: tally.more }
}

/** Deliveries past their deadline. */
function expire(data: Data, now: number, tally: Tally): string[] {
  return tally
    .shift(data.deadlines, ({ record }) => record.deadlineAt <= now)
    .map(delivery => {
      const { id, lane } = delivery.record
      if (lane.startsWith('subscription:')) addEnd(data, delivery, 'anybody', now)
      if (lane.startsWith('endpoint:')) addEnd(data, delivery, lane, now)
      endDelivery(data, delivery, { status: 'dead', reason: 'expired' }, now)
      return id
    })
}

/** Deliveries that wait for subscriptions that are gone. */
function unsubscribe(data: Data, now: number, tally: Tally): string[] {
  const lanes = [...data.forsakenLanes].filter(lane => isForsaken(data, lane))
  const waiting = lanes.flatMap(lane => data.lanes.get(lane)?.values() ?? [])
  const unsubscribed = tally.first(waiting).map(delivery => {
    endDelivery(data, delivery, { status: 'dead', reason: 'unsubscribed' }, now)
    return delivery.record.id
  })
  for (const lane of data.forsakenLanes) {
    if (!isForsaken(data, lane) || !data.lanes.has(lane)) data.forsakenLanes.delete(lane)
  }
  return unsubscribed
}

/** Lanes that have failed for too long, those that are about to, and those of which nothing has to be known any more. */
function judgeLanes(data: Data, { now, failingMs }: SweepInput, tally: Tally): TroubledLane[] {
  const { laneStates } = data
  const paused = tally.next(
    () => laneStates.firstStruck(now - failingMs),
    ({ lane, state }) => laneStates.put(lane, { ...state, warned: true, pause: 'failing', pausedAt: now }),
  )
  const warned = tally.next(
    () => laneStates.firstUnwarned(now - failingMs / 2),
    ({ lane, state }) => laneStates.put(lane, { ...state, warned: true }),
  )
  tally.next(
    () => laneStates.firstHealed(now),
    lane => laneStates.forget(lane),
  )
  const toTrouble =
    (what: TroubledLane['what']) =>
    ({ lane, state }: LaneRow): TroubledLane => ({
      lane,
      what,
      failingSince: state.failingSince ?? now,
    })
  return [...paused.map(toTrouble('paused')), ...warned.map(toTrouble('failing'))]
}

/** What is large in messages and answers, and later all of them. */
function dropMessages(data: Data, { now, messagesMs, bodiesMs }: SweepInput, tally: Tally): void {
  const endedBy = (instant: number) => (delivery: DeliveryRow) => (delivery.record.endedAt ?? now) <= instant
  const spent = now - messagesMs
  for (const delivery of tally.shift(data.endedDeliveries, endedBy(spent))) dropDelivery(data, delivery)
  for (const message of tally.shift(data.unheardMessages, ({ record }) => record.createdAt <= spent)) {
    dropMessage(data, message)
  }
  const stale = now - bodiesMs
  for (const message of tally.shift(data.settledMessages, ({ settledAt }) => settledAt <= stale)) {
    stripMessage(message)
  }
  for (const delivery of tally.shift(data.answeredDeliveries, endedBy(stale))) stripAnswers(delivery)
}

function markEnds(data: Data, now: number, tally: Tally): Leftover[] {
  for (let due = firstExpired(data, now); due !== undefined; due = firstExpired(data, now))
    markEnd(data, due, now)
  for (const node of data.nodes.values()) {
    if (liveNode(data, node.epoch, now) !== undefined) continue
    for (const receiver of node.receivers) markEnd(data, receiver, now)
  }
  return tally.first(data.untold).map(receiver => {
    tellEnd(data, receiver, now)
    const { id, key, unread } = receiver
    return { receiverId: id, ...(key === undefined ? {} : { key }), unread: unread.size }
  })
}

function firstExpired(data: Data, now: number): ReceiverRow | undefined {
  const { first } = data.expiring
  return first !== undefined && (first.expiresAt ?? now) <= now ? first : undefined
}

/** Callbacks that ended long ago, and unread ones of receivers that did. */
function dropCallbacks(data: Data, { now, callbacksMs }: SweepInput, tally: Tally): Swept['dropped'] {
  const lost = new Map<string, number>()
  const drop = (callback: CallbackRow): void => {
    data.callbacks.delete(callback.record.id)
    endScope(data, callback.record.id, now)
    const { receiver } = callback
    const isLoss = callback.state !== 'done' && callback.state !== 'discarded'
    if (isLoss) lost.set(receiver.id, (lost.get(receiver.id) ?? 0) + 1)
    if (callback.state === 'failed') receiver.failed.delete(callback)
    else receiver.unread.remove(callback)
  }
  const isSpent = ({ endedAt = now }: { readonly endedAt: number | undefined }) =>
    endedAt + callbacksMs <= now
  for (const callback of tally.shift(data.endedCallbacks, isSpent)) drop(callback)

  const receivers = shiftAll(data.leftovers, isSpent)
  const free = receivers.flatMap(({ unread }) => unread.list().filter(({ state }) => state !== 'claimed'))
  for (const callback of tally.first(free)) drop(callback)
  for (const receiver of receivers) if (receiver.unread.size > 0) data.leftovers.add(receiver)
  return [...lost].map(([receiverId, callbacks]) => ({ receiverId, callbacks }))
}

/** Receivers without a key, and temporary ones, that ended long ago, once they hold nothing that anybody could still want. */
function dropReceivers(data: Data, { now, keylessMs }: SweepInput, tally: Tally): void {
  const spent = shiftAll(data.endedTemporary, ({ endedAt = now }) => endedAt + keylessMs <= now)
  const empty = spent.filter(
    ({ unread, failed, exchange }) =>
      unread.size + failed.size === 0 && !data.callbacks.has(exchange?.answer ?? ''),
  )
  const gone = new Set(tally.first(empty))
  for (const receiver of gone) {
    data.receivers.delete(receiver.id)
    data.receiversByToken.delete(receiver.token)
    if (receiver.key !== undefined) data.receiversByKey.delete(receiver.key)
    data.registry.delete(receiver)
    if (receiver.exchange !== undefined) data.exchangesByKey.delete(receiver.exchange.key)
  }
  for (const receiver of spent) if (!gone.has(receiver)) data.endedTemporary.add(receiver)
}

/** Runs that ended long ago. The scope of one that had failed ends with it. */
function dropRuns(data: Data, { now, runsMs }: SweepInput, tally: Tally): void {
  for (const run of tally.shift(data.endedRuns, ({ endedAt = now }) => endedAt + runsMs <= now)) {
    endScope(data, run.id, now)
    forgetRun(data, run)
  }
}

function shiftAll<T extends object>(heap: Heap<T>, passes: (item: T) => boolean): T[] {
  const found: T[] = []
  for (let item = heap.shiftIf(passes); item !== undefined; item = heap.shiftIf(passes)) found.push(item)
  return found
}

/** Keeps to the limit for each kind, and knows whether any kind has reached it. */
class Tally {
  readonly #limit: number
  more = false

  constructor(limit: number) {
    this.#limit = limit
  }

  /** The first of a list, as many as the limit allows. */
  first<T>(items: Iterable<T>): T[] {
    const found: T[] = []
    for (const item of items) {
      if (found.length === this.#limit) {
        this.more = true
        break
      }
      found.push(item)
    }
    return found
  }

  /** Does it with the next one, until there is none or the limit is reached. */
  next<T>(first: () => T | undefined, deal: (item: T) => void): T[] {
    const found: T[] = []
    for (let item = first(); item !== undefined; item = first()) {
      if (found.length === this.#limit) {
        this.more = true
        break
      }
      found.push(item)
      deal(item)
    }
    return found
  }

  shift<T extends object>(heap: Heap<T>, passes: (item: T) => boolean): T[] {
    const found: T[] = []
    while (heap.first !== undefined && passes(heap.first)) {
      if (found.length === this.#limit) {
        this.more = true
        break
      }
      found.push(heap.first)
      heap.delete(heap.first)
    }
    return found
  }
}
