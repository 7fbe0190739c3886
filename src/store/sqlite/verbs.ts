import {
  type Begun,
  hasBegun,
  isToResend,
  type Memory,
  type MemoryKey,
  type Verb,
} from '../../model/memory.js'
import { optional } from '../optional.js'
import type { BegunExchange } from '../scoping.js'
import type { Input, Outcome } from '../store.js'
import type { Part } from './engine-parts.js'
import { StoreFault } from './fault.js'
import type { Mailboxes } from './mailboxes.js'
import type { Known, Memories } from './memories.js'
import type { Outbox } from './outbox.js'
import type { Publications } from './publications.js'
import type { Receivers } from './receivers.js'
import type { EnteredScope, Scopes } from './scopes.js'

export interface VerbParts {
  readonly scopes: Scopes
  readonly memories: Memories
  readonly receivers: Receivers
  readonly outbox: Outbox
  readonly publications: Publications
  readonly mailboxes: Mailboxes
}

/** What scopes do, and remember with it. */
export class Verbs
  implements
    Part<
      | 'recall'
      | 'remember'
      | 'spawnInScope'
      | 'sendInScope'
      | 'publishInScope'
      | 'exchangeInScope'
      | 'resendInScope'
    >
{
  readonly #parts: VerbParts

  constructor(parts: VerbParts) {
    this.#parts = parts
  }

  recall(input: Input<'recall'>): Outcome<'recall'> {
    return this.#parts.memories.recall(input)
  }

  remember({ entry, at, memory, now }: Input<'remember'>): Outcome<'remember'> {
    const scope = this.#parts.scopes.enter(entry, now)
    if (scope === undefined) return { type: 'lost' }
    const known = this.#find(scope, at, now)
    if (known === undefined) {
      this.#remember(scope, at, memory)
      return { type: 'remembered', memory }
    }
    const isSame = known.memory.verb === memory.verb && hasBegun(known.memory)
    return { type: isSame ? 'remembered' : 'known', memory: known.memory }
  }

  spawnInScope({ entry, at, receiver, now }: Input<'spawnInScope'>): Outcome<'spawnInScope'> {
    const { scopes, receivers } = this.#parts
    const scope = scopes.enter(entry, now)
    if (scope === undefined) return { type: 'lost' }
    const known = this.#find(scope, at, now)
    if (known !== undefined) {
      const { memory } = known
      return isOf('spawn', memory)
        ? { type: 'spawned', receiver: memory.receiver }
        : { type: 'known', memory }
    }
    const spawned = receivers.spawnInScope(scope.id, receiver, now)
    if (spawned.type === 'conflict') return spawned
    this.#remember(scope, at, { verb: 'spawn', receiver: spawned.receiver })
    return { type: 'spawned', receiver: spawned.receiver }
  }

  sendInScope({ entry, at, send, now }: Input<'sendInScope'>): Outcome<'sendInScope'> {
    const { scopes, outbox } = this.#parts
    const scope = scopes.enter(entry, now)
    if (scope === undefined) return { type: 'lost' }
    const known = this.#find(scope, at, now)
    if (known !== undefined) {
      const { memory } = known
      if (!isOf('send', memory)) return { type: 'known', memory }
      return { type: 'sent', messageId: memory.messageId, deliveryId: memory.deliveryId }
    }
    const sent = { messageId: send.message.id, deliveryId: send.deliveryId }
    outbox.sendInScope(scope.id, send)
    this.#remember(scope, at, { verb: 'send', ...sent })
    return { type: 'sent', ...sent }
  }

  publishInScope({ entry, at, publish, now }: Input<'publishInScope'>): Outcome<'publishInScope'> {
    const { scopes, publications } = this.#parts
    const scope = scopes.enter(entry, now)
    if (scope === undefined) return { type: 'lost' }
    const known = this.#find(scope, at, now)
    if (known !== undefined) {
      const { memory } = known
      return isOf('publish', memory)
        ? { type: 'published', messageId: memory.messageId }
        : { type: 'known', memory }
    }
    const messageId = publish.message.id
    publications.publishInScope(publish)
    this.#remember(scope, at, { verb: 'publish', messageId })
    return { type: 'published', messageId }
  }

  exchangeInScope(input: Input<'exchangeInScope'>): Outcome<'exchangeInScope'> {
    const { entry, at, send, deadlineAt, now } = input
    const { scopes, receivers, outbox } = this.#parts
    const scope = scopes.enter(entry, now)
    if (scope === undefined) return { type: 'lost' }
    const known = this.#find(scope, at, now)
    if (known !== undefined) {
      const { memory } = known
      return isOf('exchange', memory) ? toBegun(memory) : { type: 'known', memory }
    }
    const spawned = receivers.spawnInScope(scope.id, input.receiver, now)
    if (spawned.type === 'conflict') return spawned
    outbox.sendInScope(scope.id, send)
    const begun = {
      receiver: spawned.receiver,
      messageId: send.message.id,
      deliveryId: send.deliveryId,
      ...(deadlineAt === undefined ? {} : { deadlineAt }),
    }
    this.#remember(scope, at, { verb: 'exchange', ...begun })
    return { type: 'begun', ...begun }
  }

  resendInScope({ entry, at, delivery, deadlineAt, now }: Input<'resendInScope'>): Outcome<'resendInScope'> {
    const { scopes, memories, receivers, outbox, mailboxes } = this.#parts
    const scope = scopes.enter(entry, now)
    if (scope === undefined) return { type: 'lost' }
    const known = this.#find(scope, at, now)
    if (known === undefined) throw new StoreFault('refused', 'nothing is remembered that can be sent again')
    const { memory } = known
    if (!isOf('exchange', memory)) return { type: 'known', memory }
    if (!isToResend(memory)) return toBegun(memory)

    const mailbox = mailboxes.find(memory.receiver.id)
    const isAnswered = mailbox === undefined || mailbox.unread > 0
    if (!isAnswered) receivers.ensureOpen(mailbox, now)
    const again: Begun<'exchange'> = {
      verb: memory.verb,
      receiver: isAnswered ? memory.receiver : receivers.recordOf(mailbox, now),
      messageId: memory.messageId,
      deliveryId: isAnswered ? memory.deliveryId : outbox.resendInScope(memory.deliveryId, delivery),
      ...optional('deadlineAt', deadlineAt),
    }
    memories.change(scope.id, known, again)
    scopes.wrote(scope)
    return toBegun(again)
  }

  #find({ id }: EnteredScope, at: MemoryKey, now: number): Known | undefined {
    return this.#parts.memories.find(id, at, now)
  }

  #remember(scope: EnteredScope, at: MemoryKey, memory: Memory): void {
    this.#parts.memories.add(scope.id, at, memory)
    this.#parts.scopes.wrote(scope)
  }
}

function toBegun({ receiver, messageId, deliveryId, deadlineAt }: Begun<'exchange'>): BegunExchange {
  return { type: 'begun', receiver, messageId, deliveryId, ...optional('deadlineAt', deadlineAt) }
}

/** Whether it is what that verb left when it began. */
export function isOf<V extends Verb>(verb: V, memory: Memory): memory is Begun<V> {
  return memory.verb === verb && hasBegun(memory)
}
