import type { Clock } from '../core/clock.js'
import { createId } from '../core/ids.js'
import { KeyConflictError } from '../errors.js'
import type { Addressee } from '../model/delivery.js'
import type { Message } from '../model/message.js'
import { DEFAULTS } from '../options.js'
import type { NewDelivery, SendInput } from '../store/sending.js'
import type { StoreSession } from '../store/store.js'
import type { Endpoints } from './endpoints.js'
import { toOutgoing } from './message.js'

export interface Sent {
  readonly id: string
  readonly messageId: string
}

/** Where it goes: a store, or a transaction that is in one. */
type Outbox = Pick<StoreSession, 'send'>

/**
 * Makes a message and its delivery durable. With a key there is one: the second call finds the delivery of the first.
 *
 * @throws InvalidOptionsError for a message that cannot be sent.
 * @throws EndpointRefusedError for a URL that nothing is sent to.
 * @throws KeyConflictError when the key has a message to another target.
 */
export async function send(
  key: string | undefined,
  message: Message,
  { outbox, endpoints, clock }: { outbox: Outbox; endpoints: Endpoints; clock: Clock },
): Promise<Sent> {
  const outgoing = toSend(key, message, { endpoints, clock })
  const outcome = await outbox.send(outgoing)
  if (outcome.type === 'sent') return { id: outcome.deliveryId, messageId: outcome.messageId }

  throw keyConflict(key ?? '', 'message', outcome.lane, outgoing.message.lane)
}

/** A key stays with the target that it had first. */
export function keyConflict(
  key: string,
  what: 'message' | 'exchange' | 'publication',
  first: Addressee,
  second: Addressee,
): Error {
  const to = what === 'exchange' ? 'with' : 'to'
  const other = first === second ? 'another path there' : inWords(second)
  return new KeyConflictError({
    key,
    message: `The key '${key}' has ${what === 'exchange' ? 'an' : 'a'} ${what} ${to} ${inWords(first)} already, so it cannot have one ${to} ${other}; use a key of its own for each target`,
  })
}

/** A message and its delivery, as they go into the store. */
export function toSend(
  key: string | undefined,
  message: Message,
  { endpoints, clock }: { endpoints: Endpoints; clock: Clock },
): SendInput {
  const now = clock.now()
  return { ...toDelivery(now), ...toOutgoing(key, message, { endpoints, now }) }
}

/** A delivery that is due at once. */
export function toDelivery(now: number): NewDelivery {
  return { deliveryId: createId('dlv', now), dueAt: now, deadlineAt: now + DEFAULTS.deliveryDeadlineMs }
}

function inWords(lane: Addressee): string {
  const [, kind = '', name = ''] = /^(\w+):(.*)$/s.exec(lane) ?? []
  if (kind === 'list') return 'a list'
  return kind === 'origin' ? `a URL at ${name}` : `${kind} '${name}'`
}
