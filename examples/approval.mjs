// A link in a mail: a page to decide on, a reminder after a day, an end after three. Run it: node examples/approval.mjs

import { CallbackServer } from 'longline'

const day = 1_000 // so that you need not wait; in earnest 24 * 60 * 60 * 1000

const server = await CallbackServer.listen({ port: 0, store: 'memory:', fetch: mailbox })

const form = '<form method="post"><button name="approved" value="yes">Approve</button></form>'
const decision = server.source('decision', {
  page: ({ state }) =>
    new Response(state === 'open' ? form : 'It is decided.', { headers: { 'content-type': 'text/html' } }),
})

const approval = server.workflow('approval', async (run, /** @type {{ by: string }} */ { by }) => {
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
  return answer === undefined ? 'was not decided' : 'was approved'
})

/**
 * The people: Ada decides at once, Ben when he is reminded, Cem never.
 *
 * @param {Request} request
 */
async function mailbox(request) {
  const { to, text, link } = /** @type {{ to: string, text: string, link: string }} */ (await request.json())
  console.log(`mail to ${to}: ${text}`)
  if (to === 'ada' || (to === 'ben' && text === 'do not forget')) {
    const page = await fetch(link)
    if ((await page.text()).includes('Approve')) {
      await fetch(link, { method: 'POST', body: new URLSearchParams({ approved: 'yes' }) })
    }
  }
  return new Response()
}

const runs = ['ada', 'ben', 'cem'].map(async by => {
  const handle = await approval.start(`invoice of ${by}`, { by })
  console.log(`the invoice of ${by} ${await handle.result()}`)
})
await Promise.all(runs)
await server.close()
