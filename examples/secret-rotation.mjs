// One signing secret is replaced by the next, and nothing is refused meanwhile. Run it: node examples/secret-rotation.mjs

import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { CallbackServer } from 'longline'
import { isMain } from './support/is-main.mjs'

/**
 * Whom we call. Every secret that is current signs: while there are two, whoever knows one of them can check.
 *
 * @param {CallbackServer} server
 * @param {{ url: string, secrets: readonly string[] }} partner
 */
export function declare(server, { url, secrets }) {
  return server.endpoint('partner', { url, secret: secrets, retry: ['500ms', '1s', '1s'] })
}

/**
 * What the partner does, by Standard Webhooks. It should look at the age of `webhook-timestamp`, too.
 *
 * @param {(name: string) => unknown} header
 * @param {string} body
 * @param {string} secret the one that the partner knows
 */
export function isSigned(header, body, secret) {
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const content = `${header('webhook-id')}.${header('webhook-timestamp')}.${body}`
  const expected = Buffer.from(`v1,${createHmac('sha256', key).update(content).digest('base64')}`)
  const signatures = String(header('webhook-signature'))
    .split(' ')
    .map(each => Buffer.from(each))
  return signatures.some(each => each.length === expected.length && timingSafeEqual(each, expected))
}

async function main() {
  const old = `whsec_${randomBytes(32).toString('base64')}`
  const next = `whsec_${randomBytes(32).toString('base64')}`
  const partner = { knows: old, busy: true }
  const http = createServer(async (request, response) => {
    const body = (await request.setEncoding('utf8').toArray()).join('')
    const good = isSigned(name => request.headers[name], body, partner.knows)
    const status = partner.busy ? 503 : good ? 204 : 401
    console.log(`${body}: ${status} of who knows the ${partner.knows === old ? 'old' : 'new'} secret`)
    partner.busy = false
    response.writeHead(status).end()
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address())
  const url = `http://127.0.0.1:${port}/hooks`
  // Declaring an endpoint again is a warning in the log; here it stands for a deploy.
  const logger = { debug() {}, info() {}, warn() {}, error: console.error }
  const server = await CallbackServer.listen({ port: 0, store: 'memory:', logger })

  // Before: one secret. This message has to wait, and is signed anew when it is tried again.
  const first = declare(server, { url, secrets: [old] }).send({ body: 'first' })
  const [waiting] = await Promise.all([first, once(http, 'request')])

  // 1. We sign with both. The partner, who knows the old one, notices nothing.
  const endpoint = declare(server, { url, secrets: [next, old] })
  await (await endpoint.send({ body: 'second' })).done()
  // 2. The partner takes the new one, whenever it likes: give it days.
  partner.knows = next
  await (await endpoint.send({ body: 'third' })).done()
  await waiting.done()
  // 3. The old one is forgotten.
  await (await declare(server, { url, secrets: [next] }).send({ body: 'fourth' })).done()

  await server.close()
  http.close()
}

if (isMain(import.meta)) await main()
