import type { Lane } from '../model/delivery.js'

export interface ResolvedTarget {
  readonly lane: Lane
  /** The URL, where the target was written out. */
  readonly url?: string
}
