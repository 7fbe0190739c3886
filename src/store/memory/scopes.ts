import { forgetFailures } from '../../model/forgetting.js'
import {
  type Entry,
  type Memory,
  type MemoryKey,
  nameOf,
  scopeIdOf,
  type WaitEnd,
} from '../../model/memory.js'
import type { Result } from '../../model/run.js'
import type { RecallInput, RecallOutcome } from '../scoping.js'
import { claimedCallback, type Data, dropContent, endUntold, letExpire, liveNode, markEnd } from './data.js'
import { letDeliveryExpire } from './deliveries.js'
import { frozenCopy, withOwnBody } from './frozen.js'
import { toRecord } from './receivers.js'
import type { MemoryRow, RunRow, ScopeRow } from './rows.js'
import { SortedList } from './sorted-list.js'

const MOST_BYTES_OF_A_PAGE = 2 * 1024 * 1024

/** The scope of an entry that is not over. */
export interface EnteredScope {
  readonly id: string
  /** The callback or the run: whatever is written for it ends its row of crashes. */
  readonly row: { crashes: number }
}

export function enteredScope(data: Data, entry: Entry, now: number): EnteredScope | undefined {
  const row =
    entry.type === 'callback' ? claimedCallback(data, entry.claim, now) : enteredRun(data, entry.claim, now)
  return row === undefined ? undefined : { id: scopeIdOf(entry), row }
}

/** The run of a claim, if the claim is still true. */
export function enteredRun(
  data: Data,
  { runId, epoch, fence }: Extract<Entry, { readonly type: 'run' }>['claim'],
  now: number,
): RunRow | undefined {
  const run = data.runs.get(runId)
  if (run?.status !== 'running' || run.fence !== fence || run.node?.epoch !== epoch) return undefined
  return liveNode(data, epoch, now) === undefined ? undefined : run
}

/** The scope with that id, from now on open. */
export function openScope(data: Data, id: string): ScopeRow {
  const known = data.scopes.get(id)
  if (known !== undefined) return known
  const scope: ScopeRow = {
    id,
    memories: new SortedList(memory => memory.ordinal),
    memoriesByName: new Map(),
    lastOrdinal: 0,
    receivers: new Set(),
    taken: new Set(),
    deliveries: new Set(),
    runs: new Set(),
  }
  data.scopes.set(id, scope)
  return scope
}

/** Its receivers close, as closed by themselves; what it read is done; retention counts for all that it owned. */
export function endScope(data: Data, id: string, now: number): void {
  const scope = data.scopes.get(id)
  if (scope === undefined) return
  data.scopes.delete(id)
  for (const receiver of scope.receivers) {
    receiver.scope = undefined
    markEnd(data, receiver, now)
    if (receiver.state === 'open') endUntold(data, receiver, 'closed', now)
    else if (receiver.endedAt !== undefined) letExpire(data, receiver)
  }
  for (const callback of scope.taken) {
    callback.state = 'done'
    callback.endedAt = now
    dropContent(callback)
    data.endedCallbacks.add(callback)
  }
  for (const delivery of scope.deliveries) {
    delivery.scope = undefined
    if (delivery.record.endedAt !== undefined) letDeliveryExpire(data, delivery)
  }
  for (const run of scope.runs) {
    run.rememberedBy.delete(scope)
    letRunExpire(data, run)
  }
}

/** From now on, retention counts for a run that has ended, unless an open scope remembers it. */
export function letRunExpire(data: Data, run: RunRow): void {
  if (run.endedAt !== undefined && run.rememberedBy.size === 0) data.endedRuns.add(run)
}

/** What is remembered there, as it was written: what is handed out goes through `toMemory`. */
export function memoryAt(data: Data, { id }: EnteredScope, at: MemoryKey): Memory | undefined {
  return data.scopes.get(id)?.memoriesByName.get(nameOf(at))?.memory
}

/** Remembers, in the place of what was there. */
export function remember(data: Data, { id, row }: EnteredScope, at: MemoryKey, memory: Memory): ScopeRow {
  const kept = frozenCopy(memory)
  const scope = openScope(data, id)
  row.crashes = 0
  const known = scope.memoriesByName.get(nameOf(at))
  if (known !== undefined) {
    known.memory = kept
    return scope
  }
  scope.lastOrdinal += 1
  const added: MemoryRow = { at: frozenCopy(at), ordinal: scope.lastOrdinal, memory: kept }
  scope.memories.add(added)
  scope.memoriesByName.set(nameOf(at), added)
  return scope
}

export function forget(data: Data, id: string, at: MemoryKey): void {
  const scope = data.scopes.get(id)
  const known = scope?.memoriesByName.get(nameOf(at))
  if (scope === undefined || known === undefined) return
  scope.memories.delete(known)
  scope.memoriesByName.delete(nameOf(at))
}

/** Forgets what the retry of a scope forgets. Whether a cancellation is to be thrown again. */
export function forgetFailuresOf(data: Data, id: string, blames: MemoryKey | undefined): boolean {
  const scope = data.scopes.get(id)
  if (scope === undefined) return false
  const { changes, isCancelForgotten } = forgetFailures(scope.memories.from(undefined), blames)
  for (const { at, memory } of changes) {
    const known = scope.memoriesByName.get(nameOf(at))
    if (memory === undefined) forget(data, id, at)
    else if (known !== undefined) known.memory = frozenCopy(memory)
  }
  return isCancelForgotten
}

export function recall(data: Data, { scopeId, from, after, limit, now }: RecallInput): RecallOutcome {
  const scope = data.scopes.get(scopeId)
  const first = from === undefined ? undefined : scope?.memoriesByName.get(nameOf(from))
  if (scope === undefined || (from !== undefined && first === undefined)) return { memories: [] }
  const memories = []
  let last = first === undefined ? after : first.ordinal - 1
  let bytes = 0
  for (const { at, ordinal, memory } of scope.memories.from(last)) {
    bytes += sizeOf(memory)
    const isFull = memories.length >= limit || (memories.length > 0 && bytes > MOST_BYTES_OF_A_PAGE)
    if (isFull) return { memories, ...(last === undefined ? {} : { next: last }) }
    memories.push({ at, memory: toMemory(data, memory, now) })
    last = ordinal
  }
  return { memories }
}

/** As it is handed out: bytes that are the caller's, and the receiver as it is now. */
export function toMemory(data: Data, memory: Memory, now: number): Memory {
  if ('result' in memory) return { ...memory, result: withOwnBytes(memory.result) }
  if ('decision' in memory) {
    const { winner, by } = memory.decision
    if (by.type === 'wait') return memory
    return { ...memory, decision: { winner, by: { ...by, result: withOwnBytes(by.result) } } }
  }
  if ('receiver' in memory) {
    const row = data.receivers.get(memory.receiver.id)
    const receiver = row === undefined ? memory.receiver : toRecord(data, row, now)
    if (memory.verb === 'spawn') return { ...memory, receiver }
    return { ...memory, receiver, ...(memory.end === undefined ? {} : { end: toEnd(memory.end) }) }
  }
  if (memory.verb !== 'wait' || memory.end === undefined) return memory
  return { ...memory, end: toEnd(memory.end) }
}

export function toEnd(end: WaitEnd): WaitEnd {
  if ('callback' in end) return { ...end, callback: withOwnBody(end.callback) }
  return 'result' in end ? { ...end, result: withOwnBytes(end.result) } : end
}

export function withOwnBytes(result: Result): Result {
  return { ...result, bytes: new Uint8Array(result.bytes) }
}

function sizeOf(memory: Memory): number {
  if ('result' in memory) return memory.result.bytes.length
  if ('decision' in memory)
    return memory.decision.by.type === 'result' ? memory.decision.by.result.bytes.length : 0
  if (!('end' in memory) || memory.end === undefined) return 0
  if ('callback' in memory.end) return memory.end.callback.body.length
  return 'result' in memory.end ? memory.end.result.bytes.length : 0
}
