import { types } from 'node:util'

/** What is kept of an error: enough to find its cause, and never a body. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

const LONGEST_MESSAGE = 1_000
const STACK_LINES = 8

export function toFailure(error: unknown): Failure {
  if (!isError(error)) return { name: 'Error', message: clip(toText(error)) }
  const failure = describeError(error)
  return { ...failure, message: clip(failure.message) }
}

export function fromFailure(failure: Failure): Error {
  const error = new Error(failure.message)
  error.name = failure.name
  error.stack = toStack(failure)
  return error
}

/** With its whole message, and without what cannot be read of it. */
export function describeError(error: Error): Failure {
  const stack = (read(error, 'stack') ?? '')
    .split('\n')
    .filter(line => line.trimStart().startsWith('at '))
    .slice(0, STACK_LINES)
    .map(clip)
    .join('\n')
  return {
    name: clip(read(error, 'name') ?? 'Error'),
    message: read(error, 'message') ?? '',
    ...(stack === '' ? {} : { stack }),
  }
}

export function toStack({ name, message, stack }: Failure): string {
  return `${name}: ${message}${stack === undefined ? '' : `\n${stack}`}`
}

/** Also where it comes from another realm, whose `Error` is not ours. A proxy may refuse to tell. */
export function isError(value: unknown): value is Error {
  try {
    return types.isNativeError(value) || value instanceof Error
  } catch {
    return false
  }
}

/** A proxy may refuse to tell. */
export function listKeys(error: Error): string[] {
  try {
    return Object.keys(error)
  } catch {
    return []
  }
}

/** Anything can be a property of an error, also a getter that throws. */
function read(error: Error, key: 'name' | 'message' | 'stack'): string | undefined {
  try {
    return error[key] === undefined ? undefined : toText(error[key])
  } catch {
    return undefined
  }
}

/** Anything can be thrown, also what cannot be made a text of. */
function toText(value: unknown): string {
  try {
    return String(value)
  } catch {
    return `a value of type ${typeof value}`
  }
}

function clip(text: string): string {
  return text.length <= LONGEST_MESSAGE ? text : `${text.slice(0, LONGEST_MESSAGE)}…`
}
