import { toText } from '../../../core/bytes.js'
import { crashFailure } from '../../../model/callback.js'
import { crashResult } from '../../../model/run-crash.js'
import type { NodeCommands } from '../../nodes.js'
import type { Codecs } from '../codec.js'

/** The errors of what was in hand in too many crashes, in two parts: the database puts between them how many there were. */
const CALLBACK_ERROR = aroundCount(crashes => JSON.stringify(crashFailure(crashes)))
const RUN_ERROR = aroundCount(crashes => toText(crashResult(crashes).bytes))

export const NODE_CODECS: Codecs<keyof NodeCommands> = {
  join: {},
  renew: {},
  leave: {},
  takeOver: { toWire: input => ({ ...input, callbackError: CALLBACK_ERROR, runError: RUN_ERROR }) },
  sweep: {},
  countDue: {},
}

function aroundCount(tell: (count: number) => string): readonly string[] {
  const count = 1_234_567_890
  return tell(count).split(`${count}`)
}
