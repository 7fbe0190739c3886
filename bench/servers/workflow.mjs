// A workflow on a file: a step, and an exchange with the partner.

import { CallbackServer } from 'longline'
import { answerRunner, readTask } from '../support/child.mjs'
import { price, toAbilities } from '../support/roundtrips.mjs'

/** @type {{ file: string, partner: string, warmupMs: number, measuredMs: number }} */
const task = readTask()

const server = await CallbackServer.listen({ store: task.file, port: 0 })
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

const abilities = toAbilities(async order => {
  const run = await orders.start(order.id, order)
  return await run.result()
}, task)
answerRunner({}, abilities, () => server.close({ grace: 0 }))
