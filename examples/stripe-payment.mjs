// A payment by Stripe: what is paid is shipped, once. Run it: node examples/stripe-payment.mjs

import { createHmac } from 'node:crypto'
import { CallbackServer } from 'longline'
import { stripe } from 'longline/verify'
import { isMain } from './support/is-main.mjs'

/**
 * Stripe has one URL for all payments, that of the receiver `stripe`, which you enter once. To which order an event belongs
 * its `client_reference_id` says, which Stripe was given with the order.
 *
 * @param {CallbackServer} server
 * @param {{ secret: string, apiKey: string, say: (line: string) => void }} ours
 */
export async function declare(server, { secret, apiKey, say }) {
  /** @typedef {{ client_reference_id: string | null, payment_status: string }} Session */
  const api = server.endpoint('stripe', { url: 'https://api.stripe.com/v1', auth: { bearer: apiKey } })
  const events = await server.spawn('stripe', {
    from: server.source('stripe', { verify: stripe({ secret }) }),
  })
  const shipment = server.workflow('shipment', async (run, /** @type {string} */ order) => {
    await run.step('ship', () => say(`order ${order} is paid, and shipped`))
  })
  events.consume(async event => {
    const { type, data } = /** @type {{ type: string, data: { object: Session } }} */ (event.data)
    const { client_reference_id: order, payment_status } = data.object
    if (!type.startsWith('checkout.session.') || order === null) return
    // Completed is not paid: a bank takes days, and then another event says so. The key ships an order once, whatever comes.
    if (payment_status === 'paid') await shipment.start(order, order)
    if (type === 'checkout.session.expired')
      await event.step('free', () => say(`order ${order}: nobody paid`))
  })

  /** Where the customer pays. Asked again, also after a crash, it is the same page. */
  return async (/** @type {string} */ order, /** @type {string} */ price) => {
    const body = new URLSearchParams({
      mode: 'payment',
      client_reference_id: order,
      success_url: 'https://shop.example/thanks',
      'line_items[0][price]': price,
      'line_items[0][quantity]': '1',
    })
    const [key, path] = [`checkout/${order}`, 'checkout/sessions']
    const asked = await server.send(key, { to: api, path, headers: { 'idempotency-key': key }, body })
    return /** @type {{ url: string }} */ ((await asked.response()).json()).url
  }
}

async function main() {
  const secret = 'whsec_of_the_endpoint' // yours comes from process.env
  const fetch = async () => Response.json({ url: 'https://checkout.stripe.com/c/pay/cs_1' })
  const server = await CallbackServer.listen({ port: 0, store: 'memory:', fetch })
  let say = (/** @type {string} */ _line) => {}
  const shipped = new Promise(resolve => (say = line => resolve(console.log(line))))
  const checkout = await declare(server, { secret, apiKey: 'sk_test_1', say })
  console.log(await checkout('7', 'price_1'))
  const { url } = await server.spawn('stripe')
  for (const status of ['unpaid', 'paid', 'paid']) console.log(status, await tell(url, secret, status))
  await shipped
  await server.close()
}

/** As Stripe does. @param {string} url @param {string} secret @param {string} payment_status */
async function tell(url, secret, payment_status) {
  const data = { object: { client_reference_id: '7', payment_status } }
  const body = JSON.stringify({ id: `evt_${payment_status}`, type: 'checkout.session.completed', data })
  const t = Math.floor(Date.now() / 1_000)
  const v1 = createHmac('sha256', secret).update(`${t}.${body}`).digest('hex')
  const headers = { 'content-type': 'application/json', 'stripe-signature': `t=${t},v1=${v1}` }
  return (await fetch(url, { method: 'POST', headers, body })).status
}

if (isMain(import.meta)) await main()
