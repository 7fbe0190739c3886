/** What is kept of an error: enough to find its cause, and never a body. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack?: string
}

const LONGEST_MESSAGE = 1_000
const STACK_LINES = 8

export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) return { name: 'Error', message: clip(toText(error)) }
  const frames = toText(error.stack ?? '')
    .split('\n')
    .filter(line => line.trimStart().startsWith('at '))
  const stack = frames.slice(0, STACK_LINES).join('\n')
  return {
    name: toText(error.name),
    message: clip(toText(error.message)),
    ...(stack === '' ? {} : { stack }),
  }
}

export function fromFailure(failure: Failure): Error {
  const error = new Error(failure.message)
  error.name = failure.name
  error.stack = `${failure.name}: ${failure.message}${failure.stack === undefined ? '' : `\n${failure.stack}`}`
  return error
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
