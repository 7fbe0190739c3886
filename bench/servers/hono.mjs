// The yardstick: a Hono route that reads the body and forgets it.

import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { answerRunner, readTask } from '../support/child.mjs'

/** @type {{ paths: number }} */
const task = readTask()

const app = new Hono()
app.post('/r/:token', async context => {
  await context.req.text()
  return context.body(null, 202)
})

const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => {
  const paths = Array.from({ length: task.paths }, (_, index) => `/r/${toToken(index)}`)
  answerRunner(
    { port, paths },
    { rss: async () => process.memoryUsage.rss() },
    async () => void server.close(),
  )
})

/** As long as a token of ours. @param {number} index */
function toToken(index) {
  return String(index).padStart(22, 't')
}
