import { toText, utf8 } from '../core/bytes.js'

/** What a body may have been before somebody parsed it and wrote it again. */
export interface Original {
  readonly form: string
  readonly bytes: Uint8Array
}

/** Anybody can have it looked for: what is larger, or so deep that it grows with every indented line, is not. */
const MOST_BYTES = 64 * 1_024
const MOST_DEPTH = 32

/**
 * The same JSON as the libraries of the field write it, one after the other. Only to be able to say so to the operator: what
 * matches one of these does not pass.
 */
export function* rewritten(body: Uint8Array): Generator<Original> {
  if (body.length > MOST_BYTES || isDeep(body)) return
  let value: unknown
  try {
    value = JSON.parse(toText(body))
  } catch {
    // What is no JSON was not written again as such.
  }
  if (typeof value !== 'object' || value === null) return

  for (const [form, write] of forms) {
    const text = write(value)
    yield { form, bytes: utf8(text) }
    yield { form: `${form}, with a line break at its end`, bytes: utf8(`${text}\n`) }
  }
}

const toCompact = (value: unknown) => JSON.stringify(value)
const toIndented = (value: unknown) => JSON.stringify(value, null, 2)

const forms: readonly (readonly [form: string, write: (value: unknown) => string])[] = [
  ['without white space', toCompact],
  ['without white space, and ASCII only', value => toAscii(toCompact(value))],
  ['without white space, its slashes escaped', value => toAscii(toCompact(value)).replaceAll('/', '\\/')],
  [
    'without white space, its <, > and & escaped',
    value => toCompact(value).replace(/[<>&\u2028\u2029]/g, escaped),
  ],
  ['with a space after commas and colons', toSpaced],
  ['with a space after commas and colons, and ASCII only', value => toAscii(toSpaced(value))],
  ['indented by two', toIndented],
  ['indented by two, and ASCII only', value => toAscii(toIndented(value))],
]

/** Counts brackets in texts, too: then something is not looked for that could have been. */
function isDeep(body: Uint8Array): boolean {
  let depth = 0
  for (const byte of body) {
    if (byte === 0x5b || byte === 0x7b) depth++
    else if (byte === 0x5d || byte === 0x7d) depth--
    if (depth > MOST_DEPTH) return true
  }
  return false
}

/** As Python writes it. */
function toSpaced(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toSpaced).join(', ')}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  return `{${Object.entries(value)
    .map(([name, member]) => `${JSON.stringify(name)}: ${toSpaced(member)}`)
    .join(', ')}}`
}

function toAscii(json: string): string {
  return json.replace(/[\u007f-\uffff]/g, escaped)
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}
