import { crashFailure } from '../../model/callback.js'
import type { Leftover } from '../../model/receiver.js'
import { crashResult } from '../../model/run-crash.js'
import type { NodeCommands } from '../nodes.js'
import { returnCallback, setAside } from './callbacks.js'
import { type Data, endReceiver, liveNode, markEnd } from './data.js'
import { giveBack } from './deliveries.js'
import type { CallbackRow, NodeRow, ReceiverRow, RunRow } from './rows.js'
import { finishRun, giveRunBack, letGoOfRun } from './run-ends.js'
import { sweep } from './sweep.js'

/** Epochs, and what becomes of what was held under those that are over. */
export function nodeCommands(data: Data): NodeCommands {
  return {
    join({ node: name, now, leaseMs, moves }) {
      data.lastEpoch += 1
      const epoch = data.lastEpoch
      const node: NodeRow = {
        epoch,
        name,
        leaseEndsAt: now + leaseMs,
        over: false,
        callbacks: new Set(),
        deliveries: new Set(),
        runs: new Set(),
        receivers: new Set(),
      }
      if (moves !== undefined) {
        for (const other of data.nodes.values()) {
          if (other.epoch === moves || other.name === name) move(data, other, node)
        }
      }
      data.nodes.set(epoch, node)
      return { epoch }
    },

    renew({ epoch, now, leaseMs }) {
      const node = liveNode(data, epoch, now)
      if (node === undefined) return false
      node.leaseEndsAt = now + leaseMs
      return true
    },

    leave({ epoch, now }) {
      const node = liveNode(data, epoch, now)
      if (node === undefined) return []
      giveAllBack(data, node)
      const leftovers = [...node.receivers].flatMap(receiver => close(data, receiver, now))
      node.over = true
      forgetIfEmpty(data, node)
      return leftovers
    },

    takeOver({ now, maxCrashes, limit }) {
      let callbacks = 0
      let deliveries = 0
      let runs = 0
      const receiverIds = new Set<string>()
      for (const node of data.nodes.values()) {
        if (liveNode(data, node.epoch, now) !== undefined) continue
        for (const callback of node.callbacks) {
          if (callbacks + deliveries + runs >= limit) break
          callbacks += 1
          if (recover(data, callback, { now, maxCrashes })) receiverIds.add(callback.receiver.id)
        }
        for (const delivery of node.deliveries) {
          if (callbacks + deliveries + runs >= limit) break
          if (giveBack(data, delivery)) deliveries += 1
        }
        for (const run of node.runs) {
          if (callbacks + deliveries + runs >= limit) break
          runs += 1
          recoverRun(data, run, { now, maxCrashes })
        }
        forgetIfEmpty(data, node)
      }
      return { callbacks, deliveries, runs, receiverIds: [...receiverIds] }
    },

    sweep(input) {
      const swept = sweep(data, input)
      for (const node of data.nodes.values()) forgetIfEmpty(data, node)
      return swept
    },

    countDue({ now }) {
      let due = data.runQueue.countDue(now)
      for (const { dueAt = 0 } of data.delayed) if (dueAt <= now) due += 1
      for (const lane of data.lanes.values()) {
        for (const { record } of lane.values()) if (record.dueAt <= now) due += 1
      }
      return due
    },
  }
}

/** Every epoch is over, as when the process that had the store is gone. */
export function endEveryEpoch(data: Data): void {
  for (const node of data.nodes.values()) node.over = true
}

/** What is held is as it was before it was handed out. */
function giveAllBack(data: Data, node: NodeRow): void {
  for (const callback of node.callbacks) {
    callback.attempt -= 1
    returnCallback(callback)
  }
  for (const delivery of node.deliveries) giveBack(data, delivery)
  for (const run of node.runs) giveRunBack(data, run)
}

function move(data: Data, from: NodeRow, to: NodeRow): void {
  giveAllBack(data, from)
  for (const receiver of from.receivers) {
    receiver.epoch = to.epoch
    to.receivers.add(receiver)
  }
  from.receivers.clear()
  from.over = true
  forgetIfEmpty(data, from)
}

/** Counts a crash. Whether there is something to read again: this callback, or the next of its group. */
function recover(
  data: Data,
  callback: CallbackRow,
  { now, maxCrashes }: { readonly now: number; readonly maxCrashes: number },
): boolean {
  callback.crashes += 1
  if (callback.crashes >= maxCrashes) {
    return setAside(data, callback, { now, reason: 'crashes', error: crashFailure(callback.crashes) })
  }
  returnCallback(callback)
  return true
}

/** Likewise. */
function recoverRun(
  data: Data,
  run: RunRow,
  { now, maxCrashes }: { readonly now: number; readonly maxCrashes: number },
): void {
  run.crashes += 1
  letGoOfRun(run)
  if (run.crashes >= maxCrashes) {
    run.result = crashResult(run.crashes)
    finishRun(data, run, 'failed', now)
  } else {
    data.runQueue.add(run, now)
  }
}

/** Closes a keyless receiver whose node leaves. One that had expired before is for a sweep to tell of. */
function close(data: Data, receiver: ReceiverRow, now: number): Leftover[] {
  markEnd(data, receiver, now)
  if (receiver.state !== 'open') return []
  endReceiver(data, receiver, 'closed', now)
  const unread = receiver.unread.size
  return unread === 0 ? [] : [{ receiverId: receiver.id, unread }]
}

function forgetIfEmpty(data: Data, node: NodeRow): void {
  const isEmpty = node.callbacks.size + node.deliveries.size + node.runs.size + node.receivers.size === 0
  if (node.over && isEmpty) data.nodes.delete(node.epoch)
}
