import {
  type Begun,
  hasBegun,
  isToResend,
  type Memory,
  type MemoryKey,
  nameOf,
  type Race,
  type Verb,
  type WaitEnd,
} from './memory.js'

// What a wait leaves while it goes on, and when the cancellation of its run is thrown at it.

export type WaitVerb = 'wait' | 'sleep' | 'exchange'

/** Of an exchange, also what it began with. */
export type WaitMemory = Begun<WaitVerb>

export function endOf(memory: Memory | undefined): WaitEnd | undefined {
  return memory !== undefined && 'end' in memory ? memory.end : undefined
}

/**
 * A wait that has not ended, as it is to be remembered from now on: its deadline is the first that was brought, or the one
 * that is brought `anew`, or by a wait that is in another race than the one that had it. `undefined` where another verb is
 * remembered, or an exchange that has not begun, or is to be sent again first.
 */
export function waitOf(
  {
    verb,
    deadlineAt,
    anew,
    decides,
  }: {
    readonly verb: WaitVerb
    readonly deadlineAt?: number
    readonly anew: boolean
    readonly decides: readonly Race[]
  },
  known: Memory | undefined,
): WaitMemory | undefined {
  // Only the waits of a receiver, a delivery or a run have numbers to give back.
  const race = verb === 'wait' ? decides[0]?.at : undefined
  if (known === undefined) return verb === 'exchange' ? undefined : withDeadline({ verb }, deadlineAt, race)
  if (known.verb !== verb || !isWait(known) || isToResend(known)) return undefined
  const { deadlineAt: fixed, within, ...wait } = known
  const isAnother = anew || !isSame(within, race)
  return withDeadline(wait, isAnother ? deadlineAt : (fixed ?? deadlineAt), race)
}

/** The verb at which the cancellation is thrown. `undefined` where something else is remembered, or an end. */
export function cancelledAt(
  known: Memory | undefined,
  verb: Verb,
  end: Extract<WaitEnd, { readonly type: 'cancel' }>,
): Memory | undefined {
  if (known === undefined) return verb === 'wait' || verb === 'sleep' ? { verb, end } : { verb, end }
  if (known.verb !== verb || !isWait(known) || known.end !== undefined) return undefined
  return { ...known, end }
}

function isWait(memory: Memory): memory is WaitMemory {
  return hasBegun(memory) && (memory.verb === 'wait' || memory.verb === 'sleep' || memory.verb === 'exchange')
}

function isSame(one: MemoryKey | undefined, other: MemoryKey | undefined): boolean {
  return (one && nameOf(one)) === (other && nameOf(other))
}

function withDeadline(
  wait: WaitMemory,
  deadlineAt: number | undefined,
  within: MemoryKey | undefined,
): WaitMemory {
  if (deadlineAt === undefined) return wait
  return { ...wait, deadlineAt, ...(within === undefined ? {} : { within }) }
}
