import { InvalidOptionsError } from '../../errors.js'
import type { JoinedCommands, Transaction } from '../joining.js'
import type { CommandName, Input, Outcome } from '../store.js'
import { quoted } from './names.js'
import { fromWire, toWire } from './wire.js'

/** The commands that can be part of a transaction of the caller's, on his connection. */
export function joinTransaction(transaction: Transaction, schema: string): JoinedCommands {
  const statement = `select ${quoted(schema)}.within_transaction($1::jsonb) as outcome`
  const carryOut = async <N extends CommandName>(name: N, input: Input<N>): Promise<Outcome<N>> => {
    const { rows } = await transaction.query(statement, [toWire({ name, input })])
    return fromWire(name, outcomeOf(rows), input)
  }
  return {
    send: input => carryOut('send', input),
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
