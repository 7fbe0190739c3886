// The broker's process. What it does is in ../order-broker.mjs, and what is here any program has: a store, a port, a ledger.
//
// It has no idea that it will be killed. There is no code for that: the same lines run at the first start and at every later
// one, and go on with what was left.

import { appendFile } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { CallbackServer } from 'longline'
import { declare } from '../order-broker.mjs'
import { onStop, patienceMs, tell } from './protocol.mjs'

/** @typedef {import('../order-broker.mjs').Booking} Booking */
/** @typedef {import('./protocol.mjs').BrokerSettings} BrokerSettings */

const bookMs = 25

/** @type {BrokerSettings} */
const { app, partner, ledger, ...place } = JSON.parse(process.argv[2] ?? '{}')
onStop(stop)

const server = await CallbackServer.listen(place)
const { orders, consumer } = await declare(server, { app, partner, book, patience: patienceMs })
tell({ type: 'ready', url: orders.url })

/** @param {Booking} booking */
async function book(booking) {
  await appendFile(ledger, `${JSON.stringify(booking)}\n`)
  await delay(bookMs) // killed here, it has booked, and nobody knows: it books again, under the same key
}

async function stop() {
  await consumer.stop()
  for await (const { unread, failed } of server.receivers({ key: 'orders/berlin' })) {
    tell({ type: 'left', left: { unread, failed } })
  }
  await server.close()
  process.exit(0)
}
