import type { Logger } from './options.js'

/** What was declared by name: another declaration under the same name replaces it, which the log says. */
export class Declarations {
  readonly #logger: Logger
  readonly #given = new Map<string, readonly unknown[]>()

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** `given`: the functions and objects that the caller declared it with. */
  add(kind: 'workflow' | 'endpoint' | 'source', name: string, given: readonly unknown[]): void {
    const id = `${kind} ${name}`
    const before = this.#given.get(id)
    this.#given.set(id, given)
    if (before === undefined || isSame(before, given)) return
    const article = kind === 'endpoint' ? 'an' : 'a'
    this.#logger.warn(
      { [kind]: name },
      `${article} ${kind} of this name was declared before; the later declaration replaces it`,
    )
  }
}

function isSame(before: readonly unknown[], given: readonly unknown[]): boolean {
  return before.length === given.length && before.every((each, index) => each === given[index])
}
