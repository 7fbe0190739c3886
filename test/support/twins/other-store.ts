import type { Store } from '../../../src/store/store.js'

/** A store that is asked the same as the one in memory, at random, and has to say the same. */
export interface OtherStore {
  /** An empty one, whose epochs are numbered from 1. */
  readonly open: () => Promise<Store>
  /** Unless LONGLINE_FUZZ_RUNS says otherwise. */
  readonly stories: number
}
