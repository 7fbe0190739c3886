// What devalue cannot make by itself: errors, and objects with a key `__proto__`. Such a thing is stored in two parts,
// a head of texts and numbers where it stands, and its content at the end of the root. Reading makes an empty shell
// of each head and fills the shells when all of them are there, so that errors may be part of circles.

import * as errors from '../errors.js'
import { type Description, describeError, toStack } from './failure.js'

/** What stands in place of the thing: `at` says where in the root its content is. */
export type Head = RecordHead | ErrorHead

interface RecordHead {
  readonly type: 'Object' | 'null'
  readonly at: number
}

interface ErrorHead extends Description {
  readonly type: string
  readonly at: number
}

/** What hangs on the thing: what `Object.keys` lists of it, and what it does not. */
export interface Content {
  readonly shown?: ReadonlyMap<string, unknown>
  readonly hidden?: ReadonlyMap<string, unknown>
}

export interface Shell {
  readonly head: Head
  readonly shown: Map<string, unknown>
  readonly hidden: Map<string, unknown>
}

type ErrorClass = { readonly prototype: Error }

/** The classes that errors come back as. Errors of any other class come back as the nearest of these above it. */
const classes = new Map<string, ErrorClass>([
  ...[Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError, AggregateError].map(
    (known): [string, ErrorClass] => [known.name, known],
  ),
  ['DOMException', DOMException],
  ...Object.entries(errors),
])

const names = new Map<unknown, string>([...classes].map(([name, { prototype }]) => [prototype, name]))

/** Whether a class that errors come back as is one of ours. */
export function isOurs(type: string): boolean {
  return Object.hasOwn(errors, type)
}

export function headOfError(error: Error, at: number): ErrorHead {
  const failure = describeError(error)
  return { type: typeOf(error, failure), at, ...failure }
}

/** An error of another realm, or a proxy that does not tell, is known by its name alone. */
function typeOf(error: Error, { name }: Description): string {
  try {
    for (let prototype: unknown = error; prototype !== null; prototype = Object.getPrototypeOf(prototype)) {
      const known = names.get(prototype)
      if (known !== undefined) return known
    }
  } catch {
    // It is told by its name, below.
  }
  return classes.has(name) ? name : 'Error'
}

export function createShell(head: Head): object {
  if (head.type === 'null') return Object.create(null)
  return 'name' in head ? createError(head) : {}
}

function createError(head: ErrorHead): Error {
  const error = head.type === 'DOMException' ? new DOMException(head.message, head.name) : new Error()
  if (head.type !== 'DOMException')
    Object.setPrototypeOf(error, classes.get(head.type)?.prototype ?? Error.prototype)
  if (head.type === 'AggregateError') hide(error, 'errors', [])
  hide(error, 'message', head.message)
  hide(error, 'name', head.name)
  Object.defineProperty(error, 'stack', { value: toStack(head), configurable: true, writable: true })
  return error
}

export function fillShell(shell: object, { shown = new Map(), hidden = new Map() }: Content): void {
  for (const [key, value] of hidden) hide(shell, key, value)
  for (const [key, value] of shown) {
    Object.defineProperty(shell, key, { value, configurable: true, enumerable: true, writable: true })
  }
}

/** What its class says already is not said again. */
function hide(shell: object, key: string, value: unknown): void {
  if (key in shell && Reflect.get(shell, key) === value) return
  Object.defineProperty(shell, key, { value, configurable: true, writable: true })
}
