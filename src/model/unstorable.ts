import { types } from 'node:util'
import { UnstorableValueError } from '../errors.js'

/** Why a value cannot be stored, and what to store in its place. */
export interface Reason {
  readonly is: string
  readonly instead: string
}

/** A property or an index by its name; the keys and values of a `Map` or a `Set` by their place, never by themselves. */
export type Segment = string | readonly [list: 'keys' | 'values', position: number]

export const reasons = {
  deep: { is: 'is nested too deeply', instead: 'store a flat list, whose items name each other by id' },
  unreadable: { is: 'could not be read: a getter or a proxy threw', instead: 'store plain data' },
  unsteady: {
    is: 'could not be read a second time: it changed, or its memory was transferred',
    instead: 'store plain data',
  },
  symbolKeys: { is: 'has a symbol as a key', instead: 'use a text' },
  extras: {
    is: 'has properties besides what it contains, such as the groups of a match',
    instead: 'store a plain object with both',
  },
  shared: { is: 'is memory shared between threads', instead: 'store a copy of it, such as view.slice()' },
} as const satisfies Record<string, Reason>

/**
 * `The result of step 'charge' cannot be stored: items[3].callback is a function; leave it out, or …`. It says where,
 * and of what kind; it does not quote.
 */
export function unstorable(
  what: string,
  path: readonly Segment[],
  { is, instead }: Reason,
  options?: ErrorOptions,
): UnstorableValueError {
  const place = path.length === 0 ? 'it' : toPlace(path)
  return new UnstorableValueError(`${what} cannot be stored: ${place} ${is}; ${instead}`, options)
}

export function tooLarge(what: string, maxBytes: number): UnstorableValueError {
  const is = `takes up more than ${maxBytes / 2 ** 20} MiB`
  return unstorable(what, [], { is, instead: 'keep it elsewhere and store where, such as its key' })
}

const LONGEST_PLACE = 100

function toPlace(path: readonly Segment[]): string {
  const place = path.map(toAccess).join('').replace(/^\./, '')
  return place.length <= LONGEST_PLACE ? place : `${place.slice(0, 60)}…${place.slice(-30)}`
}

/** A long or odd key is more likely an address or a token than a name. */
function toAccess(segment: Segment): string {
  if (typeof segment !== 'string') return `.${segment[0]}()[${segment[1]}]`
  if (/^\d{1,10}$/.test(segment)) return `[${segment}]`
  if (/^[A-Za-z_$][\w$]{0,31}$/.test(segment)) return `.${segment}`
  return /^[\w-]{1,32}$/.test(segment) ? `['${segment}']` : '[…]'
}

const bytesOfBlob = 'store its bytes, new Uint8Array(await blob.arrayBuffer())'
const readToTheEnd = 'read it to the end and store its bytes'
const nothingWeak = 'store a Map, a Set or the object itself: nothing weak outlives the process'

/** By what `Object.prototype.toString` calls it. */
const byTag: Readonly<Record<string, Reason>> = {
  Promise: { is: 'is a promise', instead: 'await it first' },
  WeakMap: { is: 'is a WeakMap', instead: nothingWeak },
  WeakSet: { is: 'is a WeakSet', instead: nothingWeak },
  WeakRef: { is: 'is a WeakRef', instead: nothingWeak },
  ReadableStream: { is: 'is a stream', instead: readToTheEnd },
  WritableStream: { is: 'is a stream', instead: 'store what was written to it' },
  TransformStream: { is: 'is a stream', instead: readToTheEnd },
  Request: {
    is: 'is a Request',
    instead: 'store what you need of it, such as its url and await request.text()',
  },
  Response: {
    is: 'is a Response',
    instead: 'store what you need of it, such as its status and await response.text()',
  },
  Headers: { is: 'is a Headers', instead: 'store Object.fromEntries(headers)' },
  FormData: { is: 'is a FormData', instead: 'store Object.fromEntries(form), files as their bytes' },
  Blob: { is: 'is a Blob', instead: bytesOfBlob },
  File: { is: 'is a File', instead: bytesOfBlob },
  SharedArrayBuffer: reasons.shared,
  Generator: { is: 'is a generator', instead: 'store the list of what it yields, [...it]' },
  AsyncGenerator: { is: 'is a generator', instead: 'store the list of what it yields' },
}

/** Of something that is none of the kinds that can be stored. */
export function whyUnstorable(value: unknown): Reason {
  if (typeof value === 'function') {
    return { is: 'is a function', instead: 'leave it out, or store what it returns' }
  }
  if (typeof value !== 'object' || value === null)
    return { is: `is a ${typeof value}`, instead: 'use a text' }
  if (types.isProxy(value)) return { is: 'is a proxy', instead: 'store what it stands for' }
  const known = byTag[Object.prototype.toString.call(value).slice('[object '.length, -1)]
  if (known !== undefined) return known
  if ('then' in value && typeof value.then === 'function')
    return { is: 'is a promise', instead: 'await it first' }
  if ('pipe' in value && typeof value.pipe === 'function') return { is: 'is a stream', instead: readToTheEnd }
  return { is: `is an instance of ${nameOfClass(value)}`, instead: 'store a plain object such as { ...it }' }
}

function nameOfClass(instance: object): string {
  const name: unknown = typeof instance.constructor === 'function' ? instance.constructor.name : ''
  return typeof name === 'string' && /^[\w$]{1,60}$/.test(name) ? name : 'a class'
}
