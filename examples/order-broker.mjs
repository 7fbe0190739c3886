// An order broker: offers orders to a partner, who answers later or never, and has them granted by the app they came from.
// Run it: node examples/order-broker.mjs
//
// Kill it on any line and start it again: every order comes to one end. `npm run demo` does that to this very code.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { CallbackServer } from 'longline'
import { isMain } from './support/is-main.mjs'

/** @import { Callback, Duration, Receiver } from 'longline' */

/** @typedef {{ id: string, dish: string }} Order */
/** @typedef {{ yes: boolean }} Answer from the partner and from the app, by callback */
/** @typedef {'granted' | 'refused by the partner' | 'refused by the app' | 'unanswered'} Outcome */
/** @typedef {{ order: string, outcome: Outcome, key: string }} Booking the same key is the same booking */
/** @typedef {{ app: string, partner: string, book: (booking: Booking) => unknown, patience?: Duration }} World */

/**
 * Everything that has to be there at each start.
 *
 * @param {CallbackServer} server
 * @param {World} world
 */
export async function declare(server, { book, patience = '5s', ...urls }) {
  const app = server.endpoint('app', { url: urls.app })
  const partner = server.endpoint('partner', { url: urls.partner })

  /** @type {Receiver<Order>} */
  const orders = await server.spawn('orders/berlin') // the same key, the same URL, for ever
  await app.send('register/berlin', { path: 'regions', body: { region: 'berlin', webhook_url: orders.url } })

  const consumer = orders.consume({ concurrency: 100 }, async order => {
    const outcome = await settle(order)
    await order.step('book', ({ idempotencyKey }) =>
      book({ order: order.data.id, outcome, key: idempotencyKey }),
    )
  })
  return { orders, consumer }

  /**
   * @param {Callback<Order>} order
   * @returns {Promise<Outcome>}
   */
  async function settle(order) {
    /** @type {Callback<Answer> | null} */
    const offer = await order.exchange('offer', {
      send: url => ({ to: partner, path: 'orders', body: { ...order.data, callback: url } }),
      timeout: patience,
      fallback: () => null,
    })
    if (offer === null) return 'unanswered'
    if (!offer.data.yes) return 'refused by the partner'

    /** @type {Callback<Answer> | null} */
    const grant = await order.exchange('accept', {
      send: url => ({ to: app, path: ['orders', order.data.id, 'accept'], body: { callback_url: url } }),
      timeout: '1m',
      fallback: () => null,
    })
    if (grant === null) return 'unanswered'
    return grant.data.yes ? 'granted' : 'refused by the app'
  }
}

async function main() {
  const dishes = ['pizza', 'sushi', 'ramen', 'soup']
  let [left, finish] = [dishes.length, () => {}]
  const finished = new Promise(resolve => (finish = () => resolve(undefined)))

  // Posts orders to whoever registers, and grants everything but ramen.
  const app = await thirdParty(async (path, { webhook_url, callback_url }) => {
    if (path === '/regions') {
      for (const dish of dishes) await post(webhook_url, { id: `${dish}/1`, dish })
    } else await post(callback_url, { yes: path !== '/orders/ramen%2F1/accept' })
  })
  // Has no sushi, and does not answer when it is asked for soup.
  const partner = await thirdParty(async (_, { dish, callback }) => {
    if (dish !== 'soup') await post(callback, { yes: dish !== 'sushi' })
  })
  /** @param {Booking} booking */
  const book = ({ order, outcome }) => {
    console.log(`${order}: ${outcome}`)
    if (--left === 0) finish()
  }

  const server = await CallbackServer.listen({ port: 0, store: 'memory:' }) // a path survives restarts
  await declare(server, { app: app.url, partner: partner.url, book, patience: '2s' })
  await finished
  await server.close()
  app.close()
  partner.close()
}

/** @param {(path: string | undefined, body: Record<string, string>) => Promise<void>} handle */
async function thirdParty(handle) {
  const server = createServer(async (request, response) => {
    const body = JSON.parse((await request.setEncoding('utf8').toArray()).join(''))
    response.writeHead(202).end()
    await handle(request.url, body)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return { url: `http://127.0.0.1:${port}`, close: () => server.close() }
}

/**
 * @param {string | undefined} url
 * @param {object} body
 */
async function post(url = '', body) {
  const headers = { 'content-type': 'application/json' }
  await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
}

if (isMain(import.meta)) await main()
