// What was done is undone when it fails, or is cancelled. Run it: node examples/saga.mjs

import { CallbackServer, RunFailedError } from 'longline'
import { isMain } from './support/is-main.mjs'

/**
 * @param {CallbackServer} server
 * @param {(line: string) => void} say
 */
export function declare(server, say) {
  return server.workflow('trip', async (run, /** @type {string} */ hotel) => {
    /** @type {string[]} */
    const booked = []
    /** @param {string} what */
    const book = async what => {
      await run.step(`book ${what}`, () => say(`${run.key}: ${what} booked`))
      booked.push(what) // in the same order on every entry
    }
    try {
      await book('flight')
      await book('car')
      await run.exchange('hotel', {
        send: url => ({ to: `https://${hotel}.example/rooms`, body: { nights: 2, callback: url } }),
        timeout: '1h', // a hotel that refuses is an error at once, one that does not answer is one then
      })
      return 'everything is booked'
    } catch (error) {
      for (const what of booked.reverse()) {
        await run.step(`undo ${what}`, () => say(`${run.key}: ${what} undone`))
      }
      throw error // cancelled stays cancelled, failed stays failed
    }
  })
}

async function main() {
  /** The Ritz confirms, the Full has no room, the Adlon takes its time. @param {Request} request */
  async function hotel(request) {
    const { callback } = /** @type {{ callback: string }} */ (await request.json())
    const { hostname } = new URL(request.url)
    if (hostname === 'full.example') return new Response('no room', { status: 422 })
    if (hostname === 'ritz.example') await fetch(callback, { method: 'POST' })
    return new Response()
  }

  const logger = { debug() {}, info() {}, warn() {}, error() {} } // a run that fails is an error
  const server = await CallbackServer.listen({ port: 0, store: 'memory:', fetch: hotel, logger })
  const trip = declare(server, console.log)

  const cem = await trip.start('cem', 'ritz')
  console.log(`cem: ${await cem.result()}`)

  const ada = await trip.start('ada', 'full')
  const failed = await ada.result().catch(error => error)
  if (failed instanceof RunFailedError) console.log(`ada: ${/** @type {Error} */ (failed.cause).name}`)

  const ben = await trip.start('ben', 'adlon')
  // Until it is parked: it waits for the hotel's word.
  while ((await ben.status()).status !== 'parked') await new Promise(resolve => setTimeout(resolve, 50))
  await ben.cancel('Ben is ill')
  const cancelled = await ben.result().catch(error => error)
  console.log(`ben: ${cancelled.message}`)
  await server.close()
}

if (isMain(import.meta)) await main()
