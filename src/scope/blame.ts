import type { MemoryKey } from '../model/memory.js'

// Which memory an error came from: what is recorded fails again, so code that ends with it need not be tried again.

const origins = new WeakMap<object, MemoryKey>()

/** The error, known to come from what is remembered there. */
export function blaming<E>(error: E, at: MemoryKey): E {
  if (typeof error === 'object' && error !== null) origins.set(error, at)
  return error
}

/** The memory behind an error, found through its causes. */
export function blameOf(error: unknown): MemoryKey | undefined {
  const seen = new Set<unknown>()
  for (let each = error; typeof each === 'object' && each !== null && !seen.has(each); each = causeOf(each)) {
    const origin = origins.get(each)
    if (origin !== undefined) return origin
    seen.add(each)
  }
  return undefined
}

function causeOf(error: object): unknown {
  return 'cause' in error ? error.cause : undefined
}
