// A workflow: a step, and an exchange with the partner. Beside it a receiver that takes in what comes.

import { CallbackServer } from 'longline'
import { answerRunner, readTask } from '../support/child.mjs'
import { price, toAbilities } from '../support/roundtrips.mjs'

/** @type {{ store: string, partner: string, warmupMs: number, measuredMs: number }} */
const task = readTask()

const server = await CallbackServer.listen({ store: task.store, port: 0 })
const partner = server.endpoint('partner', { url: task.partner })
const orders = server.workflow(
  'order',
  async (run, /** @type {import('../support/roundtrips.mjs').Order} */ order) => {
    const { amount } = await run.step('price', async () => price(order))
    const paid = await run.exchange('pay', {
      send: callback => ({ to: partner, path: 'payments', body: { id: order.id, amount, callback } }),
    })
    const { id, status } = /** @type {{ id: string, status: string }} */ (paid.data)
    return { id, status, amount }
  },
)
const mailbox = await server.spawn('bench', { capacity: 1_000_000_000 })

const abilities = toAbilities(async order => {
  const run = await orders.start(order.id, order)
  return await run.result()
}, task)
const { port, pathname } = new URL(mailbox.url)
answerRunner({ port: Number(port), paths: [pathname] }, abilities, () => server.close({ grace: 0 }))
