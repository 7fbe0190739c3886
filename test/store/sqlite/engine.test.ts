import { expect, it } from 'vitest'
import type { Command } from '../../../src/store/group-commit.js'
import type { AcceptInput } from '../../../src/store/receiving.js'
import { Engine, type EngineResult } from '../../../src/store/sqlite/engine.js'
import { openConnection, watched } from './support/engine.js'
import { temporaryFile } from './support/temporary-file.js'

// What would be wrong without it: a sender reads `2xx` for a callback that is not there, or a batch that fails takes
// with it what has nothing to do with the failure.

const SPAWN: Command = {
  name: 'spawn',
  input: { id: 'rcv_1', token: 'token', key: 'orders', now: 0, patch: {}, reopen: false },
}

function accept(callbackId: string, changes: Partial<AcceptInput> = {}): Command {
  return {
    name: 'accept',
    input: {
      callbackId,
      receiverId: 'rcv_1',
      now: 0,
      method: 'POST',
      path: '',
      query: '',
      headers: '[]',
      body: new Uint8Array([1, 2, 3]),
      dedupeUntil: 1_000,
      content: 'good',
      capacity: 100,
      ...changes,
    },
  }
}

/** An engine whose statements fail when `failure` says so. */
async function openFailing() {
  const path = temporaryFile()
  const connection = await openConnection(path)
  const begun: string[] = []
  let failure: ((sql: string) => Error | undefined) | undefined
  const engine = new Engine(
    watched(connection, {
      onRun: sql => {
        if (sql === 'begin immediate') begun.push(sql)
        const error = failure?.(sql)
        if (error !== undefined) throw error
      },
    }),
  )
  engine.execute([SPAWN])
  begun.length = 0
  return {
    engine,
    connection,
    begun,
    failWith: (next: typeof failure) => {
      failure = next
    },
  }
}

function outcomes(results: readonly EngineResult[]): unknown[] {
  return results.map(result => (result.ok ? result.outcome : result.fault.fault))
}

function unread(engine: Engine): unknown {
  const [result] = engine.execute([{ name: 'listReceivers', input: { now: 0, limit: 10 } }])
  return result?.ok ? (result.outcome as { unread: number }[])[0]?.unread : result
}

function stored(connection: Awaited<ReturnType<typeof openConnection>>): string[] {
  return connection
    .prepare<{ id: string }>('select id from callbacks order by seq')
    .all()
    .map(row => row.id)
}

it('a command that is refused fails alone: the others of its batch are carried out, in order', async () => {
  const { engine, connection } = await openFailing()
  const results = engine.execute([accept('cb_1'), accept('cb_2', { deliveryId: 'a\0b' }), accept('cb_3')])
  expect(outcomes(results)).toEqual([{ type: 'accepted', seq: 1 }, 'refused', { type: 'accepted', seq: 2 }])
  expect(stored(connection)).toEqual(['cb_1', 'cb_3'])
  expect(unread(engine)).toBe(2)
})

it('a batch whose commit fails has told nobody anything, and is repeated command by command', async () => {
  const { engine, connection, begun, failWith } = await openFailing()
  let commits = 0
  failWith(sql => (sql === 'commit' && ++commits <= 2 ? fault(13) : undefined))
  const results = engine.execute([accept('cb_1'), accept('cb_2'), accept('cb_3')])
  expect(outcomes(results)).toEqual(['full', { type: 'accepted', seq: 1 }, { type: 'accepted', seq: 2 }])
  expect(stored(connection)).toEqual(['cb_2', 'cb_3'])
  expect(begun).toHaveLength(4)
  expect(unread(engine)).toBe(2)
})

it('after an error of input or output nothing is repeated, and nothing is told as done', async () => {
  const { engine, connection, begun, failWith } = await openFailing()
  failWith(sql => (sql === 'commit' ? fault(10) : undefined))
  expect(outcomes(engine.execute([accept('cb_1'), accept('cb_2')]))).toEqual(['io', 'io'])
  expect(begun).toHaveLength(1)
  expect(stored(connection)).toEqual([])
})

it('after an error of input or output in a repetition none of the commands behind it is carried out', async () => {
  const { engine, connection, begun, failWith } = await openFailing()
  // The batch is repeated; the first command's own commit goes well, the second's does not.
  const codes = [13, undefined, 10]
  failWith(sql => {
    const code = sql === 'commit' ? codes.shift() : undefined
    return code === undefined ? undefined : fault(code)
  })
  const results = engine.execute([accept('cb_1'), accept('cb_2'), accept('cb_3'), accept('cb_4')])
  expect(outcomes(results)).toEqual([{ type: 'accepted', seq: 1 }, 'io', 'io', 'io'])
  expect(begun).toHaveLength(3)
  expect(stored(connection)).toEqual(['cb_1'])
})

it('when the engine ends the transaction by itself, nothing that comes after is carried out outside of one', async () => {
  const { engine, connection, failWith } = await openFailing()
  let inserts = 0
  failWith(sql => {
    if (!sql.includes('insert into callbacks') || ++inserts !== 2) return undefined
    connection.exec('rollback')
    return fault(13)
  })
  const results = engine.execute([accept('cb_1'), accept('cb_2'), accept('cb_3')])
  // Repeated one by one, all of them fit.
  expect(outcomes(results)).toEqual([1, 2, 3].map(seq => ({ type: 'accepted', seq })))
  expect(stored(connection)).toEqual(['cb_1', 'cb_2', 'cb_3'])
  expect(unread(engine)).toBe(3)
  expect(connection.inTransaction).toBe(false)
})

it('commands that only read need no transaction', async () => {
  const { engine, begun } = await openFailing()
  engine.execute([
    { name: 'findReceiver', input: { token: 'token', now: 0 } },
    { name: 'countDue', input: { now: 0 } },
    { name: 'news', input: { now: 0, receiverIds: ['rcv_1'], deliveryIds: [], callbackIds: [], runIds: [] } },
  ])
  expect(begun).toEqual([])
})

/** An error as both drivers give it. */
function fault(code: number): Error {
  return Object.assign(new Error('as SQLite says it'), { errcode: code, rawCode: code })
}
