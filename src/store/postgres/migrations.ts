import { COMMAND_NAMES } from './commands.js'
import { COMMON } from './sql/common.js'
import { DISPATCHING } from './sql/dispatching.js'
import { ENDS } from './sql/ends.js'
import { EXCHANGES } from './sql/exchanges.js'
import { executeFunction } from './sql/execute.js'
import { HISTORY } from './sql/history.js'
import { JOINING } from './sql/joining.js'
import { LANE_BUCKETS } from './sql/lane-buckets.js'
import { LANES } from './sql/lanes.js'
import { NODES } from './sql/nodes.js'
import { OUTBOX } from './sql/outbox.js'
import { PUBLICATIONS } from './sql/publications.js'
import { PUBLISHING_TABLES } from './sql/publishing-tables.js'
import { RECEIVING } from './sql/receiving.js'
import { RUNS } from './sql/runs.js'
import { SCOPES } from './sql/scopes.js'
import { SUBSCRIPTIONS } from './sql/subscriptions.js'
import { SWEEPING } from './sql/sweeping.js'
import { SWEEPING_MESSAGES } from './sql/sweeping-messages.js'
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
      ...[TABLES, PUBLISHING_TABLES, COMMON, NODES, RECEIVING],
      ...[OUTBOX, LANES, SUBSCRIPTIONS, LANE_BUCKETS, DISPATCHING, PUBLICATIONS, HISTORY, ENDS],
      ...[SCOPES, EXCHANGES, RUNS, SWEEPING, SWEEPING_MESSAGES],
      executeFunction(COMMAND_NAMES),
      JOINING,
    ].join('\n'),
  },
]
