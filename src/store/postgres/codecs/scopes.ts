import { bytesOf, toFacts } from '../../memory-facts.js'
import { optional } from '../../optional.js'
import type { Conflict, DecideOutcome, Known, ScopeCommands } from '../../scoping.js'
import type { Input, Outcome } from '../../store.js'
import type { Codecs } from '../codec.js'
import { type EndWire, type MemoryWire, toEnd, toMemory, toRecall } from './memories.js'
import { toSend } from './outbox.js'
import { toPublish } from './publications.js'
import { type ConflictWire, toConflict } from './receiving.js'

export interface KnownWire {
  readonly type: 'known'
  readonly memory: MemoryWire
}

export function toKnown({ type, memory }: KnownWire): Known {
  return { type, memory: toMemory(memory) }
}

type Verb = 'spawnInScope' | 'sendInScope' | 'publishInScope' | 'exchangeInScope' | 'resendInScope'

/** JSON as it is, but for the memory of whoever else has the key, and for a conflict. */
type VerbWire<N extends Verb> = Exclude<Outcome<N>, Known | Conflict> | KnownWire | ConflictWire

type RememberWire =
  /** Without a memory it is the one that was given. */
  { readonly type: 'remembered'; readonly memory?: MemoryWire } | KnownWire | { readonly type: 'lost' }

type DecideWire = Exclude<DecideOutcome, { readonly type: 'ended' }> | ({ readonly type: 'ended' } & EndWire)

export const SCOPE_CODECS: Codecs<keyof ScopeCommands> = {
  recall: { fromWire: toRecall },
  remember: {
    toWire: ({ memory, ...input }) => ({
      ...input,
      facts: toFacts(memory),
      ...optional('bytes', bytesOf(memory)),
    }),
    fromWire: toRemembered,
  },
  spawnInScope: { fromWire: toSpawned },
  sendInScope: { toWire: ({ send, ...input }) => ({ ...input, send: toSend(send) }), fromWire: toSent },
  publishInScope: {
    toWire: ({ publish, ...input }) => ({ ...input, publish: toPublish(publish) }),
    fromWire: toPublished,
  },
  exchangeInScope: { toWire: ({ send, ...input }) => ({ ...input, send: toSend(send) }), fromWire: toBegun },
  resendInScope: { fromWire: toResent },
  decide: {
    fromWire: (wire: DecideWire): DecideOutcome =>
      wire.type === 'ended' ? { type: wire.type, end: toEnd(wire) } : wire,
  },
  throwCancel: {},
}

function toRemembered(wire: RememberWire, { memory }: Input<'remember'>): Outcome<'remember'> {
  if (wire.type === 'lost') return wire
  if (wire.type === 'known') return toKnown(wire)
  return { type: wire.type, memory: wire.memory === undefined ? memory : toMemory(wire.memory) }
}

function toSpawned(wire: VerbWire<'spawnInScope'>): Outcome<'spawnInScope'> {
  if (wire.type === 'known') return toKnown(wire)
  return wire.type === 'conflict' ? toConflict(wire) : wire
}

function toSent(wire: Exclude<VerbWire<'sendInScope'>, ConflictWire>): Outcome<'sendInScope'> {
  return wire.type === 'known' ? toKnown(wire) : wire
}

function toPublished(wire: Exclude<VerbWire<'publishInScope'>, ConflictWire>): Outcome<'publishInScope'> {
  return wire.type === 'known' ? toKnown(wire) : wire
}

function toBegun(wire: VerbWire<'exchangeInScope'>): Outcome<'exchangeInScope'> {
  if (wire.type === 'known') return toKnown(wire)
  return wire.type === 'conflict' ? toConflict(wire) : wire
}

function toResent(wire: Exclude<VerbWire<'resendInScope'>, ConflictWire>): Outcome<'resendInScope'> {
  return wire.type === 'known' ? toKnown(wire) : wire
}
