// The look at a value before it is stored. What cannot be stored is found here, and where it is.
//
// Owns:   the path to the place it is at, what it has seen, the shells of what has to be rebuilt.
// Leaves: the bytes (value.ts), the words of a refusal (unstorable.ts), what an error is made of (value-shells.ts).
//
//   S1. Every thing is looked at once, however often it is referred to: circles end.
//   S2. What hangs on an error never refuses it: the little that is kept of it (error-facts.ts) is tried, and left out where
//       it does not pass. Of a trial that failed nothing remains, because the same things may be met again, outside of the
//       error.
//   S3. What passes is nested no deeper than it can be written and read, on half a stack.

import { types } from 'node:util'
import type { UnstorableValueError } from '../errors.js'
import { factsOf, toKept } from './error-facts.js'
import { isError } from './failure.js'
import { type Reason, reasons, type Segment, tooLarge, unstorable, whyUnstorable } from './unstorable.js'
import { headOfError, isOurs, type Shell } from './value-shells.js'

export interface Survey {
  /** By the thing, in the order of their places. */
  readonly shells: ReadonlyMap<unknown, Shell>
  /** Whether there are views of a part of their memory. */
  readonly hasWindows: boolean
}

/** @throws UnstorableValueError */
export function surveyValue(value: unknown, what: string, maxBytes: number): Survey {
  const surveyor = new Surveyor(maxBytes)
  try {
    surveyor.visit(value)
  } catch (error) {
    throw toRefusal(error, what, surveyor.path, maxBytes)
  }
  return surveyor
}

function toRefusal(
  error: unknown,
  what: string,
  path: readonly Segment[],
  maxBytes: number,
): UnstorableValueError {
  if (error instanceof TooLarge) return tooLarge(what, maxBytes)
  if (error instanceof Refusal) return unstorable(what, path, error.reason)
  return unstorable(what, path, reasons.unreadable, { cause: error })
}

class Refusal extends Error {
  constructor(readonly reason: Reason) {
    super(reason.is)
  }
}

class TooLarge extends Error {}

/** Writing needs the whole stack for some 1 600 levels, reading for more than 2 000. */
const DEEPEST = 500
/** What a member takes up at the least: the number of its value and a comma. */
const MEMBER_BYTES = 2
/** Shorter texts are not counted: each is written once, however often it occurs. */
const LONG_TEXT = 1_000

class Surveyor implements Survey {
  readonly path: Segment[] = []
  readonly shells = new Map<unknown, Shell>()
  hasWindows = false
  readonly #maxBytes: number
  readonly #seen = new Set<unknown>()
  /** What is in `#seen`, in order. */
  readonly #log: unknown[] = []
  /** As much as it takes up at the least, so that what is far too large is not written first. */
  #bytes = 0

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  visit(value: unknown): void {
    switch (typeof value) {
      case 'object':
        if (value !== null && this.#isNew(value)) this.#visitThing(value)
        break
      case 'string':
        if (value.length > LONG_TEXT && this.#isNew(value)) this.#grow(value.length)
        break
      case 'function':
      case 'symbol':
        throw new Refusal(whyUnstorable(value))
    }
  }

  #visitThing(thing: object): void {
    if (this.path.length > DEEPEST) throw new Refusal(reasons.deep)
    const kind = kindOf(thing)
    if (kind === undefined) throw new Refusal(whyUnstorable(thing))
    if (hasContentsOnly.has(kind) && Object.keys(thing).length > 0) throw new Refusal(reasons.extras)

    switch (kind) {
      case 'record':
        this.#visitRecord(thing as Record<string, unknown>)
        break
      case 'list':
        this.#visitList(thing as unknown[])
        break
      case 'map':
        this.#visitEach('keys', (thing as Map<unknown, unknown>).keys())
        this.#visitEach('values', (thing as Map<unknown, unknown>).values())
        break
      case 'set':
        this.#visitEach('values', thing as Set<unknown>)
        break
      case 'buffer':
        this.#grow(toBase64Length(thing as ArrayBuffer))
        break
      case 'view':
        this.#visitView(thing as ArrayBufferView)
        break
      case 'error':
        this.#visitError(thing as Error)
        break
    }
  }

  #visitRecord(record: Record<string, unknown>): void {
    if (hasSymbolKeys(record)) throw new Refusal(reasons.symbolKeys)
    let isOdd = false
    for (const key of Object.keys(record)) {
      this.#grow(MEMBER_BYTES + key.length)
      this.path.push(key) // and left there when the look fails: that is the place to tell of
      this.visit(record[key])
      this.path.pop()
      if (key === '__proto__') isOdd = true
    }
    if (!isOdd) return

    const type = Object.getPrototypeOf(record) === null ? 'null' : 'Object'
    this.shells.set(record, {
      head: { type, at: this.shells.size + 1 },
      shown: new Map(Object.keys(record).map(key => [key, record[key]])),
      hidden: new Map(),
    })
  }

  #visitList(list: unknown[]): void {
    if (list.length > this.#maxBytes) this.#checkLength(list)
    const keys = Object.keys(list) // of those that are there: a list may have holes
    const last = keys.at(-1)
    if (last !== undefined && !isIndex(last)) throw new Refusal(reasons.extras)
    for (const key of keys) {
      this.#grow(MEMBER_BYTES)
      this.path.push(key)
      this.visit(list[Number(key)])
      this.path.pop()
    }
  }

  /** So that the keys of what is far too long are not made first. */
  #checkLength(list: unknown[]): void {
    const before = this.#bytes
    for (let index = 0; index < this.#maxBytes; index++) if (index in list) this.#grow(MEMBER_BYTES)
    this.#bytes = before
  }

  #visitEach(list: 'keys' | 'values', items: Iterable<unknown>): void {
    let position = 0
    for (const item of items) {
      this.#grow(MEMBER_BYTES)
      this.path.push([list, position++])
      this.visit(item)
      this.path.pop()
    }
  }

  #visitView(view: ArrayBufferView): void {
    if (types.isSharedArrayBuffer(view.buffer)) throw new Refusal(reasons.shared)
    if (view.byteLength === view.buffer.byteLength) {
      this.visit(view.buffer)
    } else {
      this.hasWindows = true
      this.#grow(toBase64Length(view))
    }
  }

  #visitError(error: Error): void {
    const head = headOfError(error, this.shells.size + 1)
    const shell: Shell = { head, shown: new Map(), hidden: new Map() }
    this.shells.set(error, shell)
    this.#grow(head.message.length)

    for (const { key, isShown } of factsOf(error, head.type, isOurs(head.type))) {
      this.#try(isShown ? shell.shown : shell.hidden, key, error)
    }
  }

  /** S2. Of a list of errors those remain that pass. */
  #try(kept: Map<string, unknown>, key: string, owner: object): void {
    const before = { depth: this.path.length, seen: this.#log.length, bytes: this.#bytes }
    try {
      if (!(key in owner)) return
      this.path.push(key)
      const value: unknown = Reflect.get(owner, key)
      if (key === 'errors' && Array.isArray(value)) {
        const passed = new Map<string, unknown>()
        for (const index of Object.keys(value)) this.#try(passed, index, value)
        kept.set(key, [...passed.values()])
      } else {
        for (const fact of toKept(key, value)) {
          this.#grow(MEMBER_BYTES + key.length)
          this.visit(fact)
          kept.set(key, fact)
        }
      }
      this.path.pop()
    } catch {
      this.path.length = before.depth
      this.#bytes = before.bytes
      for (const thing of this.#log.splice(before.seen)) {
        this.#seen.delete(thing)
        this.shells.delete(thing)
      }
    }
  }

  #isNew(thing: unknown): boolean {
    if (this.#seen.has(thing)) return false
    this.#seen.add(thing)
    this.#log.push(thing)
    return true
  }

  #grow(bytes: number): void {
    this.#bytes += bytes
    if (this.#bytes > this.#maxBytes) throw new TooLarge()
  }
}

function hasSymbolKeys(record: object): boolean {
  const symbols = Object.getOwnPropertySymbols(record)
  return symbols.some(symbol => Object.prototype.propertyIsEnumerable.call(record, symbol))
}

function isIndex(key: string): boolean {
  return String(Number(key) >>> 0) === key
}

function toBase64Length({ byteLength }: { readonly byteLength: number }): number {
  return (byteLength * 4) / 3
}

type Kind = 'record' | 'list' | 'map' | 'set' | 'buffer' | 'view' | 'error' | 'other'

/** Properties that somebody hung on one of these would be lost. */
const hasContentsOnly: ReadonlySet<Kind> = new Set(['map', 'set', 'buffer', 'other'])

/**
 * Undefined for instances of other classes. Told by the length of the chain of prototypes, not by whose they are: things
 * of another realm (a `node:vm` context, a test runner's) have an `Object.prototype` that is not ours.
 */
function kindOf(thing: object): Kind | undefined {
  const prototype: unknown = Object.getPrototypeOf(thing)
  if (prototype === null || prototype === Object.prototype) return 'record'
  if (prototype === Array.prototype && Array.isArray(thing)) return 'list'
  if (prototype === URL.prototype || prototype === URLSearchParams.prototype) return 'other'
  if (isError(thing)) return 'error'
  switch (chainLength(prototype)) {
    case 1:
      return 'record'
    case 2:
      if (Array.isArray(thing)) return 'list'
      if (types.isMap(thing)) return 'map'
      if (types.isSet(thing)) return 'set'
      if (types.isDate(thing) || types.isRegExp(thing)) return 'other'
      if (types.isArrayBuffer(thing)) return 'buffer'
      return types.isDataView(thing) ? 'view' : undefined
    case 3:
      return types.isTypedArray(thing) ? 'view' : undefined
    default:
      return Buffer.isBuffer(thing) ? 'view' : undefined
  }
}

function chainLength(prototype: unknown): number {
  let length = 0
  for (let next = prototype; next !== null; next = Object.getPrototypeOf(next)) length++
  return length
}
