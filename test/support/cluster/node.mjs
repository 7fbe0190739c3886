// A node of a cluster, as a process of its own. Run by child-node.ts as `node node.mjs <settings>`; what it is asked for
// comes as messages. What it does is written down in the tables of ledger.ts, which are none of longline's.

import { once } from 'node:events'
import { createServer } from 'node:http'
import { CallbackServer } from 'longline'
import { postgres } from 'longline/postgres'
import pg from 'pg'

/** @type {import('./child-node.js').NodeSettings} */
const { name, url, schema, pace, publicUrl, partner, receivers } = JSON.parse(process.argv[2] ?? '{}')
const pool = new pg.Pool({ connectionString: url, max: 5 })
const books = new pg.Pool({ connectionString: url, max: 5 })
for (const each of [pool, books]) each.on('error', () => {})

const store = postgres({ pool, schema })
const server = await CallbackServer.open({
  publicUrl,
  parkAfter: 20,
  logger: { debug() {}, info() {}, warn() {}, error() {} },
  store: { ...store, open: async () => ({ ...(await store.open()), pace }) },
})
const http = createServer(server.node).listen(0, '127.0.0.1')
await once(http, 'listening')
const address = http.address()
const port = typeof address === 'object' && address !== null ? address.port : 0

/** @type {import('longline').Callback<unknown> | undefined} */
let taken

/** What a step is doing until it is told to end. @type {Map<string, (result: string) => void>} */
const doing = new Map()

const held = server.workflow('held', async (run, /** @type {string} */ story) => {
  return await run.step('work', () => new Promise(resolve => doing.set(story, resolve)))
})

const story = server.workflow('story', async (run, /** @type {string} */ named) => {
  const results = []
  for (let turn = 0; turn < 3; turn++) {
    results.push(await run.step(`add ${turn}`, ({ idempotencyKey }) => book(named, idempotencyKey)))
  }
  const answer = await run.exchange('ask', {
    send: url => ({ to: 'partner', path: 'ask', body: { story: named, url } }),
  })
  await run.sleep('rest', 50)
  results.push(await answer.step('heard', ({ idempotencyKey }) => book(named, idempotencyKey)))
  return results
})
if (partner !== undefined) {
  server.endpoint('partner', { url: partner, retry: { attempts: 1_000, delay: 50, factor: 1 } })
}

for (const key of receivers ?? []) {
  const receiver = await server.spawn(key, { capacity: 1_000_000 })
  receiver.consume({ concurrency: 20, retry: { attempts: 100, delay: 20, factor: 1 } }, async callback => {
    await books.query(
      `insert into ${schema}_ledger.handled (receiver, seq, body, attempt, node) values ($1, $2, $3, $4, $5)`,
      [key, callback.seq, callback.text(), callback.attempt, name],
    )
  })
}

/**
 * Done as often as it is asked for; of each key there is one result, as with anybody who honours idempotency keys.
 *
 * @param {string} story @param {string} key @returns {Promise<string>}
 */
async function book(story, key) {
  const { rows } = await books.query(
    `insert into ${schema}_ledger.effects (key, story, result) values ($1, $2, gen_random_uuid()::text)
     on conflict (key) do update set times = effects.times + 1 returning result`,
    [key, story],
  )
  return rows[0].result
}

const requests = {
  spawn: async (/** @type {string} */ key) => (await server.spawn(key)).url,
  spawnKeyless: async () => (await server.spawn()).url,
  take: async (/** @type {string} */ key) => {
    const receiver = await server.spawn(key)
    const callback = await receiver.next()
    taken = callback
    return { seq: callback.seq, attempt: callback.attempt, text: callback.text() }
  },
  acknowledge: async () => await taken?.ack(),
  hold: async (/** @type {string} */ key) => {
    await held.start(key, key)
    while (!doing.has(key)) await new Promise(resolve => setImmediate(resolve))
  },
  finish: async (/** @type {string} */ key) => doing.get(key)?.(`by ${name}`),
  stories: async () => {
    const ended = []
    for await (const { key, status } of story.runs()) {
      const result = status === 'done' ? await (await story.get(key))?.result() : undefined
      ended.push({ key, status, result })
    }
    return ended
  },
  start: async (/** @type {string} */ key) => void (await story.start(key, key)),
}

process.on('message', async (/** @type {import('./child-node.js').Request} */ { id, what, given }) => {
  try {
    process.send?.({ id, answer: await requests[what](given ?? '') })
  } catch (error) {
    process.send?.({ id, failure: String(error) })
  }
})
process.on('disconnect', () => process.exit(0))
process.send?.({ id: 0, answer: port })
