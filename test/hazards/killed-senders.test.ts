import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { openTestServer } from '../support/server.js'

// The bugs: a message that was recorded in one place and had to be queued in another, when the process died in between;
// and a request repeated under a new id, because the old one died with the process.

const shop = { url: 'https://shop.example/api' }

describe('a sender that is killed', () => {
  it('between "recorded" and "sent": the message is sent, from the one place it was written to', async () => {
    const store = memoryStore()
    const killed = await openTestServer({ store, fetch: async () => Response.error() })
    killed.server.endpoint('shop', shop)
    await killed.server.send('order/7', { to: 'shop', path: 'orders', body: { id: 7 }, after: '1s' })

    const seen: Request[] = []
    await using bench = await openTestServer({ store, clock: killed.clock, fetch: answering(seen) })
    bench.server.endpoint('shop', shop)
    await bench.clock.advance('5s')

    expect(seen.map(request => request.url)).toEqual(['https://shop.example/api/orders'])
    expect(await seen[0]?.json()).toEqual({ id: 7 })
  })

  it('mid-request repeats it with the same id and bytes, and the endpoint sees at most that repeat', async () => {
    const store = memoryStore()
    const seen: Request[] = []
    const killed = await openTestServer({
      store,
      fetch: request => {
        seen.push(request)
        return new Promise(() => {}) // no answer before the process is gone
      },
    })
    killed.server.endpoint('shop', shop)
    const delivery = await killed.server.send({ to: 'shop', path: 'orders', body: 'seven' })
    await killed.clock.settle()
    expect(seen).toHaveLength(1)

    await using bench = await openTestServer({ store, clock: killed.clock, fetch: answering(seen) })
    bench.server.endpoint('shop', shop)
    await bench.clock.advance('1m')

    const ids = seen.map(request => request.headers.get('webhook-id'))
    const bodies = await Promise.all(seen.map(request => request.text()))
    expect(ids).toEqual([delivery.messageId, delivery.messageId])
    expect(bodies).toEqual(['seven', 'seven'])
  })
})

function answering(seen: Request[]) {
  return async (request: Request) => {
    seen.push(request)
    return new Response('ok')
  }
}
