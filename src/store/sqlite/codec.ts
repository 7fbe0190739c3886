import type { AcceptInput } from '../receiving.js'
import { StoreFault } from './fault.js'

// Values between the engine's thread and the caller's. Structured clone copies the whole pool that a small Buffer is a
// window of, so bytes travel by themselves: all of a batch in one ArrayBuffer that changes hands, with markers in the
// values where they belong.

/** Where bytes were: their offset in the buffer and their length. */
interface Marker {
  readonly $at: number
  readonly $length: number
}

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
    if (Array.isArray(value)) return value.map(item => this.pack(item))
    const packed: Record<string, unknown> = {}
    for (const [name, member] of Object.entries(value)) packed[name] = this.pack(member)
    return packed
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
  const unpacked: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) unpacked[name] = unpack(member, buffer, bytes)
  return unpacked
}

function isMarker(value: object): value is Marker {
  return '$at' in value
}

/** The hot one, as a row: cloning a list of values costs a third of cloning an object with names. */
export type AcceptRow = readonly [
  callbackId: string,
  receiverId: string,
  version: number | undefined,
  now: number,
  method: string,
  path: string,
  query: string,
  headers: string,
  bodyAt: number,
  bodyLength: number,
  deliveryId: string | undefined,
  dedupeUntil: number,
  answer: unknown,
  isGood: boolean,
  capacity: number,
]

export function fromAccept(input: AcceptInput, packer: Packer): AcceptRow {
  const { $at, $length } = packer.add(input.body)
  return [
    input.callbackId,
    input.receiverId,
    input.version,
    input.now,
    input.method,
    input.path,
    input.query,
    input.headers,
    $at,
    $length,
    input.deliveryId,
    input.dedupeUntil,
    packer.pack(input.answer),
    input.content === 'good',
    input.capacity,
  ]
}

export function toAccept(row: AcceptRow, buffer: ArrayBuffer): AcceptInput {
  const [callbackId, receiverId, version, now, method, path, query, headers, at, length, ...rest] = row
  const [deliveryId, dedupeUntil, answer, isGood, capacity] = rest
  return {
    callbackId,
    receiverId,
    ...(version === undefined ? {} : { version }),
    now,
    method,
    path,
    query,
    headers,
    body: new Uint8Array(buffer, at, length),
    ...(deliveryId === undefined ? {} : { deliveryId }),
    dedupeUntil,
    ...(answer === undefined
      ? {}
      : { answer: unpack(answer, buffer, 'window') as AcceptInput['answer'] & object }),
    content: isGood ? 'good' : 'refused',
    capacity,
  }
}
