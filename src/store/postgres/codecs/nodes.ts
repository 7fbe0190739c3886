import type { NodeCommands } from '../../nodes.js'
import type { Codecs } from '../codec.js'

export const NODE_CODECS: Codecs<keyof NodeCommands> = {
  join: {},
  renew: {},
  leave: {},
  takeOver: {},
  sweep: {},
  countDue: {},
}
