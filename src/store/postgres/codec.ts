import type { CommandName, Input, Outcome } from '../store.js'

/** How the input of a command becomes JSON, where it is not JSON already, and how JSON becomes its outcome. */
export interface Codec<N extends CommandName> {
  readonly toWire?: (input: Input<N>) => unknown
  readonly fromWire?: (wire: never, input: Input<N>) => Outcome<N>
}

/** For each of these commands, what it needs: `{}` where its input and outcome are JSON as they are. */
export type Codecs<N extends CommandName> = { readonly [K in N]: Codec<K> }

/** What is there no more: the database says `null` where an outcome is `undefined`. */
export function orUndefined<W, O>(decode: (wire: W) => O): (wire: W | null) => O | undefined {
  return wire => (wire === null ? undefined : decode(wire))
}
