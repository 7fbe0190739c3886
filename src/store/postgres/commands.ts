import type { CommandName } from '../store.js'
import type { Codecs } from './codec.js'
import { EXCHANGE_CODECS } from './codecs/exchanges.js'
import { NODE_CODECS } from './codecs/nodes.js'
import { OUTBOX_CODECS } from './codecs/outbox.js'
import { RECEIVING_CODECS } from './codecs/receiving.js'
import { RUN_CODECS } from './codecs/runs.js'
import { SCOPE_CODECS } from './codecs/scopes.js'

/** Every command of the store, and how it crosses. */
export const CODECS: Codecs<CommandName> = {
  ...NODE_CODECS,
  ...RECEIVING_CODECS,
  ...OUTBOX_CODECS,
  ...EXCHANGE_CODECS,
  ...SCOPE_CODECS,
  ...RUN_CODECS,
}

export const COMMAND_NAMES = Object.keys(CODECS) as readonly CommandName[]
