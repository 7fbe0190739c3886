import { InvalidOptionsError } from '../../errors.js'
import { type Begun, hasBegun, isToResend, type Memory, type MemoryKey } from '../../model/memory.js'
import { applyPatch, patchConflict } from '../../model/receiver.js'
import type { BegunExchange, Conflict, Known, NewReceiver, ScopeCommands } from '../scoping.js'
import type { NewDelivery, SendInput } from '../sending.js'
import type { Data } from './data.js'
import { addDelivery } from './deliveries.js'
import { frozenCopy } from './frozen.js'
import { addMessage } from './messages.js'
import { addPublication } from './publications.js'
import { addReceiver, ensureOpen, NO_SETTINGS, toRecord } from './receivers.js'
import type { DeliveryRow, ReceiverRow } from './rows.js'
import { type EnteredScope, enteredScope, memoryAt, recall, remember, toMemory } from './scopes.js'

type VerbCommands = Pick<
  ScopeCommands,
  | 'recall'
  | 'remember'
  | 'spawnInScope'
  | 'sendInScope'
  | 'publishInScope'
  | 'exchangeInScope'
  | 'resendInScope'
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
      const sent = { messageId: delivery.record.messageId, deliveryId: delivery.record.id }
      own(data, scope, at, { verb: 'send', ...sent }, { delivery })
      return { type: 'sent', ...sent }
    },

    publishInScope({ entry, at, publish, now }) {
      const scope = enteredScope(data, entry, now)
      if (scope === undefined) return { type: 'lost' }
      const known = memoryAt(data, scope, at)
      if (known !== undefined) {
        const isSame = known.verb === 'publish' && hasBegun(known)
        return isSame ? { type: 'published', messageId: known.messageId } : toKnown(data, known, now)
      }
      const { key: _, ...keyless } = publish
      const { id: messageId } = addPublication(data, keyless).record
      remember(data, scope, at, { verb: 'publish', messageId })
      return { type: 'published', messageId }
    },

    exchangeInScope({ entry, at, receiver, send, deadlineAt, now }) {
      const scope = enteredScope(data, entry, now)
      if (scope === undefined) return { type: 'lost' }
      const known = memoryAt(data, scope, at)
      if (known !== undefined) {
        return toBegun(data, known, now) ?? toKnown(data, known, now)
      }
      const conflict = conflictOf(receiver)
      if (conflict !== undefined) return conflict
      const row = makeReceiver(data, receiver, now)
      const delivery = makeDelivery(data, send)
      const begun = {
        receiver: toRecord(data, row, now),
        messageId: delivery.record.messageId,
        deliveryId: delivery.record.id,
        ...(deadlineAt === undefined ? {} : { deadlineAt }),
      }
      own(data, scope, at, { verb: 'exchange', ...begun }, { receiver: row, delivery })
      return { type: 'begun', ...begun }
    },

    resendInScope({ entry, at, delivery, deadlineAt, now }) {
      const scope = enteredScope(data, entry, now)
      if (scope === undefined) return { type: 'lost' }
      const known = memoryAt(data, scope, at)
      if (known === undefined) throw new InvalidOptionsError('nothing is remembered that can be sent again')
      const begun = toBegun(data, known, now)
      if (begun === undefined) return toKnown(data, known, now)
      if (!isToResend(known)) return begun
      const { messageId } = begun
      const again = reviveExchange(data, begun, delivery, now)
      const memory: Begun<'exchange'> = {
        verb: 'exchange',
        receiver: begun.receiver,
        messageId,
        deliveryId: again?.record.id ?? begun.deliveryId,
        ...(deadlineAt === undefined ? {} : { deadlineAt }),
      }
      own(data, scope, at, memory, again === undefined ? {} : { delivery: again })
      return toBegun(data, memory, now) ?? toKnown(data, memory, now)
    },
  }
}

/** An exchange that has begun, as it is now. */
function toBegun(data: Data, known: Memory, now: number): BegunExchange | undefined {
  const memory = toMemory(data, known, now)
  if (memory.verb !== 'exchange' || !hasBegun(memory)) return undefined
  const { receiver, messageId, deliveryId, deadlineAt } = memory
  const deadline = deadlineAt === undefined ? {} : { deadlineAt }
  return { type: 'begun', receiver, messageId, deliveryId, ...deadline }
}

/** Opens its receiver again, and sends its message again, unless the answer is there. The new delivery, if there is one. */
function reviveExchange(
  data: Data,
  { receiver: { id }, deliveryId }: BegunExchange,
  again: NewDelivery,
  now: number,
): DeliveryRow | undefined {
  const receiver = data.receivers.get(id)
  if (receiver === undefined || receiver.unread.size > 0) return undefined
  ensureOpen(data, receiver, now)
  const delivery = data.deliveries.get(deliveryId)
  if (delivery?.record.status !== 'dead') return undefined
  return addDelivery(data, delivery.message, delivery.record, again)
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
  return addDelivery(data, addMessage(data, message), message, send)
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
