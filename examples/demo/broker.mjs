// The broker: everything longline does in this demo is in this file.
//
// It has no idea that it will be killed. There is no code for that here: the same lines run at the first start and at
// every later one, and go on with what was left.

import { appendFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { CallbackServer } from 'longline'
import { hear, tell } from './protocol.mjs'

/** @typedef {import('./protocol.mjs').Order} Order */

const [folder = '', port, appUrl = ''] = process.argv.slice(2)
const workMs = 75

const server = await CallbackServer.listen({ port: Number(port), store: join(folder, 'broker.db') })
const app = server.endpoint('app', { url: appUrl })

/** @type {import('longline').Receiver<Order>} */
const orders = await server.spawn('orders') // the same key, so the same URL after every start

hear(async message => {
  if (message.type !== 'stop') return
  await server.close()
  process.exit(0)
})
tell({ type: 'ready', url: orders.url })

orders.consume({ concurrency: 8 }, async order => {
  const { id } = order.data
  tell({ type: 'began', order: id })
  await delay(workMs)
  await appendFile(join(folder, 'received.jsonl'), `${JSON.stringify({ order: id })}\n`)
  await delay(workMs) // killed here, it has written the order down, and will see it again
  await server.send(`accept/${id}`, { to: app, path: ['orders', id, 'accept'] }) // one message for each key
  tell({ type: 'done', order: id })
})
