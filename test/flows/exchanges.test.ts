import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it, onTestFinished } from 'vitest'
import { CallbackServer } from '../../src/index.js'
import { temporaryFile } from '../support/stores.js'

it('an answer is awaited over real HTTP and a restart, and the partner is asked once', async () => {
  const asked: { body: { callback: string }; id: string | undefined }[] = []
  const partner = createServer(async (request, response) => {
    const text = (await request.setEncoding('utf8').toArray()).join('')
    asked.push({ body: JSON.parse(text), id: request.headers['webhook-id']?.toString() })
    response.end()
  }).listen(0, '127.0.0.1')
  await once(partner, 'listening')
  onTestFinished(() => void partner.close())
  const to = `http://127.0.0.1:${(partner.address() as AddressInfo).port}/orders`
  const send = (url: string) => ({ to, body: { callback: url } })
  const store = temporaryFile()

  const first = await CallbackServer.listen({ port: 0, store })
  const { port } = new URL(first.url)
  const given = first.exchange('offer/7', { send })
  await once(partner, 'request')
  await first.close({ grace: '1s' })
  await expect(given).rejects.toMatchObject({ code: 'server_closed' })

  const second = await CallbackServer.listen({ port: Number(port), store })
  const url = asked[0]?.body.callback ?? ''
  const post = (minutes: number) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'webhook-id': 'evt-1' },
      body: JSON.stringify({ minutes }),
    })
  expect((await post(25)).status).toBe(202)
  const offer = await second.exchange<{ minutes: number }>('offer/7', { send, timeout: '10s' })
  expect(offer.data).toEqual({ minutes: 25 })
  await offer.ack()
  expect((await post(25)).headers.get('longline-duplicate')).toBe('true')
  await second.close()

  const third = await CallbackServer.listen({ port: 0, store })
  onTestFinished(() => third.close())
  const again = await third.exchange('offer/7', { send, timeout: '10s' })
  expect([again.id, again.data]).toEqual([offer.id, { minutes: 25 }])
  expect(asked).toHaveLength(1)
})
