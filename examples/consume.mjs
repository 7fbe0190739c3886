// A handler for each callback, with retries, and a place for what cannot be handled. Run it: node examples/consume.mjs

import { CallbackServer, NonRetryableError } from 'longline'

const server = await CallbackServer.listen({
  port: 0,
  store: 'memory:',
  logger: { debug() {}, info() {}, warn() {}, error: console.error }, // a handler that throws is a warning
})

/** @type {import('longline').Receiver<{ id: number, dish: string }>} */
const orders = await server.spawn('orders')

let [left, finish] = [3, () => {}]
const finished = new Promise(resolve => (finish = () => resolve(undefined)))

const consumer = orders.consume({ concurrency: 2, retry: ['10ms', '50ms'] }, order => {
  const { id, dish } = order.data
  if (dish === 'stew' && order.attempt < 3) {
    console.log(`${id}: the ${dish} is not done yet (attempt ${order.attempt})`)
    throw new Error('not done yet')
  }
  if (--left === 0) finish()
  if (dish === 'unicorn') throw new NonRetryableError('there are none')
  console.log(`${id}: ${dish}, attempt ${order.attempt}`)
})

for (const [id, dish] of ['pizza', 'stew', 'unicorn'].entries()) {
  await fetch(orders.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'webhook-id': `order-${id}` },
    body: JSON.stringify({ id, dish }),
  })
}
await finished
await consumer.stop()

for await (const { callback, error } of orders.failed()) {
  console.log(`set aside: ${JSON.stringify(callback.data)}, because ${error.message}`)
}
await server.close()
