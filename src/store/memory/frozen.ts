/**
 * A copy of plain data that nobody can change: what callers hand in stays theirs, and what is handed out may be shared.
 * Bytes cannot be frozen: they are copied once more on the way out (`withOwnBody`).
 */
export function frozenCopy<T>(value: T): T {
  return copy(value) as T
}

function copy(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (value instanceof Uint8Array) return new Uint8Array(value)
  if (Array.isArray(value)) return Object.freeze(value.map(copy))
  return Object.freeze(Object.fromEntries(Object.entries(value).map(([name, part]) => [name, copy(part)])))
}

/** The same for a caller who may write into its bytes. */
export function withOwnBody<T extends { readonly body: Uint8Array }>(value: T): T {
  return { ...value, body: new Uint8Array(value.body) }
}
