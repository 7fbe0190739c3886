// A picture by Replicate: each prediction calls back at a URL of its own. Run it: node examples/replicate-prediction.mjs

import { createHmac } from 'node:crypto'
import { CallbackServer, NonRetryableError } from 'longline'
import { replicate } from 'longline/verify'
import { isMain } from './support/is-main.mjs'

/**
 * @param {CallbackServer} server
 * @param {{ secret: string, token: string, version: string }} ours
 */
export function declare(server, { secret, token, version }) {
  /** @typedef {{ status: 'succeeded' | 'failed' | 'canceled', output: string[] | null }} Prediction */
  const api = server.endpoint('replicate', { url: 'https://api.replicate.com/v1', auth: { bearer: token } })
  const source = server.source('replicate', { verify: replicate({ secret }) })

  return server.workflow('picture', async (run, /** @type {string} */ prompt) => {
    // While it waits, the run is not even in memory; who calls is checked all the same, because the source has a name.
    const finished = await run.exchange('prediction', {
      from: source,
      send: webhook => ({
        to: api,
        path: 'predictions',
        body: { version, input: { prompt }, webhook, webhook_events_filter: ['completed'] },
      }),
      timeout: '1h',
    })
    const { status, output } = /** @type {Prediction} */ (finished.data)
    if (status !== 'succeeded') throw new NonRetryableError(`the prediction ended as ${status}`)
    return output?.[0]
  })
}

async function main() {
  const secret = 'whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD' // yours comes from process.env
  const server = await CallbackServer.listen({
    port: 0,
    store: 'memory:',
    logger: { debug() {}, info() {}, warn() {}, error: console.error }, // a request that is refused is a warning
    fetch: async request => {
      const { webhook } = /** @type {{ webhook: string }} */ (await request.json())
      const body = JSON.stringify({ status: 'succeeded', output: ['https://replicate.delivery/cat.png'] })
      console.log('somebody else:', await call(webhook, body, 'whsec_c29tZWJvZHkgZWxzZSdzIG9uZSE='))
      console.log('replicate:', await call(webhook, body, secret))
      return new Response(null, { status: 201 })
    },
  })
  const picture = declare(server, { secret, token: 'r8_1', version: 'a model' })
  const run = await picture.start('picture/7', 'a cat')
  console.log(await run.result())
  await server.close()
}

/** By Standard Webhooks. @param {string} url @param {string} body @param {string} secret */
async function call(url, body, secret) {
  const [id, at] = ['msg_1', String(Math.floor(Date.now() / 1_000))]
  const key = Buffer.from(secret.slice('whsec_'.length), 'base64')
  const signature = `v1,${createHmac('sha256', key).update(`${id}.${at}.${body}`).digest('base64')}`
  const headers = { 'webhook-id': id, 'webhook-timestamp': at, 'webhook-signature': signature }
  const init = { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body }
  return (await fetch(url, init)).status
}

if (isMain(import.meta)) await main()
