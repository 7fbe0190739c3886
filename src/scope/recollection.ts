import { type Memory, type MemoryKey, nameOf } from '../model/memory.js'
import type { RecallInput, RecallOutcome } from '../store/scoping.js'

type Recall = (input: Omit<RecallInput, 'scopeId' | 'now'>) => Promise<RecallOutcome>

const PAGE = 256

/**
 * What a scope remembers, as far as this entry has read it.
 *
 * Code runs again in much the order in which it ran before, so memory is read in pages, each from where it is asked for
 * first: passing what is remembered costs a fraction of a look at the store.
 */
export class Recollection {
  readonly #recall: Recall
  readonly #known = new Map<string, Memory>()
  /** Everything that was remembered when the entry began is known. */
  #isComplete: boolean

  /** `first`: the page from the beginning, where it came with the claim; `none`, where nothing is remembered. */
  constructor(recall: Recall, first: RecallOutcome | 'none' | 'unread') {
    this.#recall = recall
    this.#isComplete = first === 'none' || (first !== 'unread' && first.next === undefined)
    if (typeof first === 'object') this.#learn(first)
  }

  /** Without a promise where the answer is known. */
  find(at: MemoryKey): Memory | undefined | Promise<Memory | undefined> {
    const known = this.#known.get(nameOf(at))
    return known !== undefined || this.#isComplete ? known : this.#read(at)
  }

  /** What is known already, without asking the store. */
  peek(at: MemoryKey): Memory | undefined {
    return this.#known.get(nameOf(at))
  }

  put(at: MemoryKey, memory: Memory): void {
    this.#known.set(nameOf(at), memory)
  }

  async #read(at: MemoryKey): Promise<Memory | undefined> {
    if (this.#known.size === 0) {
      const beginning = await this.#recall({ limit: PAGE })
      this.#learn(beginning)
      this.#isComplete = beginning.next === undefined
    }
    const known = this.#known.get(nameOf(at))
    if (known !== undefined || this.#isComplete) return known
    this.#learn(await this.#recall({ from: at, limit: PAGE }))
    return this.#known.get(nameOf(at))
  }

  /** What this entry has learned itself is younger. */
  #learn({ memories }: RecallOutcome): void {
    for (const { at, memory } of memories) {
      const name = nameOf(at)
      if (!this.#known.has(name)) this.#known.set(name, memory)
    }
  }
}
