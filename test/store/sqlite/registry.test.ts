import { expect, it } from 'vitest'
import type { Connection } from '../../../src/store/sqlite/driver.js'
import { Engine } from '../../../src/store/sqlite/engine.js'
import type { CommandName, Input } from '../../../src/store/store.js'
import { openConnection } from './support/engine.js'

/** The same connection, counting the rows that lists have. */
function counted(connection: Connection): { readonly connection: Connection; readonly rows: () => number } {
  let rows = 0
  return {
    rows: () => rows,
    connection: new Proxy(connection, {
      get(target, name: keyof Connection) {
        if (name !== 'prepare') return target[name]
        return <Row>(sql: string, blobs?: readonly (keyof Row & string)[]) => {
          const statement = target.prepare<Row>(sql, blobs)
          return {
            ...statement,
            all: (...values: Parameters<typeof statement.all>) => {
              const found = statement.all(...values)
              rows += found.length
              return found
            },
          }
        }
      },
    }),
  }
}

it('a page of receivers that lost their node costs the same however many there are', async () => {
  const { connection, rows } = counted(await openConnection())
  const engine = new Engine(connection)
  const run = <N extends CommandName>(name: N, input: Input<N>) => {
    const [result] = engine.execute([{ name, input } as Parameters<Engine['execute']>[0][number]])
    if (!result?.ok) throw new Error(result?.fault.detail)
    return result.outcome
  }
  run('join', { node: 'a', now: 0, leaseMs: 1_000 })
  for (let index = 0; index < 2_000; index++) {
    const id = `rcv_${String(index).padStart(5, '0')}`
    run('spawn', { id, token: `token-${index}`, epoch: 1, now: 0, patch: {}, reopen: false })
  }
  const ask = { now: 2_000, limit: 10, after: 'rcv_00999' }
  for (const [state, count] of [
    ['closed', 10],
    ['open', 0],
    ['expired', 0],
  ] as const) {
    const before = rows()
    expect(run('listReceivers', { ...ask, state })).toHaveLength(count)
    expect(rows() - before).toBeLessThan(25)
  }
  connection.close()
})
