// `npm run soak -- [--callbacks 1000000] [--store postgres]`: passes callbacks through two nodes and says, ten times, how
// much room the tables take up. Ends with 1 where they grow with what has passed. `--store` may be the URL of a server;
// otherwise there is one of our own, as it comes but for waiting for the disk.

import { parseArgs } from 'node:util'
import { NOT_DURABLE, startPostgres } from '../../scripts/postgres.mjs'
import { grown, toCount, toMiB, toTable } from './sizes.mjs'
import { soak } from './soak.mjs'

const SLACK = 1024 * 1024

/** What the server believes, and how often it has vacuumed by itself. */
const ROWS = `
select relname as name, n_live_tup as live, n_dead_tup as dead, autovacuum_count as vacuums
  from pg_stat_user_tables
 where schemaname = $1 and (n_live_tup > 0 or n_dead_tup > 0) and relname <> 'schema_version'
 order by relname`

const { values } = parseArgs({
  options: {
    callbacks: { type: 'string', default: '1000000' },
    store: { type: 'string', default: 'postgres' },
  },
})
const callbacks = Number(values.callbacks)
const isUrl = /^postgres(ql)?:\/\//.test(values.store)
if (!(callbacks >= 1_000)) fail(`--callbacks is ${values.callbacks}: a number, 1000 or more`)
if (!isUrl && values.store !== 'postgres') {
  fail(`--store is ${values.store}: 'postgres', or the URL of a server`)
}

const server = isUrl ? undefined : await startPostgres(NOT_DURABLE)
try {
  const marks = await soak({
    url: server?.url ?? values.store,
    schema: 'longline_soak',
    callbacks,
    every: Math.floor(callbacks / 10),
    pace: { retentionMs: 5_000, sweepMs: 1_000, concurrency: 128, keylessEvery: 50 },
    onMark: async ({ callbacks: passed, perSecond, total }, pool) => {
      const { rows } = await pool.query(ROWS, ['longline_soak'])
      const tables = rows.map(
        ({ name, live, dead, vacuums }) => `${name} ${live} + ${dead} dead (${vacuums})`,
      )
      console.log(
        `${toCount(passed)} passed, ${toCount(perSecond)}/s, ${toMiB(total)} MiB: ${tables.join(', ')}`,
      )
    },
  })
  console.log(`\n${toTable(marks)}\n`)
  const names = grown(marks, SLACK)
  if (names.length === 0)
    console.log(
      'level: nothing was half as large again in the last third, by its median, as it ever was in the first',
    )
  else fail(`growing: ${names.join(', ')}`)
} finally {
  await server?.remove()
}

/** @param {string} message */
function fail(message) {
  console.error(`soak: ${message}`)
  process.exitCode = 1
}
