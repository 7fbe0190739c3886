// Do the tables grow with what has passed through them, or only with what they hold? Callbacks are accepted, handed out,
// acknowledged and let go of, and now and then it is measured how much room they take up.

import pg from 'pg'
import { readSizes, sum } from './sizes.mjs'
import { Traffic } from './traffic.mjs'

const SENDERS = 512

/**
 * @param {object} task
 * @param {string} task.url of a Postgres server
 * @param {string} task.schema of one's own
 * @param {number} task.callbacks
 * @param {number} task.every so many of them there is a mark
 * @param {import('./traffic.mjs').Pace} task.pace
 * @param {boolean} [task.vacuums] at each mark, rather than leaving it to the server
 * @param {(mark: import('./sizes.mjs').Mark, pool: pg.Pool) => Promise<void> | void} [task.onMark]
 * @returns {Promise<import('./sizes.mjs').Mark[]>}
 */
export async function soak({ url, schema, callbacks, every, pace, vacuums = false, onMark = () => {} }) {
  const pool = new pg.Pool({ connectionString: url, max: 2 })
  /** @type {import('./sizes.mjs').Mark[]} */
  const marks = []
  let [begun, passed, since] = [0, 0, performance.now()]

  const mark = async () => {
    const at = passed
    const perSecond = (every * 1000) / (performance.now() - since)
    since = performance.now()
    if (vacuums) await vacuum(pool, schema)
    const sizes = await readSizes(pool, schema)
    const made = { callbacks: at, perSecond, sizes, total: sum(sizes) }
    marks.push(made)
    await onMark(made, pool)
  }

  const traffic = await Traffic.open(url, schema, pace)
  const sender = async () => {
    while (begun < callbacks) {
      await traffic.pass(++begun)
      passed++
      if (passed % every === 0) await mark()
    }
  }
  try {
    await Promise.all(Array.from({ length: SENDERS }, sender))
    return marks
  } finally {
    await traffic.close()
    await pool.query(`drop schema ${schema} cascade`)
    await pool.end()
  }
}

/** @param {pg.Pool} pool @param {string} schema */
async function vacuum(pool, schema) {
  const { rows } = await pool.query(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = $1`,
    [schema],
  )
  await pool.query(`vacuum ${rows.map(({ name }) => name).join()}`)
}
