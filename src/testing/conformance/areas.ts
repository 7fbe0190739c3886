import { accepting } from './accepting.js'
import { claiming } from './claiming.js'
import type { Area } from './trial.js'

/** Everything a store has to do, area by area. */
export const AREAS: readonly Area[] = [accepting, claiming]
