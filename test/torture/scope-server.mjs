// The victim: a server on a file whose scopes do, in many turns, everything that has to be done once. What they do they
// write down as they do it. Run by scopes.mjs as `node scope-server.mjs <store> <port> <log> <partner>`.
import { appendFileSync } from 'node:fs'
import { CallbackServer } from 'longline'

const [path = '', port = '', log = '', partner = ''] = process.argv.slice(2)
const write = (/** @type {string[]} */ ...words) => appendFileSync(log, `${words.join(' ')}\n`)
const server = await CallbackServer.listen({ store: path, port: Number(port), parkAfter: 20 })
server.endpoint('partner', { url: partner, retry: { attempts: 100, delay: 50, factor: 1 } })

const TURNS = 6

/** @param {import('longline').Scope} scope @param {string} name */
async function story(scope, name) {
  let sum = 0
  for (let turn = 0; turn < TURNS; turn++) {
    const step = `${name}/${turn}`
    sum += await scope.step(`add ${turn}`, () => {
      write('effect', step)
      return turn
    })
    write('recorded', step)
    const answer = await scope.exchange(`ask ${turn}`, {
      send: url => ({ to: 'partner', path: 'ask', body: { story: name, turn, url } }),
    })
    sum += await answer.step('double', () => {
      write('effect', `${step}/answer`)
      return /** @type {{ n: number }} */ (answer.data).n * 2
    })
    write('recorded', `${step}/answer`)
    const first = await scope.race(`first ${turn}`, {
      soon: () => scope.sleep(`soon ${turn}`, 10),
      late: () => scope.sleep(`late ${turn}`, '1d'),
    })
    if (first.name !== 'soon') sum += 1_000_000
    await scope.send(`tell ${turn}`, { to: 'partner', path: 'tell', body: { story: name, turn, sum } })
  }
  write('result', name, String(sum))
}

const told = server.workflow('told', async (run, /** @type {string} */ name) => await story(run, name))
const orders = await server.spawn('orders')
orders.consume({ concurrency: 100, retry: false }, async order => await story(order, order.text()))

process.on('message', async (/** @type {string[]} */ names) => {
  for (const name of names) {
    await told.start(name, name)
    await orders.accept(`order ${name}`, { deliveryId: name })
  }
  process.send?.('begun')
})
process.send?.('open')
