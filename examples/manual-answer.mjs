// The sender waits for an answer that is found by handling its request. Run it: node examples/manual-answer.mjs

import { CallbackServer } from 'longline'

const server = await CallbackServer.listen({ port: 0, store: 'memory:' })

/** @type {import('longline').Receiver<{ grams: number }>} */
const quotes = await server.spawn('quotes', { respond: 'manual', respondTimeout: '5s' })

quotes.consume(async request => {
  await request.respond({ body: { cents: 250 + request.data.grams } })
})

for (const attempt of ['first', 'again']) {
  const response = await fetch(quotes.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': 'parcel-7' },
    body: JSON.stringify({ grams: 500 }),
  })
  const repeated = response.headers.has('longline-duplicate')
    ? ', the same answer, nothing handled twice'
    : ''
  console.log(`${attempt}: ${response.status} ${await response.text()}${repeated}`)
}
await server.close()
