import type { MemoryKey } from '../model/memory.js'

// What a race knows of its branches, by the promise alone that it is handed.

/** Where the waits of scopes are remembered: a race says by it who has won. */
const places = new WeakMap<object, MemoryKey>()

export function placeOf(wait: object): MemoryKey | undefined {
  return places.get(wait)
}

export function rememberPlace(wait: object, place: MemoryKey): void {
  places.set(wait, place)
}

/** What a wait comes to by what is remembered of it, though it was given up before it had heard of that. */
const values = new WeakMap<object, () => Promise<unknown>>()

/** `undefined`: it has ended by itself, or is no wait of a scope, and what it came to is what it came to. */
export function rememberedOf(wait: object): Promise<unknown> | undefined {
  return values.get(wait)?.()
}

export function rememberValue(wait: object, recall: () => Promise<unknown>): void {
  values.set(wait, recall)
}
