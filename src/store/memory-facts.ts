import type { CallbackRecord } from '../model/callback.js'
import {
  type Begun,
  type Decision,
  hasBegun,
  type Memory,
  type MemoryKey,
  type Verb,
  type WaitEnd,
} from '../model/memory.js'
import type { ReceiverRecord } from '../model/receiver.js'
import type { Result } from '../model/run.js'
import { endOf } from '../model/wait-memory.js'
import { optional } from './optional.js'

// How a memory becomes columns: the bytes of a result by themselves, ids for what has a row of its own, and the rest as it
// is, in JSON.

export interface MemoryColumns {
  readonly facts: string
  readonly bytes: Uint8Array | null
}

/** The rows that a memory points to. */
export interface Joined {
  receiver(receiverId: string): ReceiverRecord
  callback(callback: CallbackIds): CallbackRecord
}

export type CallbackIds = Pick<CallbackRecord, 'id' | 'receiverId'>

/** Where a result was: its bytes are in a column of their own. */
type ResultType = Result['type']

export type EndFacts =
  | { readonly type: 'callback'; readonly callback: CallbackIds }
  | { readonly type: 'run_done' | 'run_failed'; readonly result: ResultType }
  | Exclude<WaitEnd, { readonly type: 'callback' | 'run_done' | 'run_failed' }>

interface TimedFacts {
  readonly deadlineAt?: number
  readonly within?: MemoryKey
  readonly end?: EndFacts
}

export type Facts =
  | Begun<'send' | 'publish' | 'start'>
  | Exclude<Memory, Begun<Verb>>
  | { readonly verb: 'spawn'; readonly receiverId: string }
  | { readonly verb: 'step'; readonly result: ResultType }
  | {
      readonly verb: 'race' | 'any'
      readonly winner: string
      readonly by: ResultType | MemoryKey
      readonly blames?: readonly MemoryKey[]
    }
  | ({ readonly verb: 'wait' } & TimedFacts)
  | ({ readonly verb: 'sleep' } & TimedFacts)
  | ({
      readonly verb: 'exchange'
      readonly receiverId: string
      readonly messageId: string
      readonly deliveryId: string
      readonly retried?: true
    } & TimedFacts)

/** `size`: how many bytes it brings when it is read. */
export function toColumns(memory: Memory): MemoryColumns & { readonly size: number } {
  const end = endOf(memory)
  const bytes = bytesOf(memory)
  const size = bytes?.length ?? (end?.type === 'callback' ? end.callback.body.length : 0)
  return { facts: JSON.stringify(toFacts(memory)), bytes, size }
}

export function toMemory({ facts, bytes }: MemoryColumns, joined: Joined): Memory {
  return fromFacts(JSON.parse(facts) as Facts, bytes, joined)
}

/** The bytes of its result. */
export function bytesOf(memory: Memory): Uint8Array | null {
  return resultOf(memory, endOf(memory))?.bytes ?? null
}

export function fromFacts(facts: Facts, bytes: Uint8Array | null, joined: Joined): Memory {
  const toResult = resultWith(bytes)
  const toTimed = ({ deadlineAt, within, end }: TimedFacts) => ({
    ...optional('deadlineAt', deadlineAt),
    ...optional('within', within),
    ...optional('end', end && fromEndFacts(end, bytes, joined)),
  })
  if (facts.verb === 'wait' || facts.verb === 'sleep') return { verb: facts.verb, ...toTimed(facts) }
  if (facts.verb === 'exchange' && 'receiverId' in facts) {
    const { verb, receiverId, messageId, deliveryId } = facts
    const retried = optional('retried', facts.retried)
    return {
      verb,
      receiver: joined.receiver(receiverId),
      messageId,
      deliveryId,
      ...retried,
      ...toTimed(facts),
    }
  }
  if ('end' in facts) return facts
  switch (facts.verb) {
    case 'spawn':
      return { verb: facts.verb, receiver: joined.receiver(facts.receiverId) }
    case 'send':
    case 'publish':
    case 'start':
      return facts
    case 'step':
      return { verb: facts.verb, result: toResult(facts.result) }
    case 'race':
    case 'any': {
      const { verb, winner, by, blames } = facts
      const decided = typeof by === 'string' ? byResult(toResult(by), blames) : byWait(by)
      return { verb, decision: { winner, by: decided } }
    }
  }
}

export function toFacts(memory: Memory): Facts {
  if (!hasBegun(memory)) return memory
  switch (memory.verb) {
    case 'spawn':
      return { verb: memory.verb, receiverId: memory.receiver.id }
    case 'send':
    case 'publish':
    case 'start':
      return memory
    case 'step':
      return { verb: memory.verb, result: memory.result.type }
    case 'race':
    case 'any': {
      const { winner, by } = memory.decision
      if (by.type === 'wait') return { verb: memory.verb, winner, by: by.at }
      return { verb: memory.verb, winner, by: by.result.type, ...optional('blames', by.blames) }
    }
    case 'wait':
    case 'sleep':
      return { verb: memory.verb, ...timedFacts(memory) }
    case 'exchange': {
      const { verb, receiver, messageId, deliveryId } = memory
      const retried = optional('retried', memory.retried)
      return { verb, receiverId: receiver.id, messageId, deliveryId, ...retried, ...timedFacts(memory) }
    }
  }
}

function timedFacts({
  deadlineAt,
  within,
  end,
}: {
  readonly deadlineAt?: number
  readonly within?: MemoryKey
  readonly end?: WaitEnd
}): TimedFacts {
  return {
    ...optional('deadlineAt', deadlineAt),
    ...optional('within', within),
    ...optional('end', end && endFacts(end)),
  }
}

function endFacts(end: WaitEnd): EndFacts {
  switch (end.type) {
    case 'callback':
      return { type: end.type, callback: { id: end.callback.id, receiverId: end.callback.receiverId } }
    case 'run_done':
    case 'run_failed':
      return { type: end.type, result: end.result.type }
    default:
      return end
  }
}

export function fromEndFacts(end: EndFacts, bytes: Uint8Array | null, joined: Joined): WaitEnd {
  switch (end.type) {
    case 'callback':
      return { type: end.type, callback: joined.callback(end.callback) }
    case 'run_done':
    case 'run_failed':
      return { type: end.type, result: resultWith(bytes)(end.result) }
    default:
      return end
  }
}

function resultWith(bytes: Uint8Array | null): (type: ResultType) => Result {
  return type => ({ type, bytes: bytes ?? new Uint8Array() })
}

function resultOf(memory: Memory, end: WaitEnd | undefined): Result | undefined {
  if (end !== undefined) return 'result' in end ? end.result : undefined
  if ('result' in memory) return memory.result
  if (!('decision' in memory)) return undefined
  const { by } = memory.decision
  return by.type === 'result' ? by.result : undefined
}

function byResult(result: Result, blames: readonly MemoryKey[] | undefined): Decision['by'] {
  return { type: 'result', result, ...optional('blames', blames) }
}

function byWait(at: MemoryKey): Decision['by'] {
  return { type: 'wait', at }
}
