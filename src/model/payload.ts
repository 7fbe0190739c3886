import { types } from 'node:util'
import { utf8 } from '../core/bytes.js'
import { InvalidOptionsError } from '../errors.js'

/**
 * Text and bytes (every view of a buffer, and the buffer itself) go as they are, `URLSearchParams` as a form, everything
 * else as JSON: lists, plain objects, and what has a `toJSON`.
 */
export type Payload = string | number | boolean | null | Uint8Array | URLSearchParams | object

export interface EncodedPayload {
  readonly bytes: Uint8Array
  /** Absent for bytes, and when there is nothing at all: the content is then the caller's to name. */
  readonly contentType?: string
}

/**
 * The bytes of a payload and their content type.
 *
 * @throws InvalidOptionsError for what JSON cannot hold: a function, a bigint, a circle, a `Map`, a stream.
 */
export function encodePayload(payload: Payload | undefined, what: string): EncodedPayload {
  if (payload === undefined) return { bytes: new Uint8Array() }
  if (typeof payload === 'string') return { bytes: utf8(payload), contentType: 'text/plain;charset=utf-8' }
  if (ArrayBuffer.isView(payload)) return { bytes: copyOf(payload) }
  if (types.isAnyArrayBuffer(payload)) return { bytes: new Uint8Array(payload).slice() }
  if (payload instanceof URLSearchParams) {
    return { bytes: utf8(payload.toString()), contentType: 'application/x-www-form-urlencoded;charset=utf-8' }
  }
  if (typeof payload === 'object' && payload !== null) checkWritable(payload, what)
  return { bytes: utf8(toJson(payload, what)), contentType: 'application/json' }
}

function copyOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength).slice()
}

/** What to pass instead of things that JSON writes as `{}` without a word. */
const instead: Readonly<Record<string, string>> = {
  Blob: 'its bytes, new Uint8Array(await blob.arrayBuffer())',
  File: 'its bytes, new Uint8Array(await file.arrayBuffer())',
  FormData: 'a URLSearchParams, or the bytes of the form and their content type',
  ReadableStream: 'its bytes, read to the end',
  Map: 'Object.fromEntries(map)',
  Set: '[...set]',
  Promise: 'what it resolves to: await it first',
}

function checkWritable(payload: object, what: string): void {
  if (Array.isArray(payload) || isPlain(payload)) return
  if ('toJSON' in payload && typeof payload.toJSON === 'function') return
  const kind = Object.prototype.toString.call(payload).slice('[object '.length, -1)
  const advice = instead[kind] ?? 'a plain object such as { ...it }, or bytes'
  throw new InvalidOptionsError(
    `${what} is ${kind === 'Object' ? 'an instance of a class' : `a ${kind}`}, which JSON does not hold; pass ${advice}`,
  )
}

/** Also where it comes from another realm, whose `Object` is not ours. */
function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

function toJson(value: unknown, what: string): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new InvalidOptionsError(`${what} cannot be written as JSON; convert it first`, { cause: error })
  }
  if (text === undefined) throw new InvalidOptionsError(`${what} cannot be written as JSON; convert it first`)
  return text
}
