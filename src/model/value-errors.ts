// How a failure is recorded and comes back, built on how values are.
//
//   E1. Recording a failure never fails: not to record it would be worse than to record less of it.

import { isError, listKeys, toFailure } from './failure.js'
import { decodeValue, encodeValue, unreadable } from './value.js'
import { createShell, fillShell, headOfError } from './value-shells.js'

const WHAT = 'The failure'

/** Never throws, whatever was thrown. What is no error becomes the `cause` of one. */
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

const MOST_FACTS = 50
const LONGEST_FACT = 200

/** A shortened message, and of what hangs on the error only what is short: a code, a status, a flag. */
function toLean(thrown: unknown): object {
  const failure = toFailure(thrown)
  if (!isError(thrown)) return createShell({ type: 'Error', at: 0, ...failure })

  const lean = createShell({ ...headOfError(thrown, 0), message: failure.message })
  const facts = listKeys(thrown).flatMap(key => {
    const fact = readFact(thrown, key)
    return fact === undefined || key.length > LONGEST_FACT ? [] : [[key, fact] as const]
  })
  fillShell(lean, { shown: new Map(facts.slice(0, MOST_FACTS)) })
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
