import { checkKey } from '../core/bytes.js'
import { createId } from '../core/ids.js'
import { InvalidInputError, MailboxFullError, ReceiverClosedError } from '../errors.js'
import { type EncodedPayload, encodePayload, type Payload } from '../model/payload.js'
import { encodeHeaders } from '../model/received.js'
import type { ReceiverRecord } from '../model/receiver.js'
import type { ServerSettings } from '../options.js'
import type { AcceptInput, AcceptOutcome } from '../store/receiving.js'
import type { StoreSession } from '../store/store.js'
import { type Inspection, inspect } from './inspection.js'
import { ACCEPTED } from './reply.js'
import type { Limits, Sources } from './sources.js'

/**
 * Puts something into a mailbox without HTTP, by the same command as a request.
 *
 * @returns what was accepted, or `undefined` for a delivery id that came before.
 * @throws ReceiverClosedError, MailboxFullError, InvalidInputError, InvalidOptionsError.
 */
export async function acceptDirectly(
  { session, sources, settings }: { session: StoreSession; sources: Sources; settings: ServerSettings },
  receiver: ReceiverRecord,
  data: Payload,
  { deliveryId }: { readonly deliveryId?: string },
): Promise<{ readonly callbackId: string; readonly seq: number } | undefined> {
  if (deliveryId !== undefined) checkKey(deliveryId, 'deliveryId')
  const content = encodePayload(data, 'The data to be accepted')
  const callbackId = createId('cb', settings.clock.now())

  for (let current = receiver; ; ) {
    const inspected = await inspect(content.contentType, content.bytes, {
      schema: sources.schemaFor(current),
      clock: settings.clock,
    })
    if (!inspected.ok && inspected.fault !== undefined) throw inspected.fault.error
    const limits = sources.limitsFor(current)
    const command = toCommand(content, { callbackId, now: settings.clock.now(), deliveryId, limits })
    const outcome = await session.accept({
      ...command,
      receiverId: current.id,
      version: current.version,
      content: inspected.ok ? 'good' : 'refused',
    })
    if (outcome.type === 'accepted') return { callbackId, seq: outcome.seq }
    if (outcome.type === 'duplicate') return undefined
    if (outcome.type !== 'stale') throw toError(outcome, current, inspected, limits.capacity)
    current = outcome.receiver
  }
}

function toCommand(
  { bytes, contentType }: EncodedPayload,
  given: { callbackId: string; now: number; deliveryId: string | undefined; limits: Limits },
): Omit<AcceptInput, 'receiverId' | 'content'> {
  const { callbackId, now, deliveryId, limits } = given
  return {
    callbackId,
    now,
    method: 'POST',
    path: '',
    query: '',
    headers: encodeHeaders(contentType === undefined ? [] : ['content-type', contentType]),
    body: bytes,
    dedupeUntil: now + limits.dedupeWindowMs,
    capacity: limits.capacity,
    // Nobody waits for an answer. A request that repeats it reads what one without a `respond` reads.
    ...(deliveryId === undefined ? {} : { deliveryId, answer: ACCEPTED }),
  }
}

function toError(
  outcome: Exclude<AcceptOutcome, { type: 'accepted' | 'duplicate' | 'stale' }>,
  { id, key }: ReceiverRecord,
  inspected: Inspection,
  capacity: number,
): Error {
  const receiver = key ?? id
  switch (outcome.type) {
    case 'refused': {
      const issues = inspected.ok ? [] : (inspected.issues ?? [])
      return new InvalidInputError(`The data do not fit the schema of receiver ${receiver}`, issues)
    }
    case 'full':
      return new MailboxFullError({ receiver, capacity })
    case 'ended':
      return new ReceiverClosedError({ receiver, reason: outcome.state })
    case 'unknown':
      return new ReceiverClosedError({ receiver, reason: 'closed' })
  }
}
