import { isDeepStrictEqual } from 'node:util'
import type { StoredAnswer } from '../../model/callback.js'
import {
  applyPatch,
  expiryOf,
  patchConflict,
  type ReceiverRecord,
  type ReceiverSettings,
} from '../../model/receiver.js'
import type { AcceptInput, AcceptOutcome, ReceiverCommands, SpawnInput } from '../receiving.js'
import { type Data, endReceiver, endUntold, liveNode, markEnd, stateOf } from './data.js'
import { frozenCopy, withOwnBody } from './frozen.js'
import type { CallbackRow, ReceiverRow } from './rows.js'
import { SortedList } from './sorted-list.js'
import { Unread } from './unread.js'

export const NO_SETTINGS: ReceiverSettings = { inline: [] }

/** Receivers, what they accept, and what their senders are answered. */
export function receiverCommands(data: Data): ReceiverCommands {
  return {
    spawn(input) {
      const known =
        input.key === undefined ? data.receivers.get(input.id) : data.receiversByKey.get(input.key)
      if (known?.id === input.id) {
        return { type: 'spawned', receiver: toRecord(data, known, input.now), created: true }
      }
      const message = patchConflict(known?.settings ?? NO_SETTINGS, input.patch)
      if (message !== undefined) return { type: 'conflict', message }
      const settings = frozenCopy(applyPatch(known?.settings ?? NO_SETTINGS, input.patch))
      const receiver = known ?? addReceiver(data, input, settings)
      if (known !== undefined) changeReceiver(data, known, input, settings)
      return { type: 'spawned', receiver: toRecord(data, receiver, input.now), created: known === undefined }
    },

    findReceiver({ token, now }) {
      const receiver = data.receiversByToken.get(token)
      return receiver === undefined ? undefined : toRecord(data, receiver, now)
    },

    listReceivers({ now, limit, after, key, state }) {
      const page = []
      for (const receiver of data.registry.from(after)) {
        if (page.length >= limit) break
        if (key !== undefined && receiver.key !== key) continue
        if (state !== undefined && stateOf(data, receiver, now) !== state) continue
        const { unread, failed } = receiver
        const oldest = unread.oldest === undefined ? {} : { oldest: unread.oldest.record.receivedAt }
        page.push({ ...toRecord(data, receiver, now), unread: unread.size, failed: failed.size, ...oldest })
      }
      return page
    },

    accept(input) {
      const stored = data.callbacks.get(input.callbackId)
      if (stored !== undefined) return { type: 'accepted', seq: stored.seq }
      const receiver = data.receivers.get(input.receiverId)
      if (receiver === undefined) return { type: 'unknown' }
      const refusal = judge(data, receiver, input)
      if (refusal !== undefined) return refusal
      const { seq } = store(data, receiver, input)
      const resumes = data.runQueue.resume(receiver.id, input.now)
      return { type: 'accepted', seq, ...(resumes ? { resumes } : {}) }
    },

    closeReceiver({ receiverId, now }) {
      const receiver = data.receivers.get(receiverId)
      if (receiver === undefined) return []
      markEnd(data, receiver, now)
      if (receiver.state === 'open') endReceiver(data, receiver, 'closed', now)
      return receiver.unread.list().map(({ record }) => withOwnBody(record))
    },

    answer({ callbackId, answer, until }) {
      return remember(data, callbackId, answer, until)
    },

    findAnswer({ callbackId }) {
      return answerTo(data, callbackId)
    },
  }
}

type NewReceiver = Pick<SpawnInput, 'id' | 'token' | 'key' | 'epoch' | 'temporary' | 'now'>

export function addReceiver(data: Data, input: NewReceiver, settings: ReceiverSettings): ReceiverRow {
  const { id, token, key, temporary, now } = input
  const epoch = key === undefined ? input.epoch : undefined
  const receiver: ReceiverRow = {
    id,
    token,
    ...(key === undefined ? {} : { key }),
    ...(epoch === undefined ? {} : { epoch }),
    isTemporary: key === undefined || temporary === true,
    version: 1,
    state: 'open',
    openedAt: now,
    expiresAt: expiryOf(now, settings, now),
    endedAt: undefined,
    settings,
    scope: undefined,
    exchange: undefined,
    lastSeq: 0,
    unread: new Unread(data.delayed),
    failed: new SortedList(callback => callback.seq),
  }
  data.receivers.set(id, receiver)
  data.receiversByToken.set(token, receiver)
  if (key !== undefined) data.receiversByKey.set(key, receiver)
  data.registry.add(receiver)
  watchEnd(data, receiver, now)
  return receiver
}

function changeReceiver(
  data: Data,
  receiver: ReceiverRow,
  input: SpawnInput,
  settings: ReceiverSettings,
): void {
  markEnd(data, receiver, input.now)
  const isChanged = !isDeepStrictEqual(receiver.settings, settings)
  const isReopened = input.reopen && receiver.state !== 'open'
  if (isChanged) {
    receiver.settings = settings
    receiver.version += 1
  }
  if (isReopened) reopen(data, receiver, input.now)
  if (isChanged || isReopened) changeEnd(data, receiver, input.now)
}

/** A receiver of a scope is to be open, whatever it ended by. */
export function ensureOpen(data: Data, receiver: ReceiverRow, now: number): void {
  markEnd(data, receiver, now)
  if (receiver.state === 'open') return
  reopen(data, receiver, now)
  changeEnd(data, receiver, now)
}

function reopen(data: Data, receiver: ReceiverRow, now: number): void {
  receiver.state = 'open'
  receiver.openedAt = now
  receiver.endedAt = undefined
  data.untold.delete(receiver)
  data.leftovers.delete(receiver)
  data.endedTemporary.delete(receiver)
}

/** When it expires depends on its settings, and on when it was opened. */
function changeEnd(data: Data, receiver: ReceiverRow, now: number): void {
  data.expiring.delete(receiver)
  receiver.expiresAt = expiryOf(receiver.openedAt, receiver.settings, now)
  watchEnd(data, receiver, now)
}

/** Puts an open receiver where its end by itself will be noticed. */
function watchEnd(data: Data, receiver: ReceiverRow, now: number): void {
  if (receiver.state !== 'open') return
  if (receiver.expiresAt !== undefined) data.expiring.add(receiver)
  if (receiver.epoch === undefined) return
  const node = liveNode(data, receiver.epoch, now)
  if (node === undefined) markEnd(data, receiver, now)
  else node.receivers.add(receiver)
}

/** Why a request is not stored; `undefined` when it is to be. */
function judge(data: Data, receiver: ReceiverRow, input: AcceptInput): AcceptOutcome | undefined {
  const { version, deliveryId, now, content, capacity } = input
  if (version !== undefined && version !== receiver.version) {
    return { type: 'stale', receiver: toRecord(data, receiver, now) }
  }
  const repeat = deliveryId === undefined ? undefined : data.repeats.get(repeatName(receiver, deliveryId))
  if (repeat !== undefined && now < repeat.until) {
    const { callbackId, receivedAt } = repeat
    const answer = answerTo(data, callbackId)
    return { type: 'duplicate', callbackId, receivedAt, ...(answer === undefined ? {} : { answer }) }
  }
  const state = stateOf(data, receiver, now)
  if (state !== 'open') return { type: 'ended', state }
  if (content === 'refused') return { type: 'refused' }
  return receiver.unread.size >= capacity ? { type: 'full' } : undefined
}

function store(data: Data, receiver: ReceiverRow, input: AcceptInput): CallbackRow {
  const { callbackId, deliveryId, now, method, path, query, headers, body, dedupeUntil, answer } = input
  const seq = receiver.lastSeq + 1
  const record = frozenCopy({
    id: callbackId,
    receiverId: receiver.id,
    seq,
    ...(deliveryId === undefined ? {} : { deliveryId }),
    receivedAt: now,
    method,
    path,
    query,
    headers,
    body,
  })
  const callback: CallbackRow = {
    seq,
    receiver,
    record,
    state: 'ready',
    attempt: 0,
    failures: 0,
    crashes: 0,
    fence: 0,
    startedAt: undefined,
    node: undefined,
    dueAt: undefined,
    group: undefined,
    endedAt: undefined,
    failure: undefined,
    blames: undefined,
  }
  receiver.lastSeq = seq
  data.callbacks.set(callbackId, callback)
  receiver.unread.add(callback)
  if (answer !== undefined) remember(data, callbackId, answer, dedupeUntil)
  if (deliveryId !== undefined) {
    const name = repeatName(receiver, deliveryId)
    const before = data.repeats.get(name)
    if (before !== undefined) data.repeatsByEnd.delete(before)
    const repeat = { name, callbackId, receivedAt: now, until: dedupeUntil }
    data.repeats.set(name, repeat)
    data.repeatsByEnd.add(repeat)
  }
  return callback
}

function repeatName(receiver: ReceiverRow, deliveryId: string): string {
  return `${receiver.id}\0${deliveryId}`
}

function remember(data: Data, callbackId: string, answer: StoredAnswer, until: number): boolean {
  if (data.answers.has(callbackId)) return false
  const row = { callbackId, answer: frozenCopy(answer), until }
  data.answers.set(callbackId, row)
  data.answersByEnd.add(row)
  return true
}

function answerTo(data: Data, callbackId: string): StoredAnswer | undefined {
  const row = data.answers.get(callbackId)
  return row === undefined ? undefined : withOwnBody(row.answer)
}

/** Closes one that has what was waited for. Nobody needs to be told, unless more came than what is in hand. */
export function closeQuietly(data: Data, receiver: ReceiverRow, now: number, { inHand = 0 } = {}): void {
  markEnd(data, receiver, now)
  if (receiver.state !== 'open') return
  if (receiver.unread.size > inHand) endUntold(data, receiver, 'closed', now)
  else endReceiver(data, receiver, 'closed', now)
}

export function toRecord(data: Data, receiver: ReceiverRow, now: number): ReceiverRecord {
  const { id, key, token, epoch, version, openedAt, expiresAt, settings } = receiver
  return {
    id,
    ...(key === undefined ? {} : { key }),
    token,
    ...(epoch === undefined ? {} : { epoch }),
    version,
    state: stateOf(data, receiver, now),
    openedAt,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    settings,
  }
}
