// Sends to a hundred endpoints, the same number of messages to each, and says how long those to ninety-nine of them took.
// The last one can be dead: it takes a connection and never answers.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { CallbackServer } from 'longline'
import { answerRunner, readTask } from '../support/child.mjs'
import { Histogram } from '../support/statistics.mjs'

const ENDPOINTS = 100

/** @type {{ store: string, perSecond: number, warmupMs: number, measuredMs: number }} */
const task = readTask()

let isDead = false
/** @type {Map<string, (now: number) => void>} */
const waiting = new Map()
const farSide = createServer((request, response) => {
  if (isDead && request.url === '/99') return
  request.resume().on('end', () => {
    waiting.get(String(request.headers['x-number']))?.(performance.now())
    response.writeHead(204).end()
  })
})
farSide.listen(0, '127.0.0.1')
await once(farSide, 'listening')
const address = farSide.address()
const port = address !== null && typeof address === 'object' ? address.port : 0

const server = await CallbackServer.listen({ store: task.store, port: 0 })
const endpoints = Array.from({ length: ENDPOINTS }, (_, n) =>
  server.endpoint(`endpoint-${n}`, { url: `http://127.0.0.1:${port}/${n}` }),
)

let number = 0

/** From the call of `send` until the endpoint has the request, one message after the other at a fixed rate. */
async function measure() {
  const durations = new Histogram()
  const startAt = performance.now() + task.warmupMs
  const endAt = startAt + task.measuredMs
  const pending = new Set()
  for (let n = 0, at = performance.now(); at < endAt; n += 1, at += 1000 / task.perSecond) {
    const now = performance.now()
    if (at > now) await setTimeout(at - now)
    const place = n % ENDPOINTS
    const name = String(number++)
    const sentAt = performance.now()
    const arrived = new Promise(resolve => {
      waiting.set(name, resolve)
    })
    void endpoints[place]?.send({ body: { n }, headers: { 'x-number': name } })
    if (place === ENDPOINTS - 1) continue
    const whole = arrived.then(arrivedAt => {
      waiting.delete(name)
      pending.delete(whole)
      if (sentAt >= startAt) durations.add(Number(arrivedAt) - sentAt)
    })
    pending.add(whole)
  }
  await Promise.all(pending)
  return { p50: durations.quantile(0.5), p99: durations.quantile(0.99) }
}

answerRunner(
  {},
  {
    healthy: measure,
    dead: () => {
      isDead = true
      return measure()
    },
  },
  async () => {
    farSide.closeAllConnections()
    farSide.close()
    await server.close({ grace: 0 })
  },
)
