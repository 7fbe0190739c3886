// How a failure is recorded and comes back, built on how values are.
//
//   E1. Recording a failure never fails: not to record it would be worse than to record less of it.
//   E2. Of an error are kept its name, its message, eight lines of its stack, its code, its causes and, of an
//       AggregateError, its errors; of one of ours also its facts. Never a body, nor what else hangs on it.

import { factsOf } from './error-facts.js'
import { isError, toFailure } from './failure.js'
import { decodeValue, encodeValue, unreadable } from './value.js'
import { createShell, fillShell, headOfError, isOurs } from './value-shells.js'

const WHAT = 'The failure'

/** Never throws, whatever was thrown. What is no error becomes the message of one, and a number its `cause`, too. */
export function encodeError(thrown: unknown): Uint8Array {
  try {
    return encodeValue(isError(thrown) ? thrown : wrap(thrown), WHAT)
  } catch {
    return encodeValue(toLean(thrown), WHAT)
  }
}

/** @throws StoreUnusableError when the bytes are no recorded failure. */
export function decodeError(bytes: Uint8Array): Error {
  const error = decodeValue(bytes)
  if (!isError(error)) throw unreadable('corrupt')
  return error
}

function wrap(thrown: unknown): Error {
  const { message } = toFailure(thrown)
  const error = thrown === undefined ? new Error(message) : new Error(message, { cause: thrown })
  delete error.stack // it would tell of this place, not of where something was thrown
  return error
}

const LONGEST_FACT = 200

/** A shortened message, and of what is kept of an error only what is short: a code, a key, a flag. */
function toLean(thrown: unknown): object {
  const { name, message } = toFailure(thrown)
  if (!isError(thrown)) return createShell({ type: 'Error', at: 0, name, message })

  const head = { ...headOfError(thrown, 0), message }
  const lean = createShell(head)
  const [shown, hidden] = [new Map<string, unknown>(), new Map<string, unknown>()]
  for (const { key, isShown } of factsOf(thrown, head.type, isOurs(head.type))) {
    const fact = readFact(thrown, key)
    if (fact !== undefined) (isShown ? shown : hidden).set(key, fact)
  }
  fillShell(lean, { shown, hidden })
  return lean
}

function readFact(error: Error, key: string): string | number | boolean | undefined {
  try {
    const value: unknown = Reflect.get(error, key)
    if (typeof value === 'string') return value.length <= LONGEST_FACT ? value : undefined
    return typeof value === 'number' || typeof value === 'boolean' ? value : undefined
  } catch {
    return undefined
  }
}
