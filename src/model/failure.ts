import { types } from 'node:util'

export interface Description {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

/** What is kept of an error: enough to find its cause, and never a body. */
export interface Failure extends Description {
  readonly code?: string | number
  readonly cause?: Failure
  /** Of an `AggregateError`. */
  readonly errors?: readonly Failure[]
}

const LONGEST_MESSAGE = 1_000
const LONGEST_CODE = 200
const STACK_LINES = 8
const MOST_CAUSES = 5
const MOST_ERRORS = 10

export function toFailure(error: unknown, causes = MOST_CAUSES): Failure {
  if (!isError(error)) return { name: 'Error', message: clip(toText(error)) }
  const description = describeError(error)
  const [code, cause, errors] = (['code', 'cause', 'errors'] as const).map(key => get(error, key))
  const isDeep = causes === 0
  return {
    ...description,
    message: clip(description.message),
    ...(isCode(code) ? { code } : {}),
    ...(isDeep || !isError(cause) ? {} : { cause: toFailure(cause, causes - 1) }),
    ...(isDeep || !Array.isArray(errors) || !isAggregate(error, description)
      ? {}
      : { errors: errors.slice(0, MOST_ERRORS).map(each => toFailure(each, causes - 1)) }),
  }
}

export function fromFailure(failure: Failure): Error {
  const { name, message, code, cause, errors } = failure
  const options = cause === undefined ? undefined : { cause: fromFailure(cause) }
  const error =
    errors === undefined
      ? new Error(message, options)
      : new AggregateError(errors.map(fromFailure), message, options)
  error.name = name
  error.stack = toStack(failure)
  return code === undefined ? error : Object.assign(error, { code })
}

/** With its whole message, and without what cannot be read of it. */
export function describeError(error: Error): Description {
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

export function toStack({ name, message, stack }: Description): string {
  return `${name}: ${message}${stack === undefined ? '' : `\n${stack}`}`
}

/** A longer text is no code: it may be a body. */
export function isCode(code: unknown): code is string | number {
  return typeof code === 'number' || (typeof code === 'string' && code.length <= LONGEST_CODE)
}

function isAggregate(error: Error, { name }: Description): boolean {
  try {
    return error instanceof AggregateError || name === 'AggregateError'
  } catch {
    return false
  }
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

function read(error: Error, key: 'name' | 'message' | 'stack'): string | undefined {
  const value = get(error, key)
  return value === undefined ? undefined : toText(value)
}

/** Anything can be a property of an error, also a getter that throws. */
function get(error: Error, key: string): unknown {
  try {
    return Reflect.get(error, key)
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
