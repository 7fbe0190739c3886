// A message that is delivered although nobody was there at first. Run it: node examples/send.mjs

import { once } from 'node:events'
import { createServer } from 'node:http'
import { CallbackServer } from 'longline'

// The partner: busy at first, and it notes what it got.
let requests = 0
const partner = createServer(async (request, response) => {
  const body = (await request.setEncoding('utf8').toArray()).join('')
  requests++
  const busy = requests === 1
  console.log(`partner: ${request.method} ${request.url} ${body}${busy ? ', but not now' : ''}`)
  response.writeHead(busy ? 503 : 200).end()
}).listen(0, '127.0.0.1')
await once(partner, 'listening')
const { port } = /** @type {import('node:net').AddressInfo} */ (partner.address())

// Your program. A server that only this machine can reach may send to this machine.
const server = await CallbackServer.listen({ port: 0, store: 'memory:' })
const endpoint = server.endpoint('partner', { url: `http://127.0.0.1:${port}/api`, retry: ['100ms', '1s'] })

const message = { to: endpoint, path: ['orders', 'a/b', 'accept'], body: { minutes: 25 } }
const delivery = await server.send('accept/a/b', message) // it is durable now
await server.send('accept/a/b', message) // the same key: the same message

console.log(`it was ${await delivery.done()}`)
for (const { status } of await delivery.attempts()) console.log(`attempt: ${status}`)

await server.close()
partner.close()
