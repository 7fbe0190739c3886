import { InvalidOptionsError } from '../errors.js'
import type { Transaction } from '../model/joining.js'
import type { JoinedCommands } from './joining.js'
import type { StoreSession } from './store.js'

/**
 * The commands that can be part of a transaction of the caller's.
 *
 * @throws InvalidOptionsError for what is no transaction, and where the store is not in the caller's database.
 */
export function join({ within }: Pick<StoreSession, 'within'>, transaction: unknown): JoinedCommands {
  if (!isTransaction(transaction)) {
    throw new InvalidOptionsError(
      'within must be the client that your transaction is on, or anything else with query(text, values) that resolves with { rows }; without a transaction leave it out',
    )
  }
  if (isPool(transaction)) {
    throw new InvalidOptionsError(
      'within must be the client that your transaction is on, and not its pool: a pool runs each query on whichever connection is free',
    )
  }
  if (within === undefined) {
    throw new InvalidOptionsError(
      "within needs a store in the database of your transaction, such as 'postgres://…'; the store of this server is not in one that you could have a transaction in",
    )
  }
  return within(transaction)
}

function isTransaction(given: unknown): given is Transaction {
  return typeof given === 'object' && given !== null && 'query' in given && typeof given.query === 'function'
}

/** Of `pg`: it has a `query`, too. */
function isPool(given: Transaction): boolean {
  return 'idleCount' in given && 'totalCount' in given
}
