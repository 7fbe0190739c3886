// The same with pg-boss: a job for each message, and workers that `fetch`. pg-boss asks for jobs at most twice a second for
// each worker, so each takes many at a time, and there are several.

import PgBoss from 'pg-boss'
import { answerRunner, readTask } from '../support/child.mjs'
import { sendAll } from '../support/deliveries.mjs'

const WORKERS = 4
const BATCH = 1_000
const AT_ONCE = 64

/** @type {{ databaseUrl: string, partner: string, count: number }} */
const task = readTask()
const boss = new PgBoss(task.databaseUrl)
await boss.start()
await boss.createQueue('messages')

let ended = 0
/** @type {() => void} */
let onEnded = () => undefined

for (let worker = 0; worker < WORKERS; worker += 1) {
  await boss.work('messages', { batchSize: BATCH, pollingIntervalSeconds: 0.5 }, async jobs => {
    const left = [...jobs]
    const work = async () => {
      for (let job = left.pop(); job !== undefined; job = left.pop()) await post(job.data)
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    ended += jobs.length
    // They are recorded as done when this has returned.
    setImmediate(() => onEnded())
  })
}

/** @param {number} count */
async function deliver(count) {
  ended = 0
  const all = new Promise(resolve => {
    onEnded = () => ended === count && resolve(undefined)
  })
  return await sendAll(count, body => boss.send('messages', body), all)
}

/** @param {unknown} body */
async function post(body) {
  const answer = await fetch(task.partner, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  await answer.arrayBuffer()
  if (!answer.ok) throw new Error(`the endpoint answered ${answer.status}`)
}

await deliver(Math.ceil(task.count / 10)) // warm
answerRunner({}, { delivered: () => deliver(task.count) }, () => boss.stop({ graceful: false }))
