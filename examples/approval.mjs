// A link in a mail: a page to decide on, a reminder after a day, an end after three. Run it: node examples/approval.mjs

import { CallbackServer } from 'longline'
import { isMain } from './support/is-main.mjs'

/**
 * @param {CallbackServer} server
 * @param {{ day?: number }} [options]
 */
export function declare(server, { day = 24 * 60 * 60 * 1_000 } = {}) {
  const headers = { 'content-type': 'text/html; charset=utf-8' }
  const decision = server.source('decision', {
    page: ({ state }) => new Response(state === 'open' ? form : 'It is decided, or too late.', { headers }),
    respond: { status: 200, headers, body: 'Thank you.' }, // what the person sees who has pressed a button
  })

  return server.workflow('approval', async (run, /** @type {{ by: string }} */ { by }) => {
    const answers = await run.spawn('answers', { from: decision })
    const mail = (/** @type {string} */ text) =>
      run.send(text, { to: 'https://mail.example', body: { to: by, text, link: answers.url } })

    await mail('please decide')
    let answer = await answers.next({ timeout: day, fallback: () => undefined })
    if (answer === undefined) {
      await mail('do not forget')
      const until = new Date(run.startedAt.getTime() + 3 * day)
      answer = await answers.next({ until, fallback: () => undefined })
    }
    if (answer === undefined) return 'was not decided'
    const { approved } = /** @type {{ approved?: string }} */ (answer.data) // the form's fields
    return approved === 'yes' ? 'was approved' : 'was declined'
  })
}

const form = `<form method="post">
  <button name="approved" value="yes">Approve</button>
  <button name="approved" value="no">Decline</button>
</form>`

async function main() {
  let link = ''
  /** Opens a link. @param {RequestInit} [pressed] the button */
  const open = async pressed => (await fetch(link, pressed)).text()

  // The people: Ada approves at once, Ben declines when he is reminded, Cem comes too late.
  const server = await CallbackServer.listen({
    port: 0,
    store: 'memory:',
    fetch: async request => {
      const mail = /** @type {{ to: string, text: string, link: string }} */ (await request.json())
      link = mail.link
      console.log(`mail to ${mail.to}: ${mail.text}`)
      const approved =
        mail.to === 'ada' ? 'yes' : mail.text === 'do not forget' && mail.to === 'ben' ? 'no' : ''
      if (approved !== '' && (await open()).includes('Approve')) {
        await open({ method: 'POST', body: new URLSearchParams({ approved }) })
      }
      return new Response()
    },
  })
  const approval = declare(server, { day: 1_000 }) // so that you need not wait

  for (const by of ['ada', 'ben', 'cem']) {
    const handle = await approval.start(`invoice of ${by}`, { by })
    console.log(`the invoice of ${by} ${await handle.result()}`)
  }
  console.log(`cem reads: ${await open()}`)
  await server.close()
}

if (isMain(import.meta)) await main()
