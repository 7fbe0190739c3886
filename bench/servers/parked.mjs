// A server whose runs only wait: each for a callback of its own, for at most a day.

import { CallbackServer } from 'longline'
import { answerRunner, readTask, reportProgress } from '../support/child.mjs'

const STARTED_TOGETHER = 256

/** @type {{ file: string, runs: number }} */
const task = readTask()

const server = await CallbackServer.listen({ store: task.file, port: 0 })
const waiting = server.workflow('waiting', async (run, /** @type {number} */ index) => {
  const receiver = await run.spawn('answer')
  await receiver.next({ timeout: '1d' })
  return index
})
const startedAt = performance.now()
await startAll()
const tookMs = performance.now() - startedAt

answerRunner({ tookMs }, { parked }, () => server.close({ grace: 0 }))

async function startAll() {
  let next = 0
  const startOn = async () => {
    while (next < task.runs) {
      const index = next
      next += 1
      await waiting.start(`run/${index}`, index)
      if (next % 1_000 === 0) reportProgress(`${next} of ${task.runs} runs`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(STARTED_TOGETHER, task.runs) }, startOn))
}

async function parked() {
  let count = 0
  for await (const _ of waiting.runs({ status: 'parked' })) count += 1
  return count
}
