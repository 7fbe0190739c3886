// What could not be delivered comes back, and is undone. Run it: node examples/return-to-sender.mjs

import { once } from 'node:events'
import { createServer } from 'node:http'
import { CallbackServer } from 'longline'
import { isMain } from './support/is-main.mjs'

/**
 * A seat is taken at once, and the airline is told of it, sooner or later. If it cannot be told, the message comes back to a
 * receiver of ours, and what was done is undone.
 *
 * @param {CallbackServer} server
 * @param {{ airline: string, mail: string, free: (seat: string) => void }} world
 */
export async function declare(server, { airline, mail, free }) {
  /** @typedef {{ seat: string, passenger: string }} Booking */
  /** @typedef {{ Payload: Booking, EventType: string, StatusCode: number | null }} Letter */
  const undelivered = await server.spawn('undelivered')
  server.endpoint('airline', { url: airline, retry: ['100ms', '100ms'], deadLetter: undelivered.url })
  server.endpoint('mail', { url: mail })
  undelivered.consume(async letter => {
    const { Payload, EventType, StatusCode } = /** @type {Letter} */ (letter.data)
    if (EventType !== 'seat.booked') return
    const { seat, passenger } = Payload
    await letter.step('free the seat', () => free(seat))
    const why = StatusCode === null ? 'does not answer' : `says ${StatusCode}`
    await letter.send('tell the passenger', {
      to: 'mail',
      body: `${passenger}: no seat ${seat}, the airline ${why}`,
    })
  })
  return (/** @type {Booking} */ booking) =>
    server.send(`book/${booking.seat}`, { to: 'airline', type: 'seat.booked', body: booking })
}

async function main() {
  const http = createServer(async (request, response) => {
    const body = (await request.setEncoding('utf8').toArray()).join('')
    if (request.url === '/mail') console.log(`mail to ${body}`)
    response.writeHead(request.url === '/airline' && body.includes('13') ? 422 : 204).end()
    if (request.url === '/mail') http.emit('mail')
  }).listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (http.address())
  const here = `http://127.0.0.1:${port}`
  // A message that dies is a warning in the log; here it is the story.
  const logger = { debug() {}, info() {}, warn() {}, error: console.error }
  const server = await CallbackServer.listen({ port: 0, store: 'memory:', logger })
  const free = (/** @type {string} */ seat) => console.log(`seat ${seat} is free again`)
  const book = await declare(server, { airline: `${here}/airline`, mail: `${here}/mail`, free })

  const told = once(http, 'mail')
  console.log('7A:', await (await book({ seat: '7A', passenger: 'ada' })).done())
  console.log('13F:', await (await book({ seat: '13F', passenger: 'ben' })).done())
  await told
  await server.close()
  http.close()
}

if (isMain(import.meta)) await main()
