// What the app and the partner have in common: both know a message by its `webhook-id`, and both post what they have to
// say until somebody has taken it, under the same id each time. No more than any sender and receiver of webhooks does.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import { patienceMs, tell } from './protocol.mjs'

/** @import { Call } from './protocol.mjs' */

/** @typedef {{ about: string, act: () => Promise<void> }} Task what a request is about, and what to do the first time */

const readMs = 25 // killed in it, the broker does not know that its message has arrived
const retryMs = 200

/**
 * Listens, tells main of each request, and acts on each message once.
 *
 * @param {(path: string, body: Record<string, string>) => Task | undefined} route
 */
export async function listen(route) {
  const known = new Set()
  const server = createServer(async (request, response) => {
    const bytes = await request.toArray().then(Buffer.concat, () => undefined)
    if (bytes === undefined) return // broken off: the broker was killed while it wrote
    const { url = '', method } = request
    const id = String(request.headers['webhook-id'])
    const task = route(url, JSON.parse(bytes.toString()))
    if (task === undefined) {
      response.writeHead(404).end()
      return
    }

    const digest = createHash('sha256').update(`${method} ${url}\n`).update(bytes).digest('hex')
    tell({ type: 'seen', seen: { about: task.about, id, digest } })
    const isNew = !known.has(id)
    known.add(id)
    await delay(readMs)
    response.writeHead(204).end()
    if (isNew) await task.act()
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  tell({ type: 'ready', url: `http://127.0.0.1:${port}` })
}

/**
 * Answers an order, at a callback URL.
 *
 * @param {string | undefined} url
 * @param {{ by: Call['by'], order: string, yes: boolean, until: number }} answer
 */
export async function answer(url, { by, order, yes, until }) {
  tell({ type: 'call', call: { by, order, yes, tries: 0, late: false } })
  const { status, tries } = await post(url, `${by}-${order}`, { yes })
  tell({ type: 'call', call: { by, order, yes, tries, status, late: Date.now() > until } })
}

/**
 * Until somebody has answered, with whatever it is: not as long as the broker cannot be reached, or asks us to come again.
 *
 * @param {string | undefined} url
 * @param {string} id
 * @param {object} body
 */
export async function post(url = '', id, body) {
  for (let tries = 1; ; tries++) {
    const status = await request(url, id, body)
    if (status !== undefined && status < 500 && status !== 429) return { status, tries }
    await delay(retryMs)
  }
}

/**
 * @param {string} url
 * @param {string} id
 * @param {object} body
 */
async function request(url, id, body) {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'webhook-id': id },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(patienceMs),
    })
    await response.arrayBuffer()
    return response.status
  } catch {
    return undefined // refused, reset, or no answer in time: the broker is being restarted
  }
}
