// Three suppliers are asked, and the first answer wins. Run it: node examples/suppliers.mjs

import { CallbackServer } from 'longline'
import { isMain } from './support/is-main.mjs'

/**
 * @param {CallbackServer} server
 * @param {(line: string) => void} say
 */
export function declare(server, say) {
  return server.workflow('quote', async (run, /** @type {string} */ item) => {
    const ask = (/** @type {string} */ name) => () =>
      run.exchange(`ask/${name}`, {
        send: url => ({ to: `https://${name}.example/quotes`, body: { item, callback: url } }),
        timeout: '1h',
      })
    const first = await run.any('first quote', { acme: ask('acme'), bolts: ask('bolts'), nuts: ask('nuts') })
    const { price } = /** @type {{ price: number }} */ (first.value.data)
    await run.step('order', () => say(`ordered at ${first.name} for ${price}`))
    return first.name
  })
}

async function main() {
  let slow = ''

  /** Acme refuses, Nuts answers at once, Bolts takes its time. @param {Request} request */
  async function supplier(request) {
    const { callback } = /** @type {{ callback: string }} */ (await request.json())
    const { hostname } = new URL(request.url)
    if (hostname === 'acme.example') return new Response('we are out of that', { status: 422 })
    if (hostname === 'nuts.example') await answer(callback, 7)
    if (hostname === 'bolts.example') slow = callback
    return new Response()
  }

  const server = await CallbackServer.listen({
    port: 0,
    store: 'memory:',
    fetch: supplier,
    logger: { debug() {}, info() {}, warn() {}, error: console.error }, // a delivery that dies is a warning
  })
  const handle = await declare(server, console.log).start('quote/7', 'screws')
  console.log(`the winner is ${await handle.result()}`)
  if (slow !== '') console.log(`bolts is late, and reads ${await answer(slow, 8)}`)
  await server.close()
}

/**
 * @param {string} url
 * @param {number} price
 */
async function answer(url, price) {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ price }) })
  return response.status
}

if (isMain(import.meta)) await main()
