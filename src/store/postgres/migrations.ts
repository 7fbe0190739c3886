import { COMMAND_NAMES } from './commands.js'
import { COMMON } from './sql/common.js'
import { DISPATCHING } from './sql/dispatching.js'
import { EXCHANGES } from './sql/exchanges.js'
import { executeFunction } from './sql/execute.js'
import { JOINING } from './sql/joining.js'
import { NODES } from './sql/nodes.js'
import { OUTBOX } from './sql/outbox.js'
import { RECEIVING } from './sql/receiving.js'
import { RUNS } from './sql/runs.js'
import { SCOPES } from './sql/scopes.js'
import { SWEEPING } from './sql/sweeping.js'
import { TABLES } from './sql/tables.js'

// The schema, as numbered steps. A step that has been released is never edited: a change is a new step.

export interface Migration {
  readonly version: number
  /** Without its schema: every name in it is looked for, and made, in the first one of the search path. */
  readonly sql: string
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    sql: [
      ...[TABLES, COMMON, NODES, RECEIVING, OUTBOX, DISPATCHING, SCOPES, EXCHANGES, RUNS, SWEEPING],
      executeFunction(COMMAND_NAMES),
      JOINING,
    ].join('\n'),
  },
]
