import { describe, expect, it } from 'vitest'
import type { CallbackServer, Scope } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'
import { collect } from '../support/server.js'

// The bug: the run is over, and its URLs go on saying 202. A third party reports its result, is thanked, and nobody will
// ever read it.

describe.each(places)('in %s', (_, place) => {
  /** What a scope of either kind owns: a receiver and the one of an exchange. */
  const own = (urls: string[]) => async (scope: Scope) => {
    const answers = await scope.spawn('answers')
    urls.push(answers.url)
    await scope.exchange('offer', {
      send: url => {
        urls.push(url)
        return { to: 'https://partner.example/', body: { url } }
      },
      timeout: '1s',
      fallback: () => undefined,
    })
    return answers
  }
  const open = () => new Lives(place, { fetch: async () => new Response() })
  const urlsOf = (urls: string[]) => [...new Set(urls)].slice(0, 2)

  it('ending a run (done, cancelled) closes what it owns: late callbacks get 410', async () => {
    const lives = open()
    const urls = { done: [] as string[], cancelled: [] as string[], failed: [] as string[] }
    const declare = (server: CallbackServer) => ({
      done: server.workflow('done', async run => {
        const answers = await own(urls.done)(run)
        await answers.next()
      }),
      cancelled: server.workflow('cancelled', async run => {
        const answers = await own(urls.cancelled)(run)
        await answers.next()
      }),
      failed: server.workflow('failed', async run => {
        const answers = await own(urls.failed)(run)
        await answers.next({ timeout: '1m' })
      }),
    })
    const first = await lives.begin()
    const runs = declare(first.server)
    await runs.done.start('1')
    const cancelled = await runs.cancelled.start('1')
    const failed = await runs.failed.start('1')
    await lives.clock.advance('10s')
    expect((await first.post(urls.done[0] ?? '')).status).toBe(202)
    await cancelled.cancel()
    await lives.clock.advance('2m')
    expect((await failed.status()).status).toBe('failed')

    for (const next of [async () => first, () => lives.begin()]) {
      const life = await next()
      const statuses = async (of: string[]) =>
        await Promise.all(urlsOf(of).map(async url => (await life.post(url)).status))
      expect(await statuses(urls.done)).toEqual([410, 410])
      expect(await statuses(urls.cancelled)).toEqual([410, 410])
      expect(await statuses(urls.failed)).toEqual([202, 202])
    }
  })

  it('so does acknowledging or discarding a callback', async () => {
    const lives = open()
    const { server, post } = await lives.begin()
    const [handled, discarded] = [[] as string[], [] as string[]]
    const orders = await server.spawn<{ good: boolean }>('orders')
    orders.consume({ retry: false }, async order => {
      await own(order.data.good ? handled : discarded)(order)
      if (!order.data.good) throw new Error('no')
    })
    await post(orders.url, { good: true })
    await post(orders.url, { good: false })
    await lives.clock.advance('10s')
    const statuses = async (of: string[]) =>
      await Promise.all(urlsOf(of).map(async url => (await post(url)).status))
    expect(await statuses(handled)).toEqual([410, 410])
    expect(await statuses(discarded)).toEqual([202, 202])

    const [failed] = await collect(orders.failed())
    await failed?.discard()
    expect(await statuses(discarded)).toEqual([410, 410])
  })
})
