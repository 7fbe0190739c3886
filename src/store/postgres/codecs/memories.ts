import type { CallbackRecord } from '../../../model/callback.js'
import type { Memory, MemoryKey, WaitEnd } from '../../../model/memory.js'
import type { ReceiverRecord } from '../../../model/receiver.js'
import { type EndFacts, type Facts, fromEndFacts, fromFacts, type Joined } from '../../memory-facts.js'
import { optional } from '../../optional.js'
import type { RecallOutcome } from '../../scoping.js'
import { fromBase64 } from '../bytes.js'
import { toCallback, type Wired } from './receiving.js'

// A memory on its way: its facts, and beside them what they point to.

interface CarriedWire {
  /** Base64. */
  readonly bytes?: string
  readonly receiver?: ReceiverRecord
  readonly callback?: Wired<CallbackRecord>
}

export interface MemoryWire extends CarriedWire {
  readonly facts: Facts
}

export interface EndWire extends CarriedWire {
  readonly end: EndFacts
}

export interface RecallWire {
  readonly memories: readonly (MemoryWire & { readonly at: MemoryKey })[]
  readonly next?: number
}

export function toRecall({ memories, next }: RecallWire): RecallOutcome {
  return {
    memories: memories.map(wire => ({ at: wire.at, memory: toMemory(wire) })),
    ...optional('next', next),
  }
}

export function toMemory({ facts, ...carried }: MemoryWire): Memory {
  const readable =
    'end' in facts && facts.end !== undefined ? { ...facts, end: withReason(facts.end) } : facts
  return fromFacts(readable as Facts, bytesOf(carried), joinedOf(carried))
}

export function toEnd({ end, ...carried }: EndWire): WaitEnd {
  return fromEndFacts(withReason(end), bytesOf(carried), joinedOf(carried))
}

/** A reason may hold anything, so it is JSON within the facts. */
function withReason<E extends EndFacts>(end: E): E {
  if (!('reason' in end) || end.reason === undefined) return end
  return { ...end, reason: JSON.parse(end.reason) as string }
}

function bytesOf({ bytes }: CarriedWire): Uint8Array | null {
  return bytes === undefined ? null : fromBase64(bytes)
}

function joinedOf({ receiver, callback }: CarriedWire): Joined {
  return {
    receiver: () => {
      if (receiver === undefined) throw new Error('a memory has lost its receiver')
      return receiver
    },
    callback: () => {
      if (callback === undefined) throw new Error('a memory has lost its callback')
      return toCallback(callback)
    },
  }
}
