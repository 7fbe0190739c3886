import { StoreFault } from './fault.js'

// Values between the engine's thread and the caller's. Structured clone copies the whole pool that a small Buffer is a
// window of, so bytes travel by themselves: all of a batch in one ArrayBuffer that changes hands, with markers in the
// values where they belong. Cloning also costs by the members, so things in a list that are all alike travel as columns.

/** Where bytes were: their offset in the buffer and their length. */
interface Marker {
  readonly $at: number
  readonly $length: number
}

/** A list of things with the same members: of each member, a list of its values. */
interface Columns {
  readonly $names: readonly string[]
  readonly $columns: readonly (readonly unknown[])[]
  readonly $count: number
}

/** Shorter lists are not worth looking through. */
const WORTH_COLUMNS = 4

/** Collects the bytes of a batch. */
export class Packer {
  readonly #chunks: Uint8Array[] = []
  #length = 0

  /**
   * The same value with markers for bytes.
   *
   * @throws StoreFault `refused` for what cannot cross to another thread.
   */
  pack(value: unknown): unknown {
    if (typeof value === 'function' || typeof value === 'symbol') {
      throw new StoreFault('refused', `a store takes plain data, without a ${typeof value}`)
    }
    if (typeof value !== 'object' || value === null) return value
    if (value instanceof Uint8Array) return this.add(value)
    if (Array.isArray(value)) return this.#packList(value)
    const packed: Record<string, unknown> = {}
    for (const [name, member] of Object.entries(value)) packed[name] = this.pack(member)
    return packed
  }

  #packList(list: readonly unknown[]): unknown {
    const names = list.length < WORTH_COLUMNS ? undefined : namesOfAll(list)
    if (names === undefined) return list.map(item => this.pack(item))
    const columns = names.map(name => list.map(item => (item as Record<string, unknown>)[name]))
    return { $names: names, $columns: columns.map(column => this.#packList(column)), $count: list.length }
  }

  add(bytes: Uint8Array): Marker {
    const marker = { $at: this.#length, $length: bytes.length }
    this.#chunks.push(bytes)
    this.#length += bytes.length
    return marker
  }

  /** All bytes, behind one another, in memory of their own: it may be handed over. */
  toBuffer(): ArrayBuffer {
    const bytes = new Uint8Array(this.#length)
    let at = 0
    for (const chunk of this.#chunks) {
      bytes.set(chunk, at)
      at += chunk.length
    }
    return bytes.buffer
  }
}

/**
 * The value that was packed. `window`: its bytes look into the buffer, and keep all of it alive; `copy`: they have memory
 * of their own.
 */
export function unpack(value: unknown, buffer: ArrayBuffer, bytes: 'window' | 'copy'): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(item => unpack(item, buffer, bytes))
  if (isMarker(value)) {
    const found = new Uint8Array(buffer, value.$at, value.$length)
    return bytes === 'copy' ? found.slice() : found
  }
  if (isColumns(value)) return unpackColumns(value, buffer, bytes)
  const unpacked: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) unpacked[name] = unpack(member, buffer, bytes)
  return unpacked
}

function unpackColumns(
  { $names, $columns, $count }: Columns,
  buffer: ArrayBuffer,
  bytes: 'window' | 'copy',
): readonly unknown[] {
  const things: Record<string, unknown>[] = Array.from({ length: $count }, () => ({}))
  for (const [place, name] of $names.entries()) {
    const values = unpack($columns[place], buffer, bytes) as readonly unknown[]
    for (const [index, thing] of things.entries()) thing[name] = values[index]
  }
  return things
}

/** The names of their members, if all have the same. */
function namesOfAll(list: readonly unknown[]): readonly string[] | undefined {
  let names: readonly string[] | undefined
  for (const item of list) {
    if (typeof item !== 'object' || item === null || Array.isArray(item) || item instanceof Uint8Array) {
      return undefined
    }
    const own = Object.keys(item)
    names ??= own
    if (own.length !== names.length || own.some((name, place) => name !== names?.[place])) return undefined
  }
  return names
}

function isColumns(value: object): value is Columns {
  return '$columns' in value
}

function isMarker(value: object): value is Marker {
  return '$at' in value
}
