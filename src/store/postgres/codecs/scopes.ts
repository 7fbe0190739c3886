import type { ScopeCommands } from '../../scoping.js'
import type { Codecs } from '../codec.js'

export const SCOPE_CODECS: Codecs<keyof ScopeCommands> = {
  recall: {},
  remember: {},
  spawnInScope: {},
  sendInScope: {},
  exchangeInScope: {},
  decide: {},
  throwCancel: {},
}
