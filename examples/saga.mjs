// What was done is undone when it fails, or is cancelled. Run it: node examples/saga.mjs

import { CallbackServer, RunFailedError } from 'longline'

const server = await CallbackServer.listen({
  port: 0,
  store: 'memory:',
  fetch: async request => new Response('no room', { status: request.url.includes('full') ? 422 : 200 }),
  logger: { debug() {}, info() {}, warn() {}, error() {} }, // a run that fails is an error
})

const trip = server.workflow('trip', async (run, /** @type {string} */ hotel) => {
  /** @type {string[]} */
  const booked = []
  /** @param {string} what */
  const book = async what => {
    await run.step(`book ${what}`, () => console.log(`${run.key}: ${what} booked`))
    booked.push(what) // in the same order on every entry
  }
  try {
    await book('flight')
    await book('car')
    const request = await run.send('ask', { to: `https://${hotel}.example/rooms`, body: { nights: 2 } })
    await request.response() // a hotel that refuses is an error here
    const confirmed = await run.spawn('confirmed')
    await confirmed.next({ timeout: '1d' })
  } catch (error) {
    for (const what of booked.reverse()) {
      await run.step(`undo ${what}`, () => console.log(`${run.key}: ${what} undone`))
    }
    throw error // cancelled stays cancelled, failed stays failed
  }
})

const ada = await trip.start('ada', 'full')
const failed = await ada.result().catch(error => error)
if (failed instanceof RunFailedError) console.log(`ada: ${/** @type {Error} */ (failed.cause).name}`)

const ben = await trip.start('ben', 'adlon')
await waiting(ben)
await ben.cancel('Ben is ill')
const cancelled = await ben.result().catch(error => error)
console.log(`ben: ${cancelled.message}`)
await server.close()

/**
 * Until it is parked: it waits for the hotel's word.
 *
 * @param {import('longline').RunHandle<void>} run
 */
async function waiting(run) {
  while ((await run.status()).status !== 'parked') await new Promise(resolve => setTimeout(resolve, 50))
}
