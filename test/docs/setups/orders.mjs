// setup=orders: `server` as in setup=server, with an order in `orders/berlin`, and `book`, which is told of it.

import { ends } from './ends.mjs'
import { post, server } from './server.mjs'

export { server }

/** @typedef {{ id: number, dish: string }} Order */

/** @type {(order: Order) => void} */
let told
ends.push(new Promise(resolve => (told = resolve)))

/** @param {Order} order */
export async function book(order) {
  told(order)
}

const { url } = await server.spawn('orders/berlin')
await post(url, { id: 7, dish: 'ramen' })
