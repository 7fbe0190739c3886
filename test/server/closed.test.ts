import { describe, expect, it } from 'vitest'
import {
  type CallbackServer,
  type Endpoint,
  ServerClosedError,
  StoreUnavailableError,
} from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { collect, openTestServer } from '../support/server.js'
import { withCommands } from '../support/store.js'
import { stores } from '../support/stores.js'

// The bugs: whoever asks a server that is closed is told that its store is away, and tries again for ever; a loop that follows
// what comes keeps the process from ending.

const HOOK = { topic: 't', url: 'https://shop.example' }

type Asked = { readonly server: CallbackServer; readonly app: Endpoint; readonly id: string }
const calls: readonly (readonly [string, (asked: Asked) => Promise<unknown>])[] = [
  ['subscriptions.put', ({ server }) => server.subscriptions.put(HOOK)],
  ['subscriptions.get', ({ server, id }) => server.subscriptions.get(id)],
  ['subscriptions.list', ({ server }) => collect(server.subscriptions.list())],
  ['subscriptions.pause', ({ server, id }) => server.subscriptions.pause(id)],
  ['subscriptions.resume', ({ server, id }) => server.subscriptions.resume(id)],
  ['subscriptions.rotateSecret', ({ server, id }) => server.subscriptions.rotateSecret(id)],
  ['subscriptions.delete', ({ server, id }) => server.subscriptions.delete({ id })],
  ['topics.put', ({ server }) => server.topics.put({ id: 't' })],
  ['topics.list', ({ server }) => collect(server.topics.list())],
  ['topics.delete', ({ server }) => server.topics.delete('t')],
  ['deliveries.get', ({ server }) => server.deliveries.get('dlv_1')],
  ['deliveries.list', ({ server }) => collect(server.deliveries.list())],
  ['deliveries.dead', ({ server }) => collect(server.deliveries.dead())],
  ['deliveries.dead, following', ({ server }) => collect(server.deliveries.dead({ follow: true }))],
  ['deliveries.attempts', ({ server }) => collect(server.deliveries.attempts())],
  ['deliveries.redeliver', ({ server }) => server.deliveries.redeliver('dlv_1')],
  ['deliveries.redeliver, by filter', ({ server }) => server.deliveries.redeliver({ status: 'dead' })],
  ['pause of an endpoint', ({ app }) => app.pause()],
  ['resume of an endpoint', ({ app }) => app.resume()],
  ['health of an endpoint', ({ app }) => app.health()],
]

describe.each(stores)('a server that is closed (%s)', (_, place) => {
  it.each(calls)('says so to %s', async (_name, call) => {
    await using bench = await openTestServer({ store: place(), fetch: async () => new Response() })
    const { server } = bench
    const app = server.endpoint('app', { url: 'https://app.example' })
    const { id } = await server.subscriptions.put(HOOK)
    await server.close({ grace: 0 })
    await expect(call({ server, app, id })).rejects.toThrow(ServerClosedError)
  })
})

it('says so to a call that was under way when it closed, and to nobody whose store is away before', async () => {
  let fail: (error: Error) => void = () => undefined
  const store = withCommands(memoryStore(), () => ({
    findSubscription: () => new Promise((_, reject) => (fail = reject)),
  }))
  const bench = await openTestServer({ store })
  const away = bench.server.subscriptions.get('sub_1')
  fail(new StoreUnavailableError('away'))
  await expect(away).rejects.toThrow(StoreUnavailableError)
  const underWay = bench.server.subscriptions.get('sub_1')
  await bench.server.close({ grace: 0 })
  fail(new StoreUnavailableError('The session is over'))
  await expect(underWay).rejects.toThrow(ServerClosedError)
})

describe('a loop that follows', () => {
  it.each(['dead', 'attempts'] as const)('%s ends when the server closes', async what => {
    await using bench = await openTestServer({ fetch: async () => new Response(null, { status: 400 }) })
    const { server, clock } = bench
    let seen = 0
    const loop = (async () => {
      for await (const _ of server.deliveries[what]({ follow: true })) seen++
      return 'ended'
    })()
    await server.send({ to: 'https://app.example' })
    await clock.advance('2s')
    expect(seen).toBe(1)
    await server.close({ grace: 0 })
    expect(await loop).toBe('ended')
  })

  it('ends also when the server closes while it reads', async () => {
    const reads: ((error: Error) => void)[] = []
    const store = withCommands(memoryStore(), () => ({
      readDead: () => new Promise((_, reject) => reads.push(reject)),
    }))
    await using bench = await openTestServer({ store })
    const following = collect(bench.server.deliveries.dead({ follow: true }))
    const reading = collect(bench.server.deliveries.dead())
    expect(reads).toHaveLength(2)
    await bench.server.close({ grace: 0 })
    for (const fail of reads) fail(new StoreUnavailableError('The session is over'))
    expect(await following).toEqual([])
    // Of what has an end, that would be a part taken for the whole.
    await expect(reading).rejects.toThrow(ServerClosedError)
  })
})
