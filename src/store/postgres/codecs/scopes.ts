import { bytesOf, toFacts } from '../../memory-facts.js'
import { optional } from '../../optional.js'
import type { DecideOutcome, Known, ScopeCommands } from '../../scoping.js'
import type { Input, Outcome } from '../../store.js'
import type { Codecs } from '../codec.js'
import { type EndWire, type MemoryWire, toEnd, toMemory, toRecall } from './memories.js'

export interface KnownWire {
  readonly type: 'known'
  readonly memory: MemoryWire
}

export function isKnown(wire: { readonly type: string }): wire is KnownWire {
  return wire.type === 'known'
}

export function toKnown({ memory }: KnownWire): Known {
  return { type: 'known', memory: toMemory(memory) }
}

/** An outcome that is JSON as it is, but for the memory of whoever else has the key. */
function orKnown<O extends { readonly type: string }>(wire: O | KnownWire): O | Known {
  return isKnown(wire) ? toKnown(wire) : wire
}

type Verbs = 'spawnInScope' | 'sendInScope' | 'exchangeInScope'
type Unknown<N extends Verbs> = Exclude<Outcome<N>, Known>

type RememberWire =
  /** Without a memory it is the one that was given. */
  { readonly type: 'remembered'; readonly memory?: MemoryWire } | KnownWire | { readonly type: 'lost' }

type DecideWire = Exclude<DecideOutcome, { readonly type: 'ended' }> | ({ readonly type: 'ended' } & EndWire)

function toRemembered(wire: RememberWire, { memory }: Input<'remember'>): Outcome<'remember'> {
  if (wire.type === 'lost') return wire
  if (isKnown(wire)) return toKnown(wire)
  return { type: wire.type, memory: wire.memory === undefined ? memory : toMemory(wire.memory) }
}

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
  spawnInScope: { fromWire: orKnown<Unknown<'spawnInScope'>> },
  sendInScope: { fromWire: orKnown<Unknown<'sendInScope'>> },
  exchangeInScope: { fromWire: orKnown<Unknown<'exchangeInScope'>> },
  decide: {
    fromWire: (wire: DecideWire): DecideOutcome =>
      wire.type === 'ended' ? { type: wire.type, end: toEnd(wire) } : wire,
  },
  throwCancel: {},
}
