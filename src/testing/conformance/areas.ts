import { accepting } from './accepting.js'
import { answering } from './answering.js'
import { attempting } from './attempting.js'
import { awaiting } from './awaiting.js'
import { cancelling } from './cancelling.js'
import { claiming } from './claiming.js'
import { contents } from './contents.js'
import { deciding } from './deciding.js'
import { ending } from './ending.js'
import { ends } from './ends.js'
import { entries } from './entries.js'
import { exchanging } from './exchanging.js'
import { exchangingAgain } from './exchanging-again.js'
import { failing } from './failing.js'
import { fanningOut } from './fanning-out.js'
import { fencing } from './fencing.js'
import { forgetting } from './forgetting.js'
import { grouping } from './grouping.js'
import { handling } from './handling.js'
import { history } from './history.js'
import { keeping } from './keeping.js'
import { lanes } from './lanes.js'
import { leases } from './leases.js'
import { lettingGo } from './letting-go.js'
import { listing } from './listing.js'
import { owning } from './owning.js'
import { parking } from './parking.js'
import { proving } from './proving.js'
import { publishing } from './publishing.js'
import { questions } from './questions.js'
import { racing } from './racing.js'
import { rates } from './rates.js'
import { recalling } from './recalling.js'
import { recovering } from './recovering.js'
import { registry } from './registry.js'
import { remembering } from './remembering.js'
import { repeating } from './repeating.js'
import { resending } from './resending.js'
import { resuming } from './resuming.js'
import { retrying } from './retrying.js'
import { runLeases } from './run-leases.js'
import { runWaking } from './run-waking.js'
import { running } from './running.js'
import { sending } from './sending.js'
import { sessions } from './sessions.js'
import { spawning } from './spawning.js'
import { starting } from './starting.js'
import { streaming } from './streaming.js'
import { stripping } from './stripping.js'
import { subscribing } from './subscribing.js'
import { sweeping } from './sweeping.js'
import { telling } from './telling.js'
import type { Area } from './trial.js'
import { troubled } from './troubled.js'
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
  subscribing,
  proving,
  publishing,
  fanningOut,
  ends,
  lanes,
  rates,
  troubled,
  history,
  streaming,
  stripping,
  questions,
  leases,
  recovering,
  sweeping,
  telling,
  forgetting,
  remembering,
  recalling,
  owning,
  handling,
  deciding,
  awaiting,
  exchanging,
  racing,
  starting,
  running,
  listing,
  parking,
  resuming,
  cancelling,
  retrying,
  exchangingAgain,
  entries,
  resending,
  runLeases,
  keeping,
  lettingGo,
  waking,
  runWaking,
  sessions,
]
