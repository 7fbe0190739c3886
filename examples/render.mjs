// A renderer that tells how far it is, and at last where the video is. Run it: node examples/render.mjs

import { CallbackServer } from 'longline'
import { isMain } from './support/is-main.mjs'

/**
 * @param {CallbackServer} server
 * @param {(line: string) => void} say
 */
export function declare(server, say) {
  return server.workflow('video', async (run, /** @type {string} */ file) => {
    /** @type {import('longline').ScopeReceiver<{ percent?: number, url?: string }>} */
    const news = await run.spawn('news')
    await run.send('render', { to: 'https://render.example/jobs', body: { file, webhook: news.url } })

    // What is read in a run belongs to it, and is read again when it carries on: nothing is acknowledged.
    for await (const callback of news.stream({ idle: '10m' })) {
      const { path, data } = callback
      if (path === '/done') return data.url
      await callback.step('show', () => say(`${file}: ${data.percent} %`)) // its names are its own
    }
    throw new Error(`nothing was heard of ${file} for ten minutes`)
  })
}

async function main() {
  const server = await CallbackServer.listen({ port: 0, store: 'memory:', fetch: renderer })
  const video = declare(server, console.log)
  console.log(await (await video.start('video/7', 'cat.mov')).result())
  await server.close()
}

/**
 * The third party: calls back four times, before it has even answered.
 *
 * @param {Request} request
 */
async function renderer(request) {
  const { file, webhook } = /** @type {{ file: string, webhook: string }} */ (await request.json())
  for (const percent of [25, 50, 75]) await post(`${webhook}/progress`, { percent })
  await post(`${webhook}/done`, { url: `https://cdn.example/${file}` })
  return new Response()
}

/**
 * @param {string} url
 * @param {object} body
 */
function post(url, body) {
  const headers = { 'content-type': 'application/json' }
  return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
}

if (isMain(import.meta)) await main()
