// A webhook provider: others subscribe over HTTP, prove that they want it, and get signed events. Run it: node examples/webhook-provider.mjs

import { EventEmitter, once } from 'node:events'
import { createServer } from 'node:http'
import { CallbackServer, EndpointRefusedError, InvalidOptionsError } from 'longline'
import { isSigned } from './secret-rotation.mjs'
import { isMain } from './support/is-main.mjs'

/**
 * `POST /subscriptions` with a topic and a URL, `DELETE /subscriptions/<id>`. Who may do so is for your app to say, in front of this.
 *
 * @param {CallbackServer} server
 * @returns {(request: Request) => Promise<Response>}
 */
export function provide(server) {
  const { subscriptions } = server
  return async request => {
    const [, place, id] = new URL(request.url).pathname.split('/')
    if (place !== 'subscriptions') return new Response(null, { status: 404 })
    if (request.method === 'DELETE' && id)
      return new Response(null, { status: (await subscriptions.delete({ id })) > 0 ? 204 : 404 })
    if (request.method !== 'POST') return new Response(null, { status: 405 })
    try {
      const { topic, url } = JSON.parse(await request.text()) ?? {}
      const put = await subscriptions.put({ topic, url, proof: 'echo' })
      // Whoever asks again reads no secret: it may be somebody who has guessed topic and URL.
      return Response.json(put.created ? { id: put.id, secret: put.secret } : { id: put.id })
    } catch (error) {
      for (const theirs of [InvalidOptionsError, EndpointRefusedError, SyntaxError])
        if (error instanceof theirs) return Response.json({ error: error.message }, { status: 422 })
      throw error
    }
  }
}

async function main() {
  const server = await CallbackServer.listen({ port: 0, store: 'memory:' })
  const handle = provide(server)
  const shop = Object.assign(new EventEmitter(), { secret: '' })
  const http = createServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const body = (await request.setEncoding('utf8').toArray()).join('')
    if (url === '/subscriptions') {
      const answer = await handle(new Request(`http://localhost${url}`, { method, body }))
      response.writeHead(answer.status).end(await answer.text())
      return
    }
    const { token } = JSON.parse(body)
    const knows = url === '/shop' // the bank never asked for anything
    response.writeHead(knows ? 200 : 404).end(knows ? token : '')
    const good = isSigned(name => headers[name], body, shop.secret)
    if (token === undefined) shop.emit('event', `${body}, ${good ? 'signed' : 'forged'}`)
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address())
  const subscribe = async (/** @type {string} */ name) => {
    const body = JSON.stringify({ topic: 'book.*', url: `http://127.0.0.1:${port}/${name}` })
    const answer = await fetch(`http://127.0.0.1:${port}/subscriptions`, { method: 'POST', body })
    return JSON.parse(await answer.text())
  }

  shop.secret = (await subscribe('shop')).secret
  console.log('again:', Object.keys(await subscribe('shop')).join())
  const bank = await subscribe('bank')
  const arrives = once(shop, 'event')
  await server.publish('book/7', { topic: 'book.created', body: { event: 'book.created', id: 7 } })
  console.log('shop:', ...(await arrives))
  console.log('bank:', (await server.subscriptions.get(bank.id))?.state)
  await server.close()
  http.close()
}

if (isMain(import.meta)) await main()
