import { InvalidOptionsError, StoreUnavailableError } from '../../errors.js'
import type { Transaction } from '../../model/joining.js'
import type { JoinedCommands } from '../joining.js'
import type { CommandName, Input, Outcome } from '../store.js'
import type { Connections } from './connections.js'
import { toError } from './fault.js'
import { quoted } from './names.js'
import type { Client } from './pool.js'
import { fromWire, toWire } from './wire.js'

/**
 * The commands that can be part of a transaction of the caller's, on his connection. `connections` are the store's own, for
 * what his transaction does not see.
 */
export function joinTransaction(
  transaction: Transaction,
  { connections, schema }: { readonly connections: Connections; readonly schema: string },
): JoinedCommands {
  const statement = `select ${quoted(schema)}.within_transaction($1::jsonb) as outcome`
  const carryOut = async <N extends CommandName>(name: N, input: Input<N>): Promise<Outcome<N>> => {
    const command = toWire({ name, input })
    const { rows } = await transaction.query(statement, [command])
    const wire = outcomeOf(rows)
    return fromWire(name, isUnseen(wire) ? await findUnseen(connections, statement, command) : wire, input)
  }
  return {
    send: input => carryOut('send', input),
    publish: input => carryOut('publish', input),
    startRun: input => carryOut('startRun', input),
  }
}

/** @throws InvalidOptionsError for what an adapter returned that is not what `pg` would return. */
function outcomeOf(rows: unknown): unknown {
  const first = Array.isArray(rows) ? (rows[0] as unknown) : undefined
  if (typeof first !== 'object' || first === null || !('outcome' in first)) {
    throw new InvalidOptionsError(
      'within needs { query(text, values) } that resolves with { rows }, as a client of pg does',
    )
  }
  // Some drivers hand JSON out as it is written.
  return typeof first.outcome === 'string' ? (JSON.parse(first.outcome) as unknown) : first.outcome
}

/** The key was there, and is younger than the snapshot of the transaction (`repeatable read`). */
function isUnseen(wire: unknown): boolean {
  return typeof wire === 'object' && wire !== null && 'type' in wire && wire.type === 'unseen'
}

/**
 * What the key has, as others see it: the same command, in a transaction that comes to nothing.
 *
 * @throws StoreUnavailableError when it is gone by now, or the caller's transaction cannot be committed anyway.
 */
async function findUnseen(connections: Connections, statement: string, command: string): Promise<unknown> {
  const found = await connections.use(look).catch((error: unknown) => {
    throw toError(error)
  })
  if (typeof found !== 'object' || found === null || !('created' in found && found.created === true))
    return found
  throw new StoreUnavailableError(
    'Your transaction has met another that changed the same rows; roll it back, and do it again',
  )

  async function look(client: Client): Promise<unknown> {
    await client.query("begin isolation level read committed; set local lock_timeout = '1s'")
    try {
      return outcomeOf((await client.query(statement, [command])).rows)
    } finally {
      await client.query('rollback')
    }
  }
}
