import { createId, createToken } from '../core/ids.js'
import { InvalidOptionsError } from '../errors.js'
import type { Begun, MemoryKey, Verb } from '../model/memory.js'
import type { Message, Publication } from '../model/message.js'
import type { SettingsPatch } from '../model/receiver.js'
import type { StartRunInput } from '../store/running.js'
import type { BegunExchange, Conflict, Known, NewReceiver } from '../store/scoping.js'
import type { SendInput } from '../store/sending.js'
import type { ScopeEntry } from './scope-entry.js'
import type { ScopeParts } from './scope-parts.js'
import { begunBy } from './used-keys.js'

// What verbs do the first time: each is one command, which also remembers it. Ids are made before the command, so that it
// can be told again.

export async function spawnNew(
  entry: ScopeEntry,
  at: MemoryKey,
  patch: SettingsPatch,
): Promise<Begun<'spawn'>> {
  await entry.throwCancelAt(at, 'spawn')
  const receiver = toNew(entry, patch)
  const { session } = entry.parts
  const outcome = began(
    at,
    'spawn',
    await entry.tell(now => session.spawnInScope({ entry: entry.entry, at, receiver, now })),
  )
  const memory = { verb: 'spawn', receiver: outcome.receiver } as const
  entry.memory.put(at, memory)
  return memory
}

export async function sendNew(
  entry: ScopeEntry,
  at: MemoryKey,
  { toSend, message }: { toSend: ScopeParts['toSend']; message: Message },
): Promise<Begun<'send'>> {
  await entry.throwCancelAt(at, 'send')
  const send: SendInput = toSend(message)
  const { session } = entry.parts
  const outcome = began(
    at,
    'send',
    await entry.tell(now => session.sendInScope({ entry: entry.entry, at, send, now })),
  )
  const { messageId, deliveryId } = outcome
  const memory = { verb: 'send', messageId, deliveryId } as const
  entry.memory.put(at, memory)
  return memory
}

export async function publishNew(
  entry: ScopeEntry,
  at: MemoryKey,
  { toPublish, publication }: { toPublish: ScopeParts['toPublish']; publication: Publication },
): Promise<Begun<'publish'>> {
  await entry.throwCancelAt(at, 'publish')
  const publish = await toPublish(publication)
  const { session } = entry.parts
  const { messageId } = began(
    at,
    'publish',
    await entry.tell(now => session.publishInScope({ entry: entry.entry, at, publish, now })),
  )
  const memory = { verb: 'publish', messageId } as const
  entry.memory.put(at, memory)
  return memory
}

export async function exchangeNew(
  entry: ScopeEntry,
  at: MemoryKey,
  {
    parts,
    patch,
    toMessage,
    deadlineAt,
  }: {
    readonly parts: ScopeParts
    readonly patch: SettingsPatch
    readonly toMessage: (url: string) => Message
    readonly deadlineAt: number | undefined
  },
): Promise<Begun<'exchange'>> {
  await entry.throwCancelAt(at, 'exchange')
  const receiver = toNew(entry, patch)
  const send = parts.toSend(toMessage(parts.toUrl(receiver.token)))
  const deadline = deadlineAt === undefined ? {} : { deadlineAt }
  const { session } = entry.parts
  const outcome = began(
    at,
    'exchange',
    await entry.tell(now =>
      session.exchangeInScope({ entry: entry.entry, at, receiver, send, ...deadline, now }),
    ),
  )
  return rememberExchange(entry, at, outcome)
}

/** The exchange of a scope that was retried by hand, made whole again: its receiver and its message are the same. */
export async function exchangeAgain(
  entry: ScopeEntry,
  at: MemoryKey,
  { parts, deadlineAt }: { readonly parts: ScopeParts; readonly deadlineAt: number | undefined },
): Promise<Begun<'exchange'>> {
  await entry.throwCancelAt(at, 'exchange')
  const delivery = parts.toRedelivery()
  const deadline = deadlineAt === undefined ? {} : { deadlineAt }
  const { session } = entry.parts
  const outcome = began(
    at,
    'exchange',
    await entry.tell(now => session.resendInScope({ entry: entry.entry, at, delivery, ...deadline, now })),
  )
  return rememberExchange(entry, at, outcome)
}

function rememberExchange(
  entry: ScopeEntry,
  at: MemoryKey,
  { type: _, ...begun }: BegunExchange,
): Begun<'exchange'> {
  const memory = { verb: 'exchange', ...begun } as const
  entry.memory.put(at, memory)
  return memory
}

export async function startNew(
  entry: ScopeEntry,
  at: MemoryKey,
  {
    run,
    onStarted,
  }: { readonly run: Omit<StartRunInput, 'in'>; readonly onStarted: ScopeParts['onStarted'] },
): Promise<Begun<'start'>> {
  await entry.throwCancelAt(at, 'start')
  const { session } = entry.parts
  const outcome = began(
    at,
    'start',
    await entry.tell(now => session.startRun({ ...run, now, in: { entry: entry.entry, at } })),
  )
  if (outcome.created) onStarted(outcome.run)
  const { id: runId, workflow, key } = outcome.run
  const memory = { verb: 'start', runId, workflow, key } as const
  entry.memory.put(at, memory)
  return memory
}

function toNew(entry: ScopeEntry, patch: SettingsPatch): NewReceiver {
  return { id: createId('rcv', entry.parts.clock.now()), token: createToken(), patch }
}

/** The outcome of a verb that began. */
function began<O extends { readonly type: string }>(
  at: MemoryKey,
  verb: Verb,
  outcome: O | Conflict | Known,
): Exclude<O, Conflict | Known> {
  if (isKnown(outcome)) {
    begunBy(at, verb, outcome.memory)
    throw new InvalidOptionsError(`The verb under the key '${at.key}' could not be begun`)
  }
  if (isConflict(outcome)) throw new InvalidOptionsError(outcome.message)
  return outcome as Exclude<O, Conflict | Known>
}

function isKnown(outcome: { readonly type: string }): outcome is Known {
  return outcome.type === 'known'
}

function isConflict(outcome: { readonly type: string }): outcome is Conflict {
  return outcome.type === 'conflict'
}
