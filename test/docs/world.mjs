// The process that a block of a guide runs in, and the world around it.
//
//   W1. Whatever ends in `.example` is a third party: it answers, and some of them call back.
//   W2. Whatever ends in `.example.com` is us: a proxy that leads to the port that the block listens on.
//   W3. A block that says port 3000 gets a free one, because many run at the same moment. Nothing else is changed.

import { Server } from 'node:net'
import { pathToFileURL } from 'node:url'
import { CallbackServer } from 'longline'
import { cleanUps, ends } from './setups/ends.mjs'

const [file = '', ...info] = process.argv.slice(2)
const port = Number(process.env.DOCS_PORT)
const realFetch = globalThis.fetch

/** What a third party calls back with, before it answers the request that carried the URL. */
const callbacks = {
  'render.example': { status: 'done', video: 'https://cdn.example/7.mp4' },
  'pay.example': { status: 'paid', amount: 1200 },
}

/** @type {Record<string, (request: Request) => Response>} What they answer; else 200. */
const answers = {
  'full.example': () => new Response('no more of that', { status: 422 }),
  'down.example': () => new Response(null, { status: 503 }),
  'gone.example': () => new Response(null, { status: 410 }),
}

/** @type {CallbackServer[]} */
const servers = []

/** @type {{ POST?: (request: Request) => Promise<Response> }} */
let program = {}

Object.assign(globalThis, { fetch: fetchInThisWorld })

/**
 * @param {string | URL | Request} input
 * @param {RequestInit} [init]
 * @returns {Promise<Response>}
 */
async function fetchInThisWorld(input, init) {
  const request = new Request(input, init)
  const { hostname } = new URL(request.url)
  if (hostname.endsWith('.example.com')) return toUs(request)
  return hostname.endsWith('.example') ? thirdParty(request, hostname) : realFetch(request)
}

/**
 * @param {Request} request
 * @returns {Promise<Response>}
 */
async function toUs(request) {
  if (program.POST !== undefined) return program.POST(request)
  const { pathname, search } = new URL(request.url)
  const body = request.body === null ? null : await request.arrayBuffer()
  return realFetch(`http://127.0.0.1:${port}${pathname}${search}`, {
    method: request.method,
    headers: request.headers,
    body,
  })
}

/**
 * @param {Request} request
 * @param {string} hostname
 * @returns {Promise<Response>}
 */
async function thirdParty(request, hostname) {
  const body = await request.clone().text()
  for (const [host, callback] of Object.entries(callbacks)) {
    if (host !== hostname) continue
    for (const [url] of body.matchAll(/https?:\/\/[^"\s]+\/r\/[^"\s]+/g)) {
      const headers = { 'content-type': 'application/json' }
      const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(callback) })
      if (!response.ok) throw new Error(`${hostname} called back, and was answered ${response.status}`)
    }
  }
  return answers[hostname]?.(request) ?? Response.json({ ok: true })
}

const { listen } = Server.prototype
Server.prototype.listen = function (/** @type {unknown[]} */ ...given) {
  const [first] = given
  const swapped =
    typeof first === 'object' && first !== null && 'port' in first && first.port === 3000
      ? [{ ...first, port }, ...given.slice(1)]
      : [first === 3000 ? port : first, ...given.slice(1)]
  return Reflect.apply(listen, this, swapped)
}

for (const name of /** @type {const} */ (['open', 'listen'])) {
  const original = CallbackServer[name].bind(CallbackServer)
  Object.defineProperty(CallbackServer, name, {
    /** @param {Parameters<typeof CallbackServer.open>[0]} options */
    value: async options => {
      const server = await original(options)
      if (!servers.includes(server)) servers.push(server)
      return server
    },
  })
}

program = await import(pathToFileURL(file).href)
if (info.includes('mounted')) await probe()
await Promise.all(ends)
if (cleanUps.length > 0) await Promise.all(servers.map(server => server.close({ grace: 0 })))
for (const cleanUp of cleanUps) await cleanUp()
process.send?.('at its end')

/** A callback finds its way through whatever the server was mounted in. */
async function probe() {
  const [server] = servers
  if (server === undefined) throw new Error('this block opens no server')
  const receiver = await server.spawn('probe')
  const response = await fetch(`${receiver.url}/below?x=1`, { method: 'POST', body: 'hello' })
  if (response.status !== 202) throw new Error(`the callback was answered with ${response.status}`)
  const { path, query, data } = await receiver.next({ timeout: 5_000 })
  if (path !== '/below' || query.get('x') !== '1' || data !== 'hello')
    throw new Error('the callback was mangled')
}
