import type { CommandName } from '../store.js'
import type { Codecs } from './codec.js'
import { EXCHANGE_CODECS } from './codecs/exchanges.js'
import { HISTORY_CODECS } from './codecs/history.js'
import { NODE_CODECS } from './codecs/nodes.js'
import { OUTBOX_CODECS } from './codecs/outbox.js'
import { PUBLICATION_CODECS } from './codecs/publications.js'
import { RECEIVING_CODECS } from './codecs/receiving.js'
import { RUN_CODECS } from './codecs/runs.js'
import { SCOPE_CODECS } from './codecs/scopes.js'
import { SUBSCRIPTION_CODECS } from './codecs/subscriptions.js'

/** Every command of the store, and how it crosses. */
export const CODECS: Codecs<CommandName> = {
  ...NODE_CODECS,
  ...RECEIVING_CODECS,
  ...OUTBOX_CODECS,
  ...SUBSCRIPTION_CODECS,
  ...PUBLICATION_CODECS,
  ...HISTORY_CODECS,
  ...EXCHANGE_CODECS,
  ...SCOPE_CODECS,
  ...RUN_CODECS,
}

export const COMMAND_NAMES = Object.keys(CODECS) as readonly CommandName[]
