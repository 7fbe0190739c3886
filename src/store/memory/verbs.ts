import { hasBegun, type Memory, type MemoryKey } from '../../model/memory.js'
import { applyPatch, patchConflict } from '../../model/receiver.js'
import type { Conflict, Known, NewReceiver, ScopeCommands } from '../scoping.js'
import type { SendInput } from '../sending.js'
import type { Data } from './data.js'
import { frozenCopy } from './frozen.js'
import { addDelivery } from './outbox.js'
import { addReceiver, NO_SETTINGS, toRecord } from './receivers.js'
import type { DeliveryRow, ReceiverRow } from './rows.js'
import { type EnteredScope, enteredScope, memoryAt, recall, remember, toMemory } from './scopes.js'

type VerbCommands = Pick<
  ScopeCommands,
  'recall' | 'remember' | 'spawnInScope' | 'sendInScope' | 'exchangeInScope'
>

/** What a scope does, and remembers of it. */
export function verbCommands(data: Data): VerbCommands {
  return {
    recall(input) {
      return recall(data, input)
    },

    remember({ entry, at, memory, now }) {
      const scope = enteredScope(data, entry, now)
      if (scope === undefined) return { type: 'lost' }
      const known = memoryAt(data, scope, at)
      if (known !== undefined && !(known.verb === memory.verb && hasBegun(known))) {
        return toKnown(data, known, now)
      }
      if (known === undefined) remember(data, scope, at, memory)
      return { type: 'remembered', memory: toMemory(data, known ?? frozenCopy(memory), now) }
    },

    spawnInScope({ entry, at, receiver, now }) {
      const scope = enteredScope(data, entry, now)
      if (scope === undefined) return { type: 'lost' }
      const known = memoryAt(data, scope, at)
      if (known !== undefined) {
        const memory = toMemory(data, known, now)
        const isSame = memory.verb === 'spawn' && hasBegun(memory)
        return isSame ? { type: 'spawned', receiver: memory.receiver } : { type: 'known', memory }
      }
      const conflict = conflictOf(receiver)
      if (conflict !== undefined) return conflict
      const row = makeReceiver(data, receiver, now)
      const record = toRecord(data, row, now)
      own(data, scope, at, { verb: 'spawn', receiver: record }, { receiver: row })
      return { type: 'spawned', receiver: record }
    },

    sendInScope({ entry, at, send, now }) {
      const scope = enteredScope(data, entry, now)
      if (scope === undefined) return { type: 'lost' }
      const known = memoryAt(data, scope, at)
      if (known !== undefined) {
        if (known.verb !== 'send' || !hasBegun(known)) return toKnown(data, known, now)
        const { messageId, deliveryId } = known
        return { type: 'sent', messageId, deliveryId }
      }
      const delivery = makeDelivery(data, send)
      const sent = { messageId: delivery.message.id, deliveryId: delivery.record.id }
      own(data, scope, at, { verb: 'send', ...sent }, { delivery })
      return { type: 'sent', ...sent }
    },

    exchangeInScope({ entry, at, receiver, send, deadlineAt, now }) {
      const scope = enteredScope(data, entry, now)
      if (scope === undefined) return { type: 'lost' }
      const known = memoryAt(data, scope, at)
      if (known !== undefined) {
        const memory = toMemory(data, known, now)
        if (memory.verb !== 'exchange' || !hasBegun(memory)) return { type: 'known', memory }
        const { verb: _, end: __, ...begun } = memory
        return { type: 'begun', ...begun }
      }
      const conflict = conflictOf(receiver)
      if (conflict !== undefined) return conflict
      const row = makeReceiver(data, receiver, now)
      const delivery = makeDelivery(data, send)
      const begun = {
        receiver: toRecord(data, row, now),
        messageId: delivery.message.id,
        deliveryId: delivery.record.id,
        ...(deadlineAt === undefined ? {} : { deadlineAt }),
      }
      own(data, scope, at, { verb: 'exchange', ...begun }, { receiver: row, delivery })
      return { type: 'begun', ...begun }
    },
  }
}

export function toKnown(data: Data, memory: Memory, now: number): Known {
  return { type: 'known', memory: toMemory(data, memory, now) }
}

export function conflictOf({ patch }: NewReceiver): Conflict | undefined {
  const message = patchConflict(NO_SETTINGS, patch)
  return message === undefined ? undefined : { type: 'conflict', message }
}

/** `epoch` binds it to its node. */
export function makeReceiver(
  data: Data,
  { patch, ...receiver }: NewReceiver & { readonly epoch?: number },
  now: number,
): ReceiverRow {
  return addReceiver(data, { ...receiver, now }, frozenCopy(applyPatch(NO_SETTINGS, patch)))
}

/** A message whose key, if any, is none of ours. */
export function makeDelivery(data: Data, send: SendInput): DeliveryRow {
  const { key: _, ...message } = send.message
  return addDelivery(data, { ...send, message })
}

/** Remembers what a verb made, which is the scope's from now on. */
function own(
  data: Data,
  entered: EnteredScope,
  at: MemoryKey,
  memory: Memory,
  { receiver, delivery }: { readonly receiver?: ReceiverRow; readonly delivery?: DeliveryRow },
): void {
  const scope = remember(data, entered, at, memory)
  if (receiver !== undefined) {
    receiver.scope = scope
    scope.receivers.add(receiver)
  }
  if (delivery !== undefined) {
    delivery.scope = scope
    scope.deliveries.add(delivery)
  }
}
