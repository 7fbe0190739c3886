import type { StandardSchemaV1 as Schema } from '@standard-schema/spec'
import type { Clock } from '../core/clock.js'
import { within } from '../core/within.js'
import { MalformedContentError } from '../errors.js'
import { readContent } from '../model/content.js'
import { DEFAULTS } from '../options.js'
import { problem } from './problem.js'
import type { Reply } from './reply.js'

/** What a body says, by its content type and through the schema; or what its sender reads instead. */
export type Inspection =
  | { readonly ok: true; readonly data: unknown }
  | {
      readonly ok: false
      readonly reply: Reply
      readonly issues?: readonly Schema.Issue[]
      /** What the schema threw, or that it took too long. That is not the sender's doing. */
      readonly fault?: { readonly error: unknown }
    }

const MOST_ISSUES = 50

/** Without a promise where none is needed: this is on the way of every request. */
export function inspect(
  contentType: string | undefined,
  body: Uint8Array,
  { schema, clock }: { readonly schema: Schema | undefined; readonly clock: Clock },
): Inspection | Promise<Inspection> {
  try {
    const data = readContent(contentType, body)
    if (schema === undefined && !(data instanceof Promise)) return { ok: true, data }
    return finish(data, body, { schema, clock })
  } catch (error) {
    return malformed(error)
  }
}

async function finish(
  content: unknown,
  body: Uint8Array,
  { schema, clock }: { readonly schema: Schema | undefined; readonly clock: Clock },
): Promise<Inspection> {
  let data: unknown
  try {
    data = await content
  } catch (error) {
    return malformed(error)
  }
  if (schema === undefined) return { ok: true, data }
  try {
    // A schema of somebody else's does not get the very bytes that are stored.
    const validating = schema['~standard'].validate(data === body ? new Uint8Array(body) : data)
    const result =
      validating instanceof Promise
        ? await within(clock, DEFAULTS.codeTimeoutMs, 'schema', validating)
        : validating
    return result.issues === undefined ? { ok: true, data: result.value } : mismatch(result.issues)
  } catch (error) {
    return { ok: false, reply: problem('internal-error'), fault: { error } }
  }
}

function malformed(error: unknown): Inspection {
  if (!(error instanceof MalformedContentError)) throw error
  return { ok: false, reply: problem('body-malformed', { detail: sentence(error.message) }) }
}

function mismatch(issues: readonly Schema.Issue[]): Inspection {
  const listed = issues
    .slice(0, MOST_ISSUES)
    .map(({ path = [], message }) => ({ path: path.map(toKey), message }))
  return { ok: false, issues, reply: problem('data-mismatch', { members: { issues: listed } }) }
}

function toKey(segment: PropertyKey | Schema.PathSegment): string | number {
  const key = typeof segment === 'object' ? segment.key : segment
  return typeof key === 'number' ? key : String(key)
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`
}
