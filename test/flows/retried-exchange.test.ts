import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { describe, expect, it, onTestFinished } from 'vitest'
import { CallbackServer } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { createSqlite, SETTINGS } from '../../src/store/sqlite/create-sqlite.js'
import { recordingLogger } from '../support/server.js'
import { temporaryFile } from '../support/stores.js'

interface Order {
  readonly webhookId: string | undefined
  readonly contentType: string | undefined
  readonly body: string
}

/** A third party that listens on a port: closed for the holidays, it refuses; else it takes an order and calls back. */
async function openPartner() {
  const orders: Order[] = []
  const partner = { url: '', orders, onHoliday: true }
  const http = createServer(async (request, response) => {
    const body = await text(request)
    const { 'webhook-id': id, 'content-type': contentType } = request.headers
    orders.push({ webhookId: id?.toString(), contentType, body })
    response.writeHead(partner.onHoliday ? 410 : 202).end()
    if (partner.onHoliday) return
    const { callback } = JSON.parse(body) as { readonly callback: string }
    await fetch(callback, {
      method: 'POST',
      body: '{"price":5}',
      headers: { 'content-type': 'application/json' },
    })
  })
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => new Promise<void>(resolve => void http.close(() => resolve())))
  partner.url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/orders`
  return partner
}

describe.each([
  ['memory', () => memoryStore()],
  ['sqlite', () => createSqlite({ ...SETTINGS, path: temporaryFile(), thread: 'own' })],
] as const)('in %s', (_, store) => {
  it('a partner who refused an order gets the very same one when the run is retried, and answers it', async () => {
    const partner = await openPartner()
    const server = await CallbackServer.listen({
      port: 0,
      host: '127.0.0.1',
      store: store(),
      logger: recordingLogger([]),
    })
    onTestFinished(() => server.close({ grace: 0 }))
    const order = server.workflow('order', async (run, id: number) => {
      const label = await run.step('label', () => `order ${id}`)
      const offer = await run.exchange<{ price: number }>('offer', {
        send: callback => ({ to: partner.url, body: { label, callback } }),
        timeout: '1m',
      })
      return offer.data.price
    })
    const handle = await order.start('7', 7)
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'DeliveryFailedError' } })

    partner.onHoliday = false
    await handle.retry()
    expect(await handle.result()).toBe(5)
    expect(partner.orders).toHaveLength(2)
    const [refused, accepted] = partner.orders
    expect(refused?.webhookId).toMatch(/^msg_/)
    expect(accepted).toEqual(refused)
  })
})
