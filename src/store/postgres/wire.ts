import { InvalidOptionsError } from '../../errors.js'
import type { CommandName, Input, Outcome } from '../store.js'
import { toBase64 } from './bytes.js'
import type { Codec } from './codec.js'
import { CODECS } from './commands.js'

// How a batch crosses to the database, and what became of it comes back: as JSON, bytes in base64. What may hold anything,
// such as an error's message, is JSON in a text, which the database keeps without looking inside.

/**
 * The command as JSON text.
 *
 * @throws InvalidOptionsError for a text that Postgres cannot keep: with NUL, or half a surrogate pair.
 */
export function toWire<N extends CommandName>({
  name,
  input,
}: {
  readonly name: N
  readonly input: Input<N>
}): string {
  const { toWire: encode } = CODECS[name] as { readonly toWire?: (input: unknown) => unknown }
  const json = JSON.stringify({ name, input: encode === undefined ? input : encode(input) }, bytesInBase64)
  if (UNSTORABLE.test(json)) {
    throw new InvalidOptionsError('A text that is to be stored must be well-formed Unicode, without NUL')
  }
  return json
}

/** `input`: what the command was, so that the database need not say again what it was told. */
export function fromWire<N extends CommandName>(name: N, wire: unknown, input: Input<N>): Outcome<N> {
  const { fromWire: decode } = CODECS[name] as Codec<N>
  return decode === undefined ? (wire as Outcome<N>) : decode(wire as never, input)
}

/** An escape of NUL or of half a surrogate pair, which `JSON.stringify` writes for nothing else. */
const UNSTORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/

/** A `Buffer` says by itself how it wants to be written, so what is looked at is what it was before. */
function bytesInBase64(this: Readonly<Record<string, unknown>>, key: string, value: unknown): unknown {
  const given = this[key]
  return given instanceof Uint8Array ? toBase64(given) : value
}
