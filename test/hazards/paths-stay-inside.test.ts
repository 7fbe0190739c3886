import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, it } from 'vitest'
import { CallbackServer, type Delivery, InvalidOptionsError } from '../../src/index.js'
import { recordingLogger } from '../support/server.js'

// The bug: a third party's data, put into a path, takes a message with its credentials to another host or to another
// part of the same one.

const hostile = [
  '//evil.example',
  '../../admin',
  '%2e%2e',
  '..%2fadmin',
  'a/../../b',
  '\\\\evil.example',
  'https://evil.example',
  '?x=1',
  '#x',
  'a\r\nx: y',
]

it("a third party's data in a path never leaves the endpoint's host or prefix", async () => {
  const seen: string[] = []
  const shop = createServer((request, response) => {
    seen.push(request.url ?? '')
    response.end()
  }).listen(0, '127.0.0.1')
  await once(shop, 'listening')
  const address = shop.address()
  const port = typeof address === 'object' ? (address?.port ?? 0) : 0
  await using server = await CallbackServer.listen({ port: 0, store: 'memory:', logger: recordingLogger([]) })
  const endpoint = server.endpoint('shop', { url: `http://127.0.0.1:${port}/api/v1` })

  for (const path of hostile) await expect(endpoint.send({ path }), path).rejects.toThrow(InvalidOptionsError)
  const deliveries = []
  for (const part of hostile) {
    // As one segment it may be harmless once it is encoded; what is not is refused.
    const sent = await endpoint.send({ path: ['orders', part] }).catch((error: unknown) => error)
    if (sent instanceof Error) expect(sent).toBeInstanceOf(InvalidOptionsError)
    else deliveries.push(sent as Delivery)
  }
  await Promise.all(deliveries.map(delivery => delivery.done({ timeout: '10s' })))

  expect(deliveries.length).toBeGreaterThan(3)
  expect(seen).toHaveLength(deliveries.length)
  for (const url of seen) expect(url).toMatch(/^\/api\/v1\/orders\/[^/?#]+$/)
  shop.close()
})
