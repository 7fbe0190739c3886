import { hasBegun, type Memory, type MemoryKey, nameOf, type WaitEndType } from './memory.js'

// What a scope forgets when it is retried by hand, so that its code does not fail at the same place again.
//
//   F1. What ended as it should stays, also where it is blamed: a read that gave a callback gives that callback again.
//   F2. An exchange keeps its receiver and its message: it is waited for anew, and its message is sent again where its
//       delivery is dead.
//   F3. A race goes with the memory that decided it.
//   F4. With an `any` of which every branch failed goes what its branches failed with: waited for anew, they would fail again
//       with what they remember. Where one of them failed with nothing that is remembered, every failure goes.

interface Remembered {
  readonly at: MemoryKey
  readonly memory: Memory
}

export interface Forgetting {
  /** What is remembered afterwards where something is forgotten: nothing, if there is no `memory`. */
  readonly changes: readonly { readonly at: MemoryKey; readonly memory?: Memory }[]
  /** The place where the cancellation of the run was thrown is among them: it is to be thrown again. */
  readonly isCancelForgotten: boolean
}

/** `blames`: the memory with which it failed; without one, every failure is forgotten. */
export function forgetFailures(memories: Iterable<Remembered>, blames?: MemoryKey): Forgetting {
  const blamed = blames && nameOf(blames)
  const failures = new Map<string, Remembered>()
  const racesBy = new Map<string, Remembered[]>()
  for (const remembered of memories) {
    const { at, memory } = remembered
    const name = nameOf(at)
    if (isForgotten(memory, name === blamed)) failures.set(name, remembered)
    const by = decidedBy(memory)
    if (by !== undefined) racesBy.set(by, [...(racesBy.get(by) ?? []), remembered])
  }
  const failuresAt = (names: Iterable<string>) =>
    [...names].flatMap(name => {
      const failure = failures.get(name)
      return failure === undefined ? [] : [failure]
    })
  const forgotten = failuresAt(blamed === undefined ? failures.keys() : [blamed])
  const found = new Map<string, Remembered>()
  for (const remembered of forgotten) {
    const name = nameOf(remembered.at)
    if (found.has(name)) continue
    found.set(name, remembered)
    forgotten.push(...(racesBy.get(name) ?? []))
    if (!isFailedAny(remembered.memory)) continue
    forgotten.push(...failuresAt(blamesOf(remembered.memory)?.map(nameOf) ?? failures.keys()))
  }
  const gone = [...found.values()]
  return {
    changes: gone.map(({ at, memory }) => ({ at, ...remaining(memory) })),
    isCancelForgotten: gone.some(({ memory }) => 'end' in memory && memory.end?.type === 'cancel'),
  }
}

function isForgotten(memory: Memory, isBlamed: boolean): boolean {
  if (!hasBegun(memory)) return true
  switch (memory.verb) {
    case 'spawn':
    case 'send':
    case 'publish':
    case 'start':
      return false
    case 'step':
      return isBlamed || memory.result.type === 'error'
    case 'race':
    case 'any':
      return isBlamed || (memory.decision.by.type === 'result' && memory.decision.by.result.type === 'error')
    case 'sleep':
      return memory.end === undefined ? isBlamed : memory.end.type === 'cancel'
    case 'wait':
    case 'exchange':
      return memory.end === undefined ? isBlamed : isFailure(memory.end.type)
  }
}

/** An `any` is decided by a failure only where all of its branches had one. */
function isFailedAny(memory: Memory): boolean {
  return memory.verb === 'any' && resultOf(memory)?.result.type === 'error'
}

function blamesOf(memory: Memory): readonly MemoryKey[] | undefined {
  return resultOf(memory)?.blames
}

function resultOf(memory: Memory) {
  return 'decision' in memory && memory.decision.by.type === 'result' ? memory.decision.by : undefined
}

/** Whether a wait ended without what was waited for. */
function isFailure(end: WaitEndType): boolean {
  return end !== 'callback' && end !== 'delivered' && end !== 'run_done'
}

/** The name of the wait, or of the race, that decided a race. */
function decidedBy(memory: Memory): string | undefined {
  if (!('decision' in memory) || memory.decision.by.type !== 'wait') return undefined
  return nameOf(memory.decision.by.at)
}

function remaining(memory: Memory): { readonly memory?: Memory } {
  if (memory.verb !== 'exchange' || !hasBegun(memory)) return {}
  const { verb, receiver, messageId, deliveryId } = memory
  return { memory: { verb, receiver, messageId, deliveryId, retried: true } }
}
