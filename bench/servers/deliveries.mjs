// Sends so many messages to one fast endpoint, durably, and says how long it took until every one was recorded as delivered.

import { CallbackServer } from 'longline'
import { answerRunner, readTask } from '../support/child.mjs'
import { sendAll } from '../support/deliveries.mjs'

/** @type {{ store: string, partner: string, count: number }} */
const task = readTask()

let ended = 0
/** @type {() => void} */
let onEnded = () => undefined
const server = await CallbackServer.listen({
  store: task.store,
  port: 0,
  observe: ({ type, status }) => {
    if (type !== 'delivery.ended') return
    if (status !== 'delivered') throw new Error('a delivery is dead')
    ended += 1
    onEnded()
  },
})
const partner = server.endpoint('partner', { url: task.partner, concurrency: 256 })

/** @param {number} count */
async function deliver(count) {
  ended = 0
  const all = new Promise(resolve => {
    onEnded = () => ended === count && resolve(undefined)
  })
  return await sendAll(count, body => partner.send({ body }), all)
}

await deliver(Math.ceil(task.count / 10)) // warm
answerRunner({}, { delivered: () => deliver(task.count) }, () => server.close({ grace: 0 }))
