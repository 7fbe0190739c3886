// Paid, cancelled, or too late: whichever comes first. Run it: node examples/race.mjs

import { CallbackServer, race } from 'longline'

const server = await CallbackServer.listen({ port: 0, store: 'memory:' })

/** @param {string} order */
async function settle(order) {
  /** @type {import('longline').Receiver<{ amount: number }>} */
  const paid = await server.spawn(`payment/${order}`)
  const cancelled = await server.spawn(`cancellation/${order}`)
  act(order, { paid: paid.url, cancelled: cancelled.url })

  const first = await race({
    paid: () => paid.next({ timeout: '200ms', fallback: () => 'late' }),
    cancelled: () => cancelled.next(),
  })
  if (first.name === 'cancelled') return 'cancelled'
  return typeof first.value === 'string' ? 'nobody paid in time' : `${first.value.data.amount} paid`
}

/**
 * The customers: Ada pays, Ben cancels, Cem does neither.
 *
 * @param {string} order
 * @param {{ paid: string, cancelled: string }} urls
 */
function act(order, urls) {
  if (order === 'ada') void post(urls.paid, { amount: 12 })
  if (order === 'ben') void post(urls.cancelled, {})
}

/**
 * @param {string} url
 * @param {object} body
 */
function post(url, body) {
  const headers = { 'content-type': 'application/json' }
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
}

for (const order of ['ada', 'ben', 'cem']) console.log(`${order}: ${await settle(order)}`)
await server.close()
