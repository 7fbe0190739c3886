import { toText } from '../../core/bytes.js'
import type { RawRequest } from '../../model/received.js'
import { checkMakerOptions } from '../maker-options.js'
import type { TimedSecretOptions } from '../provider.js'
import { toRetired, toSecrets } from '../secrets.js'
import type { SLACK, ZOOM } from '../slack-setting.js'

// A question that comes as events do, by POST, signed, and is told from them by a field of its body.

interface QuestionField {
  readonly field: string
  readonly value: string
}

/** What is larger is no question, but an event. */
const MOST_BYTES = 8 * 1_024

/** @throws InvalidOptionsError that names the handshake, and not the verifier with the same options. */
export function toQuestionSecrets(
  { name }: typeof SLACK | typeof ZOOM,
  options: TimedSecretOptions,
): readonly string[] {
  const what = `The handshake ${name}`
  checkMakerOptions(options, ['secret', 'retired', 'tolerance'], what)
  toRetired(options.retired, `${what}: retired`)
  return toSecrets(options.secret, `${what}: secret`)
}

/**
 * Whether to look closer. Every event passes here, and is told from a question without being parsed, and without a second
 * computation of its signature.
 */
export function looksLike({ field, value }: QuestionField): (request: RawRequest) => boolean {
  const written = new RegExp(`"${field}"\\s*:\\s*"${value}"`)
  return request => {
    if (request.method !== 'POST') return false
    const body = request.bytes()
    return body.length <= MOST_BYTES && written.test(toText(body))
  }
}

/** The body of a question; `undefined` when it only looked like one, as an event does that has such a field further inside. */
export function parseQuestion(request: RawRequest, { field, value }: QuestionField): unknown {
  let body: unknown
  try {
    body = JSON.parse(toText(request.bytes()))
  } catch {
    // signed, and no JSON: not ours to refuse
  }
  return memberOf(body, field) === value ? body : undefined
}

export function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}
