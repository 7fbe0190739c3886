import { isCode, isError, listKeys } from './failure.js'

// What is kept of an error besides its name, its message and its place: a list of what may be, and nothing else.
//
//   F1. Whatever else hangs on an error is not kept: the errors of client libraries carry the request, with its
//       credentials, and the response, with its body.
//   F2. What is kept as a cause, or among the errors of an AggregateError, is an error or a number, a flag, nothing: a text may
//       be a body, also a short one. A code is a number or a word; a fact of ours, a short text or a number; of the issues of a schema their words and places, not
//       the input that they are about.

/** What errors of ours say of themselves, besides their code. */
const OWN: ReadonlyMap<string, readonly string[]> = new Map([
  ['ReceiverClosedError', ['receiver', 'reason']],
  ['MailboxFullError', ['receiver', 'capacity']],
  ['DeliveryFailedError', ['delivery', 'reason']],
  ['KeyConflictError', ['key']],
  ['RunFailedError', ['run']],
  ['RunCancelledError', ['reason']],
  ['InvalidInputError', ['issues']],
  ['StoreUnusableError', ['reason']],
])

/** `isShown`: `Object.keys` lists it. */
export interface Fact {
  readonly key: string
  readonly isShown: boolean
}

/**
 * What may be kept of an error.
 *
 * @param type the class that it comes back as
 * @param isOurs whether that is one of ours
 */
export function factsOf(error: Error, type: string, isOurs: boolean): readonly Fact[] {
  const own = isOurs ? ['retryable', ...(OWN.get(type) ?? [])] : []
  const errors = type === 'AggregateError' ? ['errors'] : []
  const shown = new Set(listKeys(error))
  return ['code', 'cause', ...errors, ...own].map(key => ({ key, isShown: shown.has(key) }))
}

/** What is kept of a value that hangs on an error, in a list; an empty one where it is left out. */
export function toKept(key: string, value: unknown): readonly unknown[] {
  if (key === 'code') return isCode(value) ? [value] : []
  if (key === 'issues') return Array.isArray(value) ? [value.map(toIssue)] : []
  if (typeof value === 'string') return OURS.has(key) && value.length <= LONGEST_TEXT ? [value] : []
  return isPlain(value) || isError(value) ? [value] : []
}

const OURS: ReadonlySet<string> = new Set([...OWN.values()].flat())

/** A longer text is more likely a body than a word about what went wrong. */
const LONGEST_TEXT = 1_000

function isPlain(value: unknown): boolean {
  return value === null || (typeof value !== 'object' && typeof value !== 'function')
}

interface Issue {
  readonly message: string
  readonly path?: readonly (string | number)[]
}

/** Some libraries hang the input on each issue, and on each part of its path. */
function toIssue(issue: unknown): Issue {
  if (typeof issue !== 'object' || issue === null) return { message: String(issue) }
  const { message, path } = issue as { readonly message?: unknown; readonly path?: unknown }
  return { message: String(message), ...(Array.isArray(path) ? { path: path.map(toSegment) } : {}) }
}

function toSegment(segment: unknown): string | number {
  const key: unknown =
    typeof segment === 'object' && segment !== null && 'key' in segment ? segment.key : segment
  return typeof key === 'number' ? key : String(key)
}
