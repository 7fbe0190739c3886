import type { Lane } from '../model/delivery.js'

/** A string with `://` is a URL, without it the name of an endpoint; a name not declared throws. */
export type Target = { readonly name: string } | string | URL

export interface ResolvedTarget {
  readonly lane: Lane
  /** The URL, where the target was written out. */
  readonly url?: string
}
