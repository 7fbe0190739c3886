import { expect, it } from 'vitest'
import { postgres } from '../../../src/store/postgres/postgres.js'
import { BRISK, type NodeOptions, openNode, paced } from './support/nodes.js'
import { isInstalled, startPgbouncer } from './support/pgbouncer.js'
import { newSchema } from './support/schema.js'
import { TransactionPool } from './support/transaction-pool.js'

// What would be wrong without it: something that is set on a session, prepared there, or locked there, and is not there for
// the next statement. Most hosted databases are reached through a pooler.

it('a server works on a pool that gives every transaction another connection, and finds out by polling', async () => {
  const schema = newSchema()
  const open = async () => ({
    store: paced(postgres({ pool: await TransactionPool.open(), schema }), BRISK),
  })
  await tryEverything(schema, await open(), await open())
}, 60_000)

it.skipIf(!isInstalled)(
  'a server works through pgbouncer, which gives every transaction another connection',
  async () => {
    const url = await startPgbouncer()
    await tryEverything(newSchema(), { url }, { url })
  },
  60_000,
)

/** Two nodes that hear nothing of each other do together what nodes do. */
async function tryEverything(schema: string, one: NodeOptions, two: NodeOptions): Promise<void> {
  const sent: string[] = []
  const fetch = async (request: Request) => {
    const { url } = (await request.json()) as { readonly url: string }
    sent.push(url)
    setImmediate(() => void there.post(url, { answer: sent.length }, { 'webhook-id': 'answer' }))
    return new Response()
  }
  const options = { fetch, parkAfter: 20 }
  const [here, there] = [
    await openNode(schema, { ...options, ...one }),
    await openNode(schema, { ...options, ...two }),
  ] as const
  for (const { logged } of [here, there]) {
    expect(logged.map(({ message }) => message).join()).toContain(
      'Notifications of Postgres do not get through',
    )
  }
  const [workflow] = [here, there].map(({ server }) => {
    server.endpoint('partner', { url: 'https://partner.example' })
    return server.workflow<number, number[]>('story', async (run, n) => {
      const before = await run.step('before', () => n)
      const answer = await run.exchange<{ answer: number }>('ask', {
        send: url => ({ to: 'partner', body: { url } }),
      })
      await run.sleep('rest', 50)
      return [before, answer.data.answer]
    })
  })

  const receiver = await here.server.spawn<{ n: number }>('orders')
  const wait = receiver.next({ timeout: '10s' })
  expect((await there.post(receiver.url, { n: 1 })).status).toBe(202)
  const callback = await wait
  expect(callback.data).toEqual({ n: 1 })
  await callback.ack()

  const runs = await Promise.all([1, 2, 3].map(n => workflow?.start(String(n), n)))
  const results = await Promise.all(runs.map(run => run?.result({ timeout: '20s' })))
  expect(results.map(result => result?.[0])).toEqual([1, 2, 3])
  expect(new Set(sent).size).toBe(3)

  const racing = Array.from({ length: 40 }, (_, n) => [here, there][n % 2]?.post(receiver.url, { n }))
  for (const answer of await Promise.all(racing)) expect(answer?.status).toBe(202)
  const seen: number[] = []
  for await (const { seq } of await there.server.spawn('orders')) {
    seen.push(seq)
    if (seen.length === racing.length) break
  }
  expect(seen).toEqual(racing.map((_, n) => n + 2))
}
