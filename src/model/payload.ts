import { utf8 } from '../core/bytes.js'
import { InvalidOptionsError } from '../errors.js'

/** Text and bytes go as they are, `URLSearchParams` as a form, everything else as JSON. */
export type Payload = string | number | boolean | null | Uint8Array | URLSearchParams | object

export interface EncodedPayload {
  readonly bytes: Uint8Array
  /** Absent for bytes, and when there is nothing at all: the content is then the caller's to name. */
  readonly contentType?: string
}

/**
 * The bytes of a payload and their content type.
 *
 * @throws InvalidOptionsError for what JSON cannot hold: a function, a bigint, a circle.
 */
export function encodePayload(payload: Payload | undefined, what: string): EncodedPayload {
  if (payload === undefined) return { bytes: new Uint8Array() }
  if (typeof payload === 'string') return { bytes: utf8(payload), contentType: 'text/plain;charset=utf-8' }
  if (payload instanceof Uint8Array) return { bytes: new Uint8Array(payload) }
  if (payload instanceof URLSearchParams) {
    return { bytes: utf8(payload.toString()), contentType: 'application/x-www-form-urlencoded;charset=utf-8' }
  }
  return { bytes: utf8(toJson(payload, what)), contentType: 'application/json' }
}

function toJson(value: unknown, what: string): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    throw new InvalidOptionsError(`${what} cannot be written as JSON; convert it first`, { cause: error })
  }
  if (text === undefined) throw new InvalidOptionsError(`${what} cannot be written as JSON; convert it first`)
  return text
}
