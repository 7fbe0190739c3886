// The third party: takes an order, and calls back when it has answered.

import { createServer } from 'node:http'
import { Pool } from 'undici'
import { answerRunner } from '../support/child.mjs'

/** @type {Map<string, Pool>} by origin */
const pools = new Map()
let calls = 0

const server = createServer(async (request, response) => {
  /** @type {{ id: string, callback: string }} */
  const order = JSON.parse(await readText(request))
  calls += 1
  response.writeHead(202).end()
  await callBack(order)
})
server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  const port = address !== null && typeof address === 'object' ? address.port : 0
  answerRunner({ port }, { calls: async () => calls })
})

/** @param {{ id: string, callback: string }} order */
async function callBack({ id, callback }) {
  const { origin, pathname } = new URL(callback)
  const pool = pools.get(origin) ?? new Pool(origin)
  pools.set(origin, pool)
  const { statusCode, body } = await pool.request({
    method: 'POST',
    path: pathname,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ id, status: 'paid' }),
  })
  await body.dump()
  if (statusCode !== 202) throw new Error(`the callback was answered ${statusCode}`)
}

/** @param {import('node:http').IncomingMessage} request */
async function readText(request) {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) text += chunk
  return text
}
