// Hand a URL to somebody, and await the callback. Run it: node examples/await-one-callback.mjs

import { once } from 'node:events'
import { createServer } from 'node:http'
import { CallbackServer } from 'longline'

// The third party: takes a job, and calls back before it has even answered.
const renderer = createServer(async (request, response) => {
  const { file, webhook } = JSON.parse((await request.setEncoding('utf8').toArray()).join(''))
  await fetch(webhook, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ status: 'done', video: file.replace('.mov', '.mp4') }),
  })
  response.end('thank you')
}).listen(0, '127.0.0.1')
await once(renderer, 'listening')
const { port } = /** @type {import('node:net').AddressInfo} */ (renderer.address())

// Your program.
const server = await CallbackServer.listen({ port: 0, store: 'memory:' }) // a path survives restarts

const video = await server.spawn('video/7')
await fetch(`http://127.0.0.1:${port}/jobs`, {
  method: 'POST',
  body: JSON.stringify({ file: 'cat.mov', webhook: video.url }),
})
const done = await video.next({ timeout: '1h' })
console.log('called back:', done.data)
await done.ack()

await server.close()
renderer.close()
