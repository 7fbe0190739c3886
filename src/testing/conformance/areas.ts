import { accepting } from './accepting.js'
import { answering } from './answering.js'
import { claiming } from './claiming.js'
import { contents } from './contents.js'
import { failing } from './failing.js'
import { grouping } from './grouping.js'
import { spawning } from './spawning.js'
import type { Area } from './trial.js'

/** Everything a store has to do, area by area. */
export const AREAS: readonly Area[] = [spawning, accepting, contents, claiming, grouping, failing, answering]
