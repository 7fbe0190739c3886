// What is pushed to GitHub is built, branch by branch. Run it: node examples/github-push.mjs

import { createHmac } from 'node:crypto'
import { CallbackServer } from 'longline'
import { github } from 'longline/verify'
import { isMain } from './support/is-main.mjs'

/**
 * The URL of the receiver `github` goes into the webhooks of a repository, with the secret, as `application/json`.
 *
 * @param {CallbackServer} server
 * @param {{ secret: string, token: string, build: (commit: string) => Promise<'success' | 'failure'> }} ours
 */
export async function declare(server, { secret, token, build }) {
  /** @typedef {{ ref: string, after: string, deleted: boolean, repository: { full_name: string } }} Push */
  const api = server.endpoint('github', { url: 'https://api.github.com', auth: { bearer: token } })
  /** @type {import('longline').Source<Push>} */
  const source = server.source('github', { verify: github({ secret }) })
  const pushes = await server.spawn('github', { from: source })

  // Commits of one branch are built in the order in which they were pushed, branches side by side.
  const orderBy = (/** @type {{ data: Push }} */ { data }) => `${data.repository?.full_name} ${data.ref}`
  pushes.consume({ concurrency: 4, orderBy }, async push => {
    const { after: commit, deleted, repository } = push.data
    // GitHub signs the body and not this header. Here that will do; where more depends on it, decide by what is in the body.
    if (push.headers.get('x-github-event') !== 'push' || deleted) return // such as the ping when it is set up
    const tell = async (/** @type {string} */ state) => {
      const path = `repos/${repository.full_name}/statuses/${commit}`
      const told = await push.send(state, { to: api, path, body: { state, context: 'build' } })
      await told.done() // so that one does not overtake the other
    }
    await tell('pending')
    await tell(await push.step('build', () => build(commit)))
  })
  return pushes
}

async function main() {
  const secret = 'what you have entered beside the URL' // yours comes from process.env
  let [left, finish] = [4, () => {}]
  const finished = new Promise(resolve => (finish = () => resolve(undefined)))
  const server = await CallbackServer.listen({
    port: 0,
    store: 'memory:',
    fetch: async request => {
      const { state } = /** @type {{ state: string }} */ (await request.json())
      console.log(`${request.url.slice(-1)}: ${state}`)
      if (--left === 0) finish()
      return new Response(null, { status: 201 })
    },
  })
  const { url } = await declare(server, {
    secret,
    token: 'ghs_1',
    build: async commit => (commit === 'a' ? 'success' : 'failure'),
  })
  for (const after of ['a', 'b', 'a']) {
    const body = JSON.stringify({ ref: 'refs/heads/main', after, repository: { full_name: 'ada/engine' } })
    const headers = {
      'content-type': 'application/json',
      'x-github-event': 'push',
      'x-github-delivery': `delivery-${after}`, // pressed "Redeliver": the same again
      'x-hub-signature-256': `sha256=${createHmac('sha256', secret).update(body).digest('hex')}`,
    }
    await fetch(url, { method: 'POST', headers, body })
  }
  await finished
  await server.close()
}

if (isMain(import.meta)) await main()
