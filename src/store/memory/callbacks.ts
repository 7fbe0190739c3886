import type { ClaimedCallback, FailureReason } from '../../model/callback.js'
import type { Failure } from '../../model/failure.js'
import type { CallbackCommands, ClaimInput, ClaimOutcome } from '../receiving.js'
import { claimedCallback, type Data, dropContent, endCallback, letGo, liveNode, stateOf } from './data.js'
import { frozenCopy, withOwnBody } from './frozen.js'
import type { CallbackRow, NodeRow, ReceiverRow, RunRow } from './rows.js'
import { endScope, forgetFailuresOf } from './scopes.js'

/** Hand-outs, and how they end. */
export function callbackCommands(data: Data): CallbackCommands {
  return {
    claim(input) {
      const receiver = data.receivers.get(input.receiverId)
      if (receiver === undefined) return { callbacks: [], ungrouped: [], state: 'closed', unread: false }
      const node = liveNode(data, input.epoch, input.now)
      // What a receiver of a scope has is for the waits of that scope.
      const mayTake = node !== undefined && receiver.scope === undefined
      const taken = mayTake ? take(data, receiver, node, input) : { callbacks: [], ungrouped: [] }
      const lookAgainAt = node === undefined ? undefined : nextLook(data, receiver, input.now)
      return {
        ...taken,
        state: stateOf(data, receiver, input.now),
        unread: receiver.unread.size > 0,
        ...(lookAgainAt === undefined ? {} : { lookAgainAt }),
      }
    },

    acknowledge({ claims, now }) {
      const receiverIds = new Set<string>()
      const done = claims.map(claim => {
        const callback = claimedCallback(data, claim, now)
        if (callback === undefined) return false
        if (acknowledge(data, callback, now)) receiverIds.add(callback.receiver.id)
        return true
      })
      return { done, receiverIds: [...receiverIds] }
    },

    release({ claim, now, dueAt, as }) {
      const callback = claimedCallback(data, claim, now)
      if (callback === undefined) return false
      if (as === 'uncounted') callback.attempt -= 1
      else callback.crashes = 0
      if (as === 'failure') callback.failures += 1
      letGo(callback)
      callback.receiver.unread.putBack(callback, dueAt)
      return true
    },

    reclaim({ receiverId, epoch, held, now }) {
      const known = new Set(held)
      const forgotten = [...(liveNode(data, epoch, now)?.callbacks ?? [])].filter(
        ({ record, receiver }) => receiver.id === receiverId && !known.has(record.id),
      )
      for (const callback of forgotten) {
        callback.attempt -= 1
        returnCallback(callback)
      }
      return forgotten.length
    },

    giveUp({ claim, now, reason, error, blames }) {
      const callback = claimedCallback(data, claim, now)
      if (callback === undefined) return false
      setAside(data, callback, { reason, error, now })
      callback.blames = frozenCopy(blames)
      return true
    },

    listFailed({ receiverId, limit, after }) {
      const page = []
      for (const { record, attempt, failure } of data.receivers.get(receiverId)?.failed.from(after) ?? []) {
        if (page.length >= limit) break
        if (failure !== undefined) page.push({ ...withOwnBody(record), attempt, ...failure })
      }
      return page
    },

    retryFailed(input) {
      const callback = failedCallback(data, input)
      if (callback === undefined) return false
      const { receiver } = callback
      receiver.failed.delete(callback)
      data.endedCallbacks.delete(callback)
      forgetFailuresOf(data, callback.record.id, callback.blames)
      callback.failure = undefined
      callback.blames = undefined
      callback.endedAt = undefined
      callback.failures = 0
      callback.crashes = 0
      receiver.unread.add(callback)
      if (receiver.endedAt !== undefined) data.leftovers.add(receiver)
      return true
    },

    discardFailed(input) {
      const callback = failedCallback(data, input)
      if (callback === undefined) return false
      callback.receiver.failed.delete(callback)
      data.endedCallbacks.delete(callback)
      callback.state = 'discarded'
      callback.endedAt = input.now
      data.endedCallbacks.add(callback)
      dropContent(callback)
      endScope(data, callback.record.id, input.now)
      return true
    },

    news({ now, receiverIds, deliveryIds, callbackIds, runIds }) {
      const deservesLook = (receiverId: string): boolean => {
        const receiver = data.receivers.get(receiverId)
        if (receiver === undefined || stateOf(data, receiver, now) !== 'open') return true
        return receiver.unread.hasSomethingFor(now)
      }
      return {
        receiverIds: receiverIds.filter(deservesLook),
        deliveryIds: deliveryIds.filter(id => data.deliveries.get(id)?.record.endedAt !== undefined),
        callbackIds: callbackIds.filter(id => data.answers.has(id)),
        runIds: runIds.filter(id => deservesLookAtRun(data.runs.get(id))),
      }
    },
  }
}

/** A callback in hand was handled, and its scope ends. Whether there is something new to see at its receiver. */
export function acknowledge(data: Data, callback: CallbackRow, now: number): boolean {
  const { receiver } = callback
  const isNextReady = endCallback(data, callback, 'done', now)
  // The answer of an exchange with a key can be asked for again.
  if (receiver.exchange?.answer !== callback.record.id) dropContent(callback)
  endScope(data, callback.record.id, now)
  if (isNextReady) return true
  const { key, epoch, unread } = receiver
  // Who waits for the answer of an exchange is told that it was handled, whatever came beside it.
  const isOfNobody = key === undefined && epoch === undefined
  return (unread.size === 0 || isOfNobody) && stateOf(data, receiver, now) !== 'open'
}

/** Sets a callback aside, with its reason. Whether the next of its group became ready. */
export function setAside(
  data: Data,
  callback: CallbackRow,
  { now, reason, error }: { readonly now: number; readonly reason: FailureReason; readonly error: Failure },
): boolean {
  const failure = frozenCopy({ reason, error })
  const isNextReady = endCallback(data, callback, 'failed', now)
  callback.failure = failure
  callback.receiver.failed.add(callback)
  return isNextReady
}

/** A callback in hand is ready again. */
export function returnCallback(callback: CallbackRow): void {
  letGo(callback)
  callback.receiver.unread.putBack(callback)
}

function take(
  data: Data,
  receiver: ReceiverRow,
  node: NodeRow,
  { now, limit, ordered, groups = [] }: ClaimInput,
): Pick<ClaimOutcome, 'callbacks' | 'ungrouped'> {
  const { unread } = receiver
  const named = groups.flatMap(({ callbackId, group }) => {
    const callback = data.callbacks.get(callbackId)
    return callback === undefined ? [] : [{ callback, group }]
  })
  for (const { callback, group } of named.sort((a, b) => a.callback.seq - b.callback.seq)) {
    unread.name(callback, group, now)
  }
  const callbacks = []
  while (callbacks.length < limit) {
    const callback = unread.take(now, { ordered })
    if (callback === undefined) break
    callbacks.push(handOut(data, callback, node, now))
  }
  const missing = limit - callbacks.length
  const ungrouped = ordered ? unread.ungrouped(now, missing).map(({ record }) => withOwnBody(record)) : []
  return { callbacks, ungrouped }
}

/** The next callback that can be taken, in somebody's hands from now on. */
export function claimNext(
  data: Data,
  receiver: ReceiverRow,
  node: NodeRow,
  now: number,
): ClaimedCallback | undefined {
  const callback = receiver.unread.take(now, { ordered: false })
  return callback === undefined ? undefined : handOut(data, callback, node, now)
}

/** What was taken is in somebody's hands. */
export function handOut(data: Data, callback: CallbackRow, node: NodeRow, now: number): ClaimedCallback {
  callback.attempt += 1
  callback.fence += 1
  callback.startedAt ??= now
  callback.node = node
  node.callbacks.add(callback)
  return standingOf(data, callback)
}

/** A callback with how it stands. */
export function standingOf(data: Data, callback: CallbackRow): ClaimedCallback {
  const { record, attempt, failures, fence, startedAt = record.receivedAt } = callback
  const remembers = (data.scopes.get(record.id)?.memories.size ?? 0) > 0
  return { ...withOwnBody(record), attempt, failures, fence, startedAt, remembers }
}

/** When it has to be looked at again, whatever happens. */
export function nextLook(data: Data, receiver: ReceiverRow, now: number): number | undefined {
  const expiresAt = stateOf(data, receiver, now) === 'open' ? receiver.expiresAt : undefined
  const instants = [receiver.unread.nextDueAt(now), expiresAt].filter(instant => instant !== undefined)
  return instants.length === 0 ? undefined : Math.min(...instants)
}

function failedCallback(
  data: Data,
  { receiverId, callbackId }: { readonly receiverId: string; readonly callbackId: string },
): CallbackRow | undefined {
  const callback = data.callbacks.get(callbackId)
  return callback?.state === 'failed' && callback.receiver.id === receiverId ? callback : undefined
}

function deservesLookAtRun(run: RunRow | undefined): boolean {
  return run !== undefined && (run.endedAt !== undefined || run.cancellation === 'requested')
}
