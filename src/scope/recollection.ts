import { type Memory, type MemoryKey, nameOf } from '../model/memory.js'
import type { RecallInput, RecallOutcome } from '../store/scoping.js'

type Recall = (input: Omit<RecallInput, 'scopeId' | 'now'>) => Promise<RecallOutcome>

/** The first page is small, because code may pass little; what is read of it makes the next ones larger. */
const SMALLEST_PAGE = 64
const LARGEST_PAGE = 1_000
const GROWTH = 4

/**
 * What a scope remembers, as far as this entry has read it.
 *
 * Code runs again in much the order in which it ran before, so memory is read in pages, one behind the other: passing what
 * is remembered costs a fraction of a look at the store. Code that does not pass what was read is not read ahead for: each
 * thing that it asks for is looked up where it is, and a page from there.
 */
export class Recollection {
  readonly #recall: Recall
  readonly #known = new Map<string, Memory>()
  /** Where the following page begins: everything before it is known. */
  #next: number | undefined
  /** Everything that was remembered when the entry began is known. */
  #isComplete: boolean
  #pageSize = SMALLEST_PAGE
  /** How often something was asked for that was known. */
  #passed = 0

  /** `first`: the page from the beginning, where it came with the claim; `none`, where nothing is remembered. */
  constructor(recall: Recall, first: RecallOutcome | 'none' | 'unread') {
    this.#recall = recall
    this.#isComplete = first === 'none'
    if (first === 'unread') this.#next = 0
    else if (first !== 'none') this.#follow(first)
  }

  /** Without a promise where the answer is known. */
  find(at: MemoryKey): Memory | undefined | Promise<Memory | undefined> {
    const known = this.#known.get(nameOf(at))
    if (known !== undefined) this.#passed++
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
    if (this.#readsOn) await this.#readOn()
    const known = this.#known.get(nameOf(at))
    if (known !== undefined || this.#isComplete) return known
    this.#learn(await this.#recall({ from: at, limit: this.#takeSize() }))
    return this.#known.get(nameOf(at))
  }

  /** The code has passed most of what is known, so the next thing is likely to lie behind it. */
  get #readsOn(): boolean {
    return this.#next !== undefined && this.#passed * 2 >= this.#known.size
  }

  async #readOn(): Promise<void> {
    const after = this.#next
    const page = await this.#recall({ after: after ?? 0, limit: this.#takeSize() })
    // Somebody beside us may have read it too, and further.
    if (this.#next === after) this.#follow(page)
    else this.#learn(page)
  }

  #follow(page: RecallOutcome): void {
    this.#learn(page)
    this.#next = page.next
    this.#isComplete = page.next === undefined
  }

  /** What this entry has learned itself is younger. */
  #learn({ memories }: RecallOutcome): void {
    for (const { at, memory } of memories) {
      const name = nameOf(at)
      if (!this.#known.has(name)) this.#known.set(name, memory)
    }
  }

  #takeSize(): number {
    const size = this.#pageSize
    this.#pageSize = Math.min(LARGEST_PAGE, size * GROWTH)
    return size
  }
}
