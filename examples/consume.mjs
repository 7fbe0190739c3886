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
    console.log(`order ${id}: the ${dish} is not ready yet (attempt ${order.attempt})`)
    throw new Error('not ready yet')
  }
  if (--left === 0) finish()
  if (dish === 'unicorn') throw new NonRetryableError('there are no unicorns')
  console.log(`order ${id}: the ${dish} is ready (attempt ${order.attempt})`)
})

for (const [index, dish] of ['pizza', 'stew', 'unicorn'].entries()) {
  const id = index + 1
  await fetch(orders.url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'webhook-id': `order-${id}` },
    body: JSON.stringify({ id, dish }),
  })
}
await finished
await consumer.stop()

for await (const { callback, error } of orders.failed()) {
  const { id } = /** @type {{ id: number }} */ (callback.data)
  console.log(`order ${id}: set aside, because ${error.message}`)
}
await server.close()
