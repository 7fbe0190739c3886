// A report every day: each run starts the next one, so that none grows. Run it: node examples/recurring.mjs

import { CallbackServer } from 'longline'
import { isMain } from './support/is-main.mjs'

/** @typedef {{ day: number, at: Date }} Due */

/**
 * @param {CallbackServer} server
 * @param {{ write: (line: string) => void, last?: number, dayMs?: number }} options
 */
export function declare(server, { write, last = Number.POSITIVE_INFINITY, dayMs = 24 * 60 * 60 * 1_000 }) {
  /** @type {import('longline').Workflow<Due, string | undefined>} */
  const report = server.workflow('report', async (run, /** @type {Due} */ { day, at }) => {
    // First of all: the next one comes even if this one fails. It is started once, however often this is entered.
    const due = { day: day + 1, at: new Date(at.getTime() + dayMs) }
    const next = day < last ? await run.start('next', report, due, { after: due.at }) : undefined

    await run.step('write', () => write(`the report of day ${day}`))
    return next?.key
  })
  return report
}

async function main() {
  const server = await CallbackServer.listen({ port: 0, store: 'memory:' })
  const report = declare(server, { write: console.log, last: 3, dayMs: 200 }) // so that you need not wait

  // At every start of the program; the key is known after the first.
  for (const _ of ['once', 'again']) await report.start('first', { day: 1, at: new Date() })

  /** @type {string | undefined} */
  let key = 'first'
  while (key !== undefined) key = await (await report.get(key))?.result()

  let done = 0
  for await (const _ of report.runs({ status: 'done' })) done++
  console.log(`${done} runs are done`)
  await server.close()
}

if (isMain(import.meta)) await main()
