// node bench/plans.mjs [--rows 1000000] [--statements]
//
// How does Postgres find what each statement of the store is about, when every table is large? Fills the tables, goes through
// what a store is asked all day, and prints for each function what it looked at. With `--statements`, statement by statement.
// A statement that looks at what is none of its business is an error.

import { parseArgs } from 'node:util'
import { NOT_DURABLE, startPostgres } from '../scripts/postgres.mjs'
import { loadTypeScript } from './support/typescript.mjs'

/** As of a server that has the memory for what it is asked, and is filled in a hurry. */
const FLAGS = ['-c', 'shared_buffers=4GB', '-c', 'max_wal_size=16GB', '-c', 'synchronous_commit=off']

const { values } = parseArgs({
  options: { rows: { type: 'string', default: '1000000' }, statements: { type: 'boolean', default: false } },
})
const rows = Number(values.rows)
if (!(rows >= 3_000)) {
  console.error(`--rows is ${values.rows}: a number, 3000 or more`)
  process.exit(2)
}

const server = await startPostgres([...NOT_DURABLE, ...FLAGS])
process.env.LONGLINE_TEST_POSTGRES = server.url
try {
  const { measurePlans } = await loadPlans()
  const plans = await measurePlans(rows, what => console.error(what))
  console.log(`${rows} rows of each kind, ${(plans.size / 1024 ** 3).toFixed(1)} GiB with the indexes\n`)
  if (values.statements) for (const statement of plans.statements) printStatement(statement)
  printFunctions(plans.statements)
  console.log(`\n${plans.statements.length} statements look at a table`)
  for (const { statement, table, how, rows: seen } of plans.wrong) {
    console.error(`${how} on ${table} looks at ${seen} rows: ${statement}`)
  }
  if (plans.wrong.length > 0) process.exitCode = 1
  else console.log('none of them reads one through')
} finally {
  await server.remove()
}

/** @returns {Promise<typeof import('./support/plans.js')>} */
function loadPlans() {
  return loadTypeScript('bench/support/plans.ts')
}

/** @param {import('./support/plans.js').Planned} statement */
function printStatement({ within, text, times, scans, mostPages, medianMs, mostMs }) {
  console.log(`${within || '(sent)'}: ${text}`)
  console.log(`  ${scans.join(', ')}`)
  console.log(`  ${times} times, at most ${mostPages} pages, ${toMs(medianMs)} ms, at most ${toMs(mostMs)}\n`)
}

/** @param {readonly import('./support/plans.js').Planned[]} statements */
function printFunctions(statements) {
  /** @type {Map<string, import('./support/plans.js').Planned[]>} */
  const functions = new Map()
  for (const each of statements) functions.set(each.within, [...(functions.get(each.within) ?? []), each])
  console.log(
    '| function | statements | indexes | most pages | ms, median of the slowest | most |\n|---|---|---|---|---|---|',
  )
  for (const [name, within] of functions) {
    const scans = [...new Set(within.flatMap(each => each.scans))].sort()
    const pages = Math.max(...within.map(({ mostPages }) => mostPages))
    const median = Math.max(...within.map(({ medianMs }) => medianMs))
    const most = Math.max(...within.map(({ mostMs }) => mostMs))
    const cells = [
      `\`${name || '(sent)'}\``,
      within.length,
      scans.map(scan => `\`${scan}\``).join(', '),
      pages,
    ]
    console.log(`| ${[...cells, toMs(median), toMs(most)].join(' | ')} |`)
  }
}

/** @param {number} ms */
function toMs(ms) {
  return ms.toFixed(2)
}
