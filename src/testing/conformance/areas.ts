import { accepting } from './accepting.js'
import { answering } from './answering.js'
import { attempting } from './attempting.js'
import { claiming } from './claiming.js'
import { contents } from './contents.js'
import { failing } from './failing.js'
import { grouping } from './grouping.js'
import { nodes } from './nodes.js'
import { sending } from './sending.js'
import { sessions } from './sessions.js'
import { spawning } from './spawning.js'
import { sweeping } from './sweeping.js'
import type { Area } from './trial.js'
import { waking } from './waking.js'

/** Everything a store has to do, area by area. */
export const AREAS: readonly Area[] = [
  spawning,
  accepting,
  contents,
  claiming,
  grouping,
  failing,
  answering,
  sending,
  attempting,
  nodes,
  sweeping,
  waking,
  sessions,
]
