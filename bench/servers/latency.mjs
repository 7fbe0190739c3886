// Poster and receiver in one process, over a keep-alive connection on loopback, one callback at a time.

import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { CallbackServer } from 'longline'
import { answerRunner, readTask } from '../support/child.mjs'
import { openPoster } from '../support/poster.mjs'
import { quantile } from '../support/statistics.mjs'

/** @typedef {{ p50: number, p99: number }} Quantiles in ms */
/** @typedef {{ toNext?: Quantiles, toAnswer: Quantiles }} LatencyResult */

/** @type {{ file?: string, warmup: number, samples: number }} without a file it is the bare route */
const task = readTask()

if (task.file === undefined) measureBare()
else await measureLongline(task.file)

/** @param {string} file */
async function measureLongline(file) {
  const server = await CallbackServer.listen({ store: file, port: 0 })
  const receiver = await server.spawn('bench/latency')
  const { port, pathname } = new URL(receiver.url)
  const poster = await openPoster(Number(port), pathname)

  const latency = async () => {
    /** @type {number[]} */
    const toNext = []
    const toAnswer = await sample(poster, async sentAt => {
      const callback = await receiver.next()
      toNext.push(performance.now() - sentAt)
      return () => callback.ack()
    })
    return { toNext: toQuantiles(toNext), toAnswer: toQuantiles(toAnswer) }
  }
  answerRunner({}, { latency }, async () => {
    poster.close()
    await server.close({ grace: 0 })
  })
}

function measureBare() {
  const app = new Hono()
  app.post('/r/:token', async context => {
    await context.req.text()
    return context.body(null, 202)
  })
  serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, async ({ port }) => {
    const poster = await openPoster(port, '/r/tttttttttttttttttttttt')
    const latency = async () => ({
      toAnswer: toQuantiles(await sample(poster, async () => async () => undefined)),
    })
    answerRunner({}, { latency })
  })
}

/**
 * Posts one after the other. `receive` waits for the callback and gives back what is to be done after the clock stopped.
 *
 * @param {Awaited<ReturnType<typeof openPoster>>} poster
 * @param {(sentAt: number) => Promise<() => Promise<void>>} receive
 * @returns {Promise<number[]>} POST sent to answer read, in ms
 */
async function sample(poster, receive) {
  /** @type {number[]} */
  const toAnswer = []
  for (let round = 0; round < task.warmup + task.samples; round += 1) {
    const sentAt = performance.now()
    const answered = poster.post().then(status => {
      if (status !== 202) throw new Error(`answered ${status}`)
      toAnswer.push(performance.now() - sentAt)
    })
    const [finish] = await Promise.all([receive(sentAt), answered])
    await finish()
  }
  return toAnswer
}

/** @param {readonly number[]} durations */
function toQuantiles(durations) {
  const measured = durations.slice(task.warmup)
  return { p50: quantile(measured, 0.5), p99: quantile(measured, 0.99) }
}
