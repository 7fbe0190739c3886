import { accepting } from './accepting.js'
import { answering } from './answering.js'
import { attempting } from './attempting.js'
import { claiming } from './claiming.js'
import { contents } from './contents.js'
import { ending } from './ending.js'
import { failing } from './failing.js'
import { fencing } from './fencing.js'
import { forgetting } from './forgetting.js'
import { grouping } from './grouping.js'
import { leases } from './leases.js'
import { recovering } from './recovering.js'
import { registry } from './registry.js'
import { repeating } from './repeating.js'
import { sending } from './sending.js'
import { sessions } from './sessions.js'
import { spawning } from './spawning.js'
import { sweeping } from './sweeping.js'
import { telling } from './telling.js'
import type { Area } from './trial.js'
import { waking } from './waking.js'

/** Everything a store has to do, area by area. */
export const AREAS: readonly Area[] = [
  spawning,
  ending,
  registry,
  accepting,
  repeating,
  contents,
  claiming,
  fencing,
  grouping,
  failing,
  answering,
  sending,
  attempting,
  leases,
  recovering,
  sweeping,
  telling,
  forgetting,
  waking,
  sessions,
]
