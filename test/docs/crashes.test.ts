import { describe, expect, it } from 'vitest'
import type { CallbackServer } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { openTestServer } from '../support/server.js'

// What docs/crashes.md says, carried out: its program is killed after each of its lines, and in the middle of line 2.

const places = ['in line 2', 'line 1', 'line 2', 'line 3', 'line 4', 'line 5', 'line 6'] as const

describe('the program of docs/crashes.md', () => {
  it.each(places)('killed at %s carries on to the same end', async place => {
    const store = memoryStore()
    const clock = new ManualClock()
    const charges: string[] = []
    const cooked: { id: string | null; body: string }[] = []
    const fetch = async (request: Request) => {
      cooked.push({ id: request.headers.get('webhook-id'), body: await request.text() })
      return new Response()
    }
    const urls = new Set<string>()
    const declare = (server: CallbackServer, killedAt?: (typeof places)[number]) => {
      const passed = async (here: (typeof places)[number]) => {
        if (here === killedAt) await new Promise(() => {})
      }
      return server.workflow('order', async (run, { id }: { id: number }) => {
        const label = `order ${id}`
        await passed('line 1')
        const receipt = await run.step('charge', async step => {
          charges.push(step.idempotencyKey)
          await passed('in line 2')
          return `receipt for ${id}`
        })
        await passed('line 2')
        const ready = await run.spawn<{ shelf: string }>('ready')
        urls.add(ready.url)
        await passed('line 3')
        await run.send('cook', { to: 'https://kitchen.example', body: { label, callback: ready.url } })
        await passed('line 4')
        const dish = await ready.next({ timeout: '2h' })
        await passed('line 5')
        await run.sleep('cool down', '10m')
        await passed('line 6')
        return `${label}: ${dish.data.shelf}, ${receipt}`
      })
    }

    const first = await openTestServer({ store, clock, fetch })
    await declare(first.server, place).start('order/7', { id: 7 })
    await clock.advance('10s')
    const [url] = urls
    if (url !== undefined && cooked.length > 0) await first.post(url, { shelf: 'B4' })
    if (place === 'line 6') await clock.advance('20m')
    await clock.settle()

    await using second = await openTestServer({ store, clock, fetch })
    const order = declare(second.server)
    await clock.advance('10s')
    expect(urls.size).toBe(1)
    const [ready = ''] = urls
    if (url === undefined || ['line 3'].includes(place)) await second.post(ready, { shelf: 'B4' })
    await clock.advance('20m')

    expect(await (await order.get('order/7'))?.result()).toBe('order 7: B4, receipt for 7')
    expect(charges).toHaveLength(place === 'in line 2' ? 2 : 1)
    expect(new Set(charges).size).toBe(1)
    expect(cooked).toHaveLength(1)
    expect((await second.post(ready, { shelf: 'B5' })).status).toBe(410)
  })
})
