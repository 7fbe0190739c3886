// How the results of steps, and the inputs and results of runs, become bytes and come back.
//
// The bytes are UTF-8: the number of the format, then what devalue writes of the root. The root is a list: the value,
// then the contents of what is rebuilt (value-shells.ts). docs/decisions/values-in-the-store.md says why.
//
//   V1. What has been stored can be read by every later version: the format is pinned by recorded examples in the test.
//   V2. What does not come back as it was is refused when it is stored, not when it is read.

import { parse, stringify } from 'devalue'
import { toText, utf8 } from '../core/bytes.js'
import { StoreUnusableError } from '../errors.js'
import { DEFAULTS } from '../options.js'
import { reasons, tooLarge, unstorable } from './unstorable.js'
import { type Content, createShell, fillShell, type Head, type Shell } from './value-shells.js'
import { type Survey, surveyValue } from './value-survey.js'

const FORMAT = '1'

/**
 * What JSON holds and what structured cloning holds, circles included, plus URLs; of errors what is worth keeping.
 * Some things come back as their nearest of kin: a `Buffer` as a `Uint8Array`, a view of a part of a buffer as a view of
 * memory of its own, an error of a class that is neither the platform's nor ours as the nearest one that is, under its name.
 *
 * @param what Names the value in messages: `The result of step 'charge'`.
 * @throws UnstorableValueError which says what is wrong, and where.
 */
export function encodeValue(value: unknown, what: string): Uint8Array {
  const survey = surveyValue(value, what, DEFAULTS.valueBytes)
  const bytes = utf8(`${FORMAT}${write(value, survey, what)}`)
  if (bytes.length > DEFAULTS.valueBytes) throw tooLarge(what, DEFAULTS.valueBytes)
  return bytes
}

/** @throws StoreUnusableError when the bytes are no stored value, or one of a format that is not known yet. */
export function decodeValue(bytes: Uint8Array): unknown {
  const text = toText(bytes)
  if (!text.startsWith(FORMAT)) throw unreadable(/^[2-9]/.test(text) ? 'newer' : 'corrupt')
  try {
    return read(text.slice(FORMAT.length))
  } catch {
    throw unreadable('corrupt') // without its cause, which would quote the value
  }
}

function write(value: unknown, { shells, hasWindows }: Survey, what: string): string {
  try {
    if (shells.size === 0 && !hasWindows) return stringify([value])
    const root = [value, ...Array.from(shells.values(), toContent)]
    return stringify(root, { Shell: thing => shells.get(thing)?.head }, { operations: { viewInfo } })
  } catch {
    throw unstorable(what, [], reasons.unsteady) // without its cause, which holds the value
  }
}

function toContent({ shown, hidden }: Shell): Content {
  return { ...(shown.size === 0 ? {} : { shown }), ...(hidden.size === 0 ? {} : { hidden }) }
}

/** The memory around a view of a part of it may hold anything, and is none of the value's. */
function viewInfo({ buffer, byteOffset, byteLength }: ArrayBufferView) {
  const memory = byteLength === buffer.byteLength ? buffer : buffer.slice(byteOffset, byteOffset + byteLength)
  return { buffer: memory, byteOffset: 0, byteLength, bufferByteLength: byteLength }
}

function read(text: string): unknown {
  const shells: { readonly shell: object; readonly at: number }[] = []
  const root: unknown = parse(text, {
    Shell: (head: Head) => {
      const shell = createShell(head)
      shells.push({ shell, at: head.at })
      return shell
    },
  })
  if (!Array.isArray(root)) throw new Error('the root is no list')
  for (const { shell, at } of shells) fillShell(shell, root[at])
  return root[0]
}

export function unreadable(reason: 'newer' | 'corrupt'): StoreUnusableError {
  const why = reason === 'newer' ? 'it was written by a newer longline' : 'its bytes are damaged'
  return new StoreUnusableError({ reason, message: `A stored value cannot be read: ${why}` })
}
