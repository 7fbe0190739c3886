// A question that outlives the process that asked it. Run it: node examples/ask.mjs

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CallbackServer } from 'longline'

const folder = await mkdtemp(join(tmpdir(), 'ask-'))
/** @type {string[]} */
const asked = []

console.log(`first: ${await ask('first', 0)}`) // looks once
await answer('chicken')
console.log(`second: ${await ask('second', '1m')}`)
console.log(`third: ${await ask('third', 0)}`) // it was acknowledged, and is told again
console.log(`the partner was asked ${asked.length === 1 ? 'once' : `${asked.length} times`}`)
await rm(folder, { recursive: true })

/**
 * One process.
 *
 * @param {string} name
 * @param {import('longline').Duration} timeout
 */
async function ask(name, timeout) {
  const server = await CallbackServer.listen({ port: 0, store: join(folder, 'ask.db'), fetch: partner })
  const send = (/** @type {string} */ url) => ({
    to: 'https://menu.example',
    body: { for: name, callback: url },
  })
  const dish = await server.exchange('dish/7', { send, timeout, fallback: () => null })
  await dish?.ack()
  if (dish === null) await sent()
  await server.close()
  return dish === null ? 'no answer yet' : dish.data
}

/** @param {Request} request */
async function partner(request) {
  const { callback } = /** @type {{ callback: string }} */ (await request.json())
  asked.push(callback)
  return new Response()
}

/** The partner takes its time: by now another process is there. */
async function answer(/** @type {string} */ dish) {
  const server = await CallbackServer.open({ store: join(folder, 'ask.db'), publicUrl: 'http://localhost' })
  await server.fetch(new Request(asked[0] ?? '', { method: 'POST', body: dish }))
  await server.close()
}

async function sent() {
  while (asked.length === 0) await new Promise(next => setImmediate(next))
}
