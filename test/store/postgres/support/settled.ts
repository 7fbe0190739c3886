import type { Store } from '../../../../src/store/store.js'
import { withCommands } from '../../../support/store.js'
import { testPool } from './schema.js'

/**
 * Resolves when every transaction that is open now has ended. A log ends below the oldest that is open, on the whole server:
 * other tests have theirs.
 */
export async function allSettled(): Promise<void> {
  const { rows } = await testPool().query<{ xid: string }>('select pg_current_xact_id()::text as xid')
  for (let isSettled = false; !isSettled; ) {
    const answer = await testPool().query(
      'select pg_snapshot_xmin(pg_current_snapshot()) > $1::xid8 as settled',
      [rows[0]?.xid],
    )
    isSettled = answer.rows[0]?.settled === true
  }
}

/** A store whose logs end where they would if it had the server to itself. */
export function byItself(store: Store): Store {
  return withCommands(store, session => ({
    readAttempts: async input => {
      await allSettled()
      return session.readAttempts(input)
    },
    readDead: async input => {
      await allSettled()
      return session.readDead(input)
    },
  }))
}
