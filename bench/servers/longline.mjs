// A callback server on a file, with as many receivers as asked for.

import { CallbackServer } from 'longline'
import { answerRunner, readTask, reportProgress } from '../support/child.mjs'

const SPAWNED_TOGETHER = 512
const PATHS_TOLD = 64

/** @type {{ file: string, receivers: number }} */
const task = readTask()

const server = await CallbackServer.listen({ store: task.file, port: 0 })
const startedAt = performance.now()
const paths = await spawnAll()
const tookMs = performance.now() - startedAt

answerRunner({ port: Number(new URL(server.url).port), paths, tookMs }, { held }, () =>
  server.close({ grace: 0 }),
)

async function spawnAll() {
  /** @type {string[]} */
  const told = []
  let next = 0
  const spawnOn = async () => {
    while (next < task.receivers) {
      const index = next
      next += 1
      const { url } = await server.spawn(`bench/${index}`, { capacity: 1_000_000_000 })
      if (told.length < PATHS_TOLD) told.push(new URL(url).pathname)
      if (next % 10_000 === 0) reportProgress(`${next} of ${task.receivers} receivers`)
    }
  }
  await Promise.all(Array.from({ length: Math.min(SPAWNED_TOGETHER, task.receivers) }, spawnOn))
  return told
}

async function held() {
  let sum = 0
  for await (const { unread } of server.receivers({ state: 'open' })) sum += unread
  return sum
}
