// A command in Slack: answered within three seconds, done when it is done. Run it: node examples/slack-interaction.mjs

import { createHmac } from 'node:crypto'
import { CallbackServer } from 'longline'
import { handshakes, slack } from 'longline/verify'
import { isMain } from './support/is-main.mjs'

/**
 * The URL of the receiver `slack` goes into the slash commands of the app, and into its event subscriptions, for which Slack
 * asks whether it is ours.
 *
 * @param {CallbackServer} server
 * @param {{ secret: string, reports: Record<string, () => Promise<string>> }} ours
 */
export async function declare(server, { secret, reports }) {
  /** @typedef {{ command?: string, text: string, response_url: string }} Command */
  const report = server.workflow('report', async (run, /** @type {Command} */ { text, response_url }) => {
    const found = await run.step('report', () => reports[text]?.() ?? 'it is no more')
    // Slack takes answers there for half an hour; no token is needed.
    await run.send('answer', { to: response_url, body: { response_type: 'in_channel', text: found } })
  })

  /** @type {import('longline').Source<Command>} */
  const source = server.source('slack', {
    verify: slack({ secret }),
    handshake: handshakes.slack({ secret }),
    respond: 'manual',
    respondTimeout: '2500ms',
  })
  const commands = await server.spawn('slack', { from: source })
  commands.consume({ concurrency: 10 }, async command => {
    const { text, command: name } = command.data
    if (name === undefined) return void (await command.respond({ status: 200 })) // an event
    const known = Object.hasOwn(reports, text)
    // First durable, then answered: whoever reads "one moment" gets his report, also if we are killed now.
    if (known) await command.start('report', report, command.data)
    await command.respond({ body: { text: known ? 'One moment.' : `There is no report '${text}'.` } })
  })
  return commands
}

async function main() {
  const secret = 'the signing secret of the app' // yours comes from process.env
  let told = () => {}
  const answered = new Promise(resolve => (told = () => resolve(undefined)))
  const server = await CallbackServer.listen({
    port: 0,
    store: 'memory:',
    fetch: async request => {
      console.log(`later: ${await request.text()}`)
      told()
      return new Response()
    },
  })
  const { url } = await declare(server, { secret, reports: { today: async () => 'all is well' } })
  const call = async (/** @type {string} */ type, /** @type {string} */ body) => {
    const at = String(Math.floor(Date.now() / 1_000))
    const signature = `v0=${createHmac('sha256', secret).update(`v0:${at}:${body}`).digest('hex')}`
    const headers = { 'content-type': type, 'x-slack-request-timestamp': at, 'x-slack-signature': signature }
    console.log(`now: ${await (await fetch(url, { method: 'POST', headers, body })).text()}`)
  }
  await call('application/json', JSON.stringify({ type: 'url_verification', challenge: 'is this yours?' }))
  for (const text of ['weather', 'today']) {
    const command = { command: '/report', text, response_url: 'https://hooks.slack.com/commands/1' }
    await call('application/x-www-form-urlencoded', String(new URLSearchParams(command)))
  }
  await answered
  await server.close()
}

if (isMain(import.meta)) await main()
