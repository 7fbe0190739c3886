import pg from 'pg'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../../src/core/clock.js'
import { Connections } from '../../../src/store/postgres/connections.js'
import type { Client } from '../../../src/store/postgres/pool.js'

const BOUNDS = { connectMs: 200, queryMs: 200 }

let pool: pg.Pool
let connections: Connections

beforeEach(() => {
  pool = new pg.Pool({ connectionString: process.env.LONGLINE_TEST_POSTGRES, max: 1 })
  connections = new Connections(pool, systemClock, BOUNDS)
})

afterEach(() => pool.end())

const backend = async (client: { query: Client['query'] }) =>
  (await client.query('select pg_backend_pid() as pid')).rows[0]?.pid

it('waits for a full pool no longer than its bound, and gives back what comes too late', async () => {
  const taken = await pool.connect()
  await expect(connections.query('select 1')).rejects.toThrow('connecting to Postgres took longer than')
  taken.release()
  expect((await connections.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})

it('waits for an answer no longer than its bound, and never uses that connection again', async () => {
  const before = await connections.use(backend)
  await expect(connections.query('select pg_sleep(60)')).rejects.toThrow('Postgres took longer than')
  expect(await connections.use(backend)).not.toBe(before)
})

it('uses a connection again whose statement was refused', async () => {
  const before = await connections.use(backend)
  await expect(connections.query('select 1 / 0')).rejects.toThrow('division by zero')
  expect(await connections.use(backend)).toBe(before)
})

it('survives a connection that is cut while it is used, and takes another one', async () => {
  const cut = connections.use(async client => {
    const pid = await backend(client)
    const other = new pg.Client({ connectionString: process.env.LONGLINE_TEST_POSTGRES })
    await other.connect()
    await other.query('select pg_terminate_backend($1)', [pid])
    await other.end()
    return await client.query('select 1')
  })
  await expect(cut).rejects.toThrow()
  expect((await connections.query('select 1 as one')).rows).toEqual([{ one: 1 }])
})
