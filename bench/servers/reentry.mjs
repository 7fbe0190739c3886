// A run that fails and is entered again at once, as often as asked for. It has finished its steps in its first entry.

import { CallbackServer } from 'longline'
import { answerRunner, readTask } from '../support/child.mjs'

/**
 * What each entry but the first took.
 *
 * @typedef {{ passingMs: readonly number[], passingCpuMs: readonly number[], apartMs: readonly number[] }} Entries
 */

const MADE_TOGETHER = 500

/** @type {{ file: string, steps: number, passes: boolean, entries: number }} */
const task = readTask()

const silent = { debug: nothing, info: nothing, warn: nothing, error: nothing }
const server = await CallbackServer.listen({ store: task.file, port: 0, logger: silent })
/** @type {number[]} */
const passingMs = []
/** @type {number[]} */
const passingCpuMs = []
/** @type {number[]} */
const apartMs = []
let enteredAt = 0

const again = server.workflow(
  'again',
  { retry: { attempts: task.entries + 2, delay: 0 } },
  async (run, /** @type {string} */ name) => {
    const startedAt = performance.now()
    if (run.attempt > 2) apartMs.push(startedAt - enteredAt)
    enteredAt = startedAt
    if (run.attempt === 1) await make(run)
    else if (task.passes) {
      const before = process.cpuUsage()
      await pass(run)
      passingMs.push(performance.now() - startedAt)
      const { user, system } = process.cpuUsage(before)
      passingCpuMs.push((user + system) / 1000)
    }
    if (run.attempt < task.entries + 2) throw new Error('once more')
    return name
  },
)

answerRunner({}, { entries }, () => server.close({ grace: 0 }))

/** @returns {Promise<Entries>} */
async function entries() {
  const run = await again.start('run', 'run')
  await run.result()
  return { passingMs, passingCpuMs, apartMs }
}

/** @param {import('longline').Run} run */
async function make(run) {
  for (let made = 0; made < task.steps; made += MADE_TOGETHER) {
    const count = Math.min(MADE_TOGETHER, task.steps - made)
    await Promise.all(
      Array.from({ length: count }, (_, index) => run.step(`step/${made + index}`, async () => made + index)),
    )
  }
}

/** @param {import('longline').Run} run */
async function pass(run) {
  for (let index = 0; index < task.steps; index += 1) {
    const value = await run.step(`step/${index}`, async () => -1)
    if (value !== index) throw new TypeError(`step ${index} gave ${value}`)
  }
}

function nothing() {}
