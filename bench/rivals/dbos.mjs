// The same with DBOS: a workflow that waits in `recv`, and a Hono route that hands callbacks to it with `send`.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { DBOS } from '@dbos-inc/dbos-sdk'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { Pool } from 'undici'
import { answerRunner, readTask } from '../support/child.mjs'
import { price, toAbilities } from '../support/roundtrips.mjs'

const PATIENCE_S = 600

/** @type {{ databaseUrl: string, partner?: string, warmupMs: number, measuredMs: number }} */
const task = readTask()

const partner = task.partner === undefined ? undefined : new Pool(task.partner)
let base = ''

const order = DBOS.registerWorkflow(
  async (/** @type {import('../support/roundtrips.mjs').Order} */ given) => {
    const { amount } = await DBOS.runStep(async () => price(given), { name: 'price' })
    await DBOS.runStep(() => pay(given.id, amount), { name: 'pay' })
    const paid = /** @type {{ id: string, status: string } | null} */ (await DBOS.recv('paid', PATIENCE_S))
    if (paid === null) throw new Error(`order ${given.id} was never paid`)
    return { id: paid.id, status: paid.status, amount }
  },
  { name: 'order' },
)
/** For whom the intake is measured: it reads nothing while it waits. */
const waiting = DBOS.registerWorkflow(async () => await DBOS.recv('never', PATIENCE_S), { name: 'waiting' })

DBOS.setConfig({
  name: 'bench',
  systemDatabaseUrl: task.databaseUrl,
  logLevel: 'error',
  runAdminServer: false,
})
await DBOS.launch()

const app = new Hono()
app.post('/callbacks/:id', async context => {
  await DBOS.send(context.req.param('id'), await context.req.json(), 'paid')
  return context.body(null, 202)
})
const server = createServer(getRequestListener(app.fetch))
server.listen(0, '127.0.0.1')
await once(server, 'listening')
const address = server.address()
const port = address !== null && typeof address === 'object' ? address.port : 0
base = `http://127.0.0.1:${port}`
await DBOS.startWorkflow(waiting, { workflowID: 'waiting' })(undefined)

const abilities = toAbilities(async given => {
  const handle = await DBOS.startWorkflow(order, { workflowID: given.id })(given)
  return await handle.getResult()
}, task)
answerRunner({ port, paths: ['/callbacks/waiting'] }, abilities)

/**
 * @param {string} id
 * @param {number} amount
 */
async function pay(id, amount) {
  const answer = await partner?.request({
    method: 'POST',
    path: '/payments',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id, amount, callback: `${base}/callbacks/${id}` }),
  })
  await answer?.body.dump()
  if (answer?.statusCode !== 202) throw new Error('the partner did not take the order')
}
