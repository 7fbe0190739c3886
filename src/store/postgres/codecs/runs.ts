import type { RunCommands } from '../../running.js'
import type { Codecs } from '../codec.js'

export const RUN_CODECS: Codecs<keyof RunCommands> = {
  startRun: {},
  claimRuns: {},
  park: {},
  endRun: {},
  releaseRun: {},
  reclaimRuns: {},
  retryRun: {},
  cancelRun: {},
  findRun: {},
  listRuns: {},
}
