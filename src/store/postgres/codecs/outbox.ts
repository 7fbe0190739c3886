import type { OutboxCommands } from '../../sending.js'
import type { Codecs } from '../codec.js'

export const OUTBOX_CODECS: Codecs<keyof OutboxCommands> = {
  send: {},
  claimDeliveries: {},
  recordAttempt: {},
  releaseDelivery: {},
  reclaimDeliveries: {},
  findDelivery: {},
  listAttempts: {},
  cancelDelivery: {},
}
