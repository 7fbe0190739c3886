import { KeyConflictError, RunCancelledError } from '../errors.js'
import { type Begun, hasBegun, type Memory, type MemoryKey, nameOf, type Verb } from '../model/memory.js'
import { blaming } from './blame.js'

/** The keys that one entry has used. */
export class UsedKeys {
  readonly #verbs = new Map<string, Verb>()

  /** @throws KeyConflictError when it was used in this entry already. */
  use(at: MemoryKey, verb: Verb): void {
    const name = nameOf(at)
    const before = this.#verbs.get(name)
    if (before !== undefined) {
      throw new KeyConflictError({
        key: at.key,
        message:
          `The key '${at.key}' was used for ${inWords(before)} already, and now for ${inWords(verb)}: in one entry of a ` +
          'scope a key names one call. In a loop, put the item into the key',
      })
    }
    this.#verbs.set(name, verb)
  }
}

/**
 * What is remembered, as what this verb left when it began.
 *
 * @throws KeyConflictError when it is another verb's.
 * @throws RunCancelledError when the cancellation of the run was thrown in its place.
 */
export function begunBy<V extends Verb>(at: MemoryKey, verb: V, memory: Memory): Begun<V> {
  if (memory.verb !== verb) {
    throw new KeyConflictError({
      key: at.key,
      message:
        `The key '${at.key}' was used for ${inWords(memory.verb)} in an earlier entry of this scope, and now for ` +
        `${inWords(verb)}: across entries a key keeps its verb. Take a new key for the new call`,
    })
  }
  if (!hasBegun(memory)) throw blaming(new RunCancelledError(memory.end.reason), at)
  return memory as Begun<V>
}

function inWords(verb: Verb): string {
  return verb === 'any' || verb === 'exchange' ? `an ${verb}` : `a ${verb}`
}
