import type pg from 'pg'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import { utf8 } from '../../../src/core/bytes.js'
import { InvalidOptionsError, StoreUnavailableError } from '../../../src/errors.js'
import type { Transaction } from '../../../src/model/joining.js'
import type { JoinedCommands } from '../../../src/store/joining.js'
import type { StoreSession } from '../../../src/store/store.js'
import { makeSchema, newSchema, storeIn, testPool } from './support/schema.js'

// The bugs: a message that is sent although the transaction was rolled back, a key that has two messages, and a transaction
// of the caller's that is spoilt because of a key that was there.

const NOW = Date.UTC(2026, 0, 1)
const schema = newSchema()
let session: StoreSession
let made = 0

beforeAll(async () => {
  await makeSchema(schema)
  session = await storeIn(schema).open()
})
afterAll(() => session.close())

describe.each([
  ['a message', { one: sendOne, isThere: isMessageThere }],
  ['a run', { one: startOne, isThere: isRunThere }],
] as const)('%s within a transaction', (_, { one, isThere }) => {
  it('is there once the transaction has committed', async () => {
    const { client, commands, commit } = await begin()
    const { id, created } = await one(commands, 'committed')
    expect(created).toBe(true)
    expect(await isThere(id)).toBe(false)
    await commit()
    expect(await isThere(id)).toBe(true)
    expect(await isUsable(client)).toBe(true)
  })

  it('never was when the transaction is rolled back, and its key is free', async () => {
    const { client, commands } = await begin()
    const { id } = await one(commands, 'rolled back')
    await client.query('rollback')
    expect(await isThere(id)).toBe(false)
    expect(await one(session, 'rolled back')).toMatchObject({ created: true })
  })

  it('is the one that its key has, in the same transaction and in a later one', async () => {
    const first = await begin()
    const { id } = await one(first.commands, 'repeated')
    expect(await one(first.commands, 'repeated')).toEqual({ id, created: false })
    await first.commit()
    const second = await begin()
    expect(await one(second.commands, 'repeated')).toEqual({ id, created: false })
    await second.commit()
    expect(await one(session, 'repeated')).toEqual({ id, created: false })
  })

  it('waits for a transaction that has its key, and is that one when it commits', async () => {
    const [first, second] = [await begin(), await begin()]
    const { id } = await one(first.commands, 'beside')
    const waiting = one(second.commands, 'beside')
    await isWaiting(second.pid)
    await first.commit()
    expect(await waiting).toEqual({ id, created: false })
    await second.commit()
  })

  it('waits for a transaction that has its key, and is its own when that is rolled back', async () => {
    const [first, second] = [await begin(), await begin()]
    await one(first.commands, 'beside in vain')
    const waiting = one(second.commands, 'beside in vain')
    await isWaiting(second.pid)
    await first.client.query('rollback')
    const { id, created } = await waiting
    expect(created).toBe(true)
    await second.commit()
    expect(await isThere(id)).toBe(true)
  })

  it.each(['repeatable read', 'serializable'])(
    'under %s is the one that its key has had since the transaction began, which goes on',
    async level => {
      const { client, commands, commit } = await begin(level)
      const { id } = await one(session, `under ${level}`)
      expect(await one(commands, `under ${level}`)).toEqual({ id, created: false })
      const own = await one(commands, `own under ${level}`)
      expect(own.created).toBe(true)
      expect(await isUsable(client)).toBe(true)
      await commit()
      expect(await isThere(own.id)).toBe(true)
    },
  )

  it.each(['repeatable read', 'serializable'])(
    'under %s waits for a transaction that has its key, and is that one',
    async level => {
      const [first, second] = [await begin(), await begin(level)]
      const { id } = await one(first.commands, `beside under ${level}`)
      const waiting = one(second.commands, `beside under ${level}`)
      await isWaiting(second.pid)
      await first.commit()
      expect(await waiting).toEqual({ id, created: false })
      await second.commit()
    },
  )

  it('under repeatable read is to be done again when the one that its key had is gone', async () => {
    const { client, commit } = await begin('repeatable read')
    await client.query('select 1 from pg_class limit 1')
    await one(session, 'swept')
    const commands = join({
      query: async (text, values) => {
        const answer = await client.query(text, values)
        await testPool().query(`delete from ${schema}.messages; delete from ${schema}.runs`)
        return answer
      },
    })
    await expect(one(commands, 'swept')).rejects.toThrow(StoreUnavailableError)
    await commit()
    expect(await one(session, 'swept')).toMatchObject({ created: true })
  })
})

describe('a transaction of the caller', () => {
  it('that cannot be committed, and holds the key itself, is told to begin anew, and not waited for', async () => {
    const { client, commit } = await begin('serializable')
    const doomed = join({
      query: async (text, values) => {
        await client.query(text, values)
        return { rows: [{ outcome: { type: 'unseen' } }] }
      },
    })
    await expect(sendOne(doomed, 'doomed')).rejects.toThrow(/^Postgres did not carry the command out/)
    await commit()
  })

  it('goes on when a key has a message to another target', async () => {
    await session.send(message('conflict', 'endpoint:app'))
    const { client, commands, commit } = await begin()
    expect(await commands.send(message('conflict', 'endpoint:other'))).toEqual({
      type: 'conflict',
      lane: 'endpoint:app',
    })
    expect(await isUsable(client)).toBe(true)
    await commit()
  })

  it('needs no more rights than to look and to insert', async () => {
    const role = `${schema}_app`
    await testPool().query(
      `create role ${role}; grant usage on schema ${schema} to ${role}; grant select, insert on all tables in schema ${schema} to ${role}`,
    )
    const { client, commands, commit } = await begin()
    await client.query(`set local role ${role}`)
    expect(await sendOne(commands, 'rights')).toMatchObject({ created: true })
    expect(await startOne(commands, 'rights')).toMatchObject({ created: true })
    await commit()
    await testPool().query(`drop owned by ${role}; drop role ${role}`)
  })

  it('holds others up for a second at most, who learn that they may try again', async () => {
    const { commands, commit } = await begin()
    const { id } = await sendOne(commands, 'held')
    await expect(sendOne(session, 'held')).rejects.toThrow(StoreUnavailableError)
    await commit()
    expect(await sendOne(session, 'held')).toEqual({ id, created: false })
  })

  it('may be reached by a driver that hands JSON out as it is written', async () => {
    const { client, commit } = await begin()
    const commands = join({
      query: async (text, values) => {
        const { rows } = await client.query<{ outcome: unknown }>(text, values)
        return { rows: rows.map(({ outcome }) => ({ outcome: JSON.stringify(outcome) })) }
      },
    })
    expect(await sendOne(commands, 'as text')).toMatchObject({ created: true })
    await commit()
  })

  it.each([
    ['rows', [{ outcome: {} }]],
    ['no rows', { rows: [] }],
    ['rows of something else', { rows: [7] }],
  ])('that answers with %s is refused', async (_, answer) => {
    const commands = join({ query: async () => answer as { rows: unknown[] } })
    await expect(sendOne(commands, 'odd')).rejects.toThrow(InvalidOptionsError)
  })

  it('tells of an error of its own in its own words', async () => {
    const { client, commands } = await begin()
    await expect(client.query('select 1 / 0')).rejects.toMatchObject({ code: '22012' })
    await expect(sendOne(commands, 'aborted')).rejects.toMatchObject({ code: '25P02' })
    await client.query('rollback')
  })
})

interface Opened {
  readonly client: pg.PoolClient
  readonly pid: number
  readonly commands: JoinedCommands
  commit(): Promise<unknown>
}

async function begin(level = 'read committed'): Promise<Opened> {
  const client = await testPool().connect()
  onTestFinished(async () => {
    await client.query('rollback')
    client.release()
  })
  await client.query(`begin isolation level ${level}`)
  const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid')
  return {
    client,
    pid: rows[0]?.pid ?? 0,
    commands: join(client),
    commit: () => client.query('commit'),
  }
}

function join(transaction: Transaction): JoinedCommands {
  if (session.within === undefined) throw new Error('this store cannot be joined')
  return session.within(transaction)
}

function message(key: string, lane: 'endpoint:app' | 'endpoint:other' = 'endpoint:app') {
  made++
  const facts = {
    method: 'POST',
    path: '',
    query: '',
    headers: [],
    body: utf8('{}'),
    createdAt: NOW,
  } as const
  return {
    message: { id: `msg_${made}`, key, lane, ...facts },
    deliveryId: `dlv_${made}`,
    dueAt: NOW,
    deadlineAt: NOW + 1_000,
  }
}

interface Made {
  readonly id: string
  readonly created: boolean
}

async function sendOne({ send }: Pick<JoinedCommands, 'send'>, key: string): Promise<Made> {
  const outcome = await send(message(key))
  if (outcome.type !== 'sent') throw new Error(`'${key}' was not sent`)
  return { id: outcome.deliveryId, created: outcome.created }
}

async function startOne({ startRun }: Pick<JoinedCommands, 'startRun'>, key: string): Promise<Made> {
  made++
  const outcome = await startRun({
    runId: `run_${made}`,
    workflow: 'w',
    key,
    input: utf8('1'),
    dueAt: NOW,
    now: NOW,
  })
  if (outcome.type !== 'started') throw new Error(`'${key}' was not started`)
  return { id: outcome.run.id, created: outcome.created }
}

async function isMessageThere(deliveryId: string): Promise<boolean> {
  return (await session.findDelivery({ deliveryId })) !== undefined
}

async function isRunThere(runId: string): Promise<boolean> {
  return (await session.findRun({ runId })) !== undefined
}

/** Whether its transaction can go on. */
async function isUsable(client: pg.PoolClient): Promise<boolean> {
  return (await client.query('select 1')).rows.length === 1
}

/** Resolves when that connection waits for another. */
async function isWaiting(pid: number): Promise<void> {
  const { rows } = await testPool().query<{ waits: boolean }>(
    'select cardinality(pg_blocking_pids($1)) > 0 as waits',
    [pid],
  )
  if (rows[0]?.waits !== true) await isWaiting(pid)
}
