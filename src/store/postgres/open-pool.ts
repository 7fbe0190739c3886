import { InvalidOptionsError } from '../../errors.js'
import type { OpenedPool } from './create-postgres.js'

/** How many connections a node has: one works, one listens, and the others are for what must not wait. */
const MOST_CONNECTIONS = 5

/**
 * A pool of the store's own.
 *
 * @throws InvalidOptionsError where `pg` is not installed.
 */
export async function openPool(url: string): Promise<OpenedPool> {
  const { default: pg } = await importPg()
  const pool = new pg.Pool({
    connectionString: url,
    max: MOST_CONNECTIONS,
    connectionTimeoutMillis: 5_000,
    keepAlive: true,
    application_name: 'longline',
  })
  return { pool, end: () => pool.end() }
}

async function importPg(): Promise<typeof import('pg')> {
  try {
    return await import('pg')
  } catch (cause) {
    throw new InvalidOptionsError('A store at postgres:// needs the package pg: npm install pg', { cause })
  }
}
