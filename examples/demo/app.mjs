// The app: posts orders to the broker, some at the same moment, and repeats whatever was not answered.
//
// Every order carries an id (`webhook-id`). An order is posted until somebody has answered it, with the same id each
// time, so that the broker knows a repetition when it sees one.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { hear, tell } from './protocol.mjs'

/** @typedef {import('./protocol.mjs').Order} Order */

const count = Number(process.argv[2])
const atOnce = 8
const pauseMs = 120
const retryMs = 50

/** @type {Order[]} */
const waiting = Array.from({ length: count }, (_, index) => ({
  id: String(index + 1),
  restaurant: index % 2 === 0 ? 'Trattoria' : 'Izakaya',
}))

/** @param {string} url */
async function postAll(url) {
  for (let order = waiting.shift(); order !== undefined; order = waiting.shift()) {
    tell({ type: 'sent', order: order.id })
    while (!(await isAnswered(url, order))) {
      await delay(retryMs)
      tell({ type: 'repeated', order: order.id })
    }
    tell({ type: 'answered', order: order.id })
    await delay(pauseMs)
  }
}

/**
 * Whether the broker has taken the order. Not, when it cannot be reached or asks us to come again later.
 *
 * @param {string} url
 * @param {Order} order
 */
async function isAnswered(url, order) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'webhook-id': `order-${order.id}` },
      body: JSON.stringify(order),
      signal: AbortSignal.timeout(2_000),
    })
    await response.arrayBuffer()
    if (response.status === 202) return true
    if (response.status >= 500 || response.status === 429) return false
    console.error(`app: the broker answered order ${order.id} with ${response.status}, which it never should`)
    process.exit(1)
  } catch {
    return false // refused, reset, or no answer in time: the broker is being restarted
  }
}

// Where the broker calls back: POST /orders/7/accept
const server = createServer((request, response) => {
  const [, order] = /^\/orders\/(\d+)\/accept$/.exec(request.url ?? '') ?? []
  request.resume().on('end', () => {
    response.writeHead(order === undefined ? 404 : 204).end()
    if (order !== undefined) tell({ type: 'accepted', order })
  })
})

hear(message => {
  if (message.type === 'stop') process.exit(0)
  else for (let worker = 0; worker < atOnce; worker++) void postAll(message.url)
})

server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
if (address === null || typeof address === 'string') throw new Error('The app has no port')
tell({ type: 'ready', url: `http://127.0.0.1:${address.port}` })
