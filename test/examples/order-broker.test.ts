import type { Post } from 'longline/testing'
import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/order-broker.mjs'
import { openExample, sentTo, type Way, ways } from './ways.js'

// The bug: an order that is lost, booked twice, or offered a second time under another id.

type Booking = Parameters<Parameters<typeof declare>[1]['book']>[0]

interface Offer {
  readonly id: string
  readonly callback: string
}

const [undisturbed] = ways as [Way]

describe.each(ways)('the order broker, $way', way => {
  /** Yes, no, or nothing yet, by the id of the order. */
  async function open({ partner = yes, app = yes }: { partner?: Party; app?: Party } = {}) {
    const bookings: Booking[] = []
    const callbacks: Record<string, string> = {}
    const answer = async (party: Party, post: Post, id: string, callback: string) => {
      callbacks[id] = callback
      const word = party(id)
      if (word !== undefined) await post(callback, { yes: word })
    }
    const bench = await openExample(
      way,
      {
        world: async (request, post) => {
          const { pathname, host } = new URL(request.url)
          const body = (await request.json()) as Record<string, string>
          const [, order = ''] = /^\/orders\/(\w+)\/accept$/.exec(pathname) ?? []
          if (host === 'partner.example') await answer(partner, post, body.id ?? '', body.callback ?? '')
          else if (order !== '') await answer(app, post, order, body.callback_url ?? '')
          return new Response(null, { status: 204 })
        },
      },
      server =>
        declare(server, {
          app: 'https://app.example',
          partner: 'https://partner.example',
          book: booking => void bookings.push(booking),
        }),
    )
    const place = async (id: string) => {
      const { url } = bench.declared.orders
      const headers = { 'content-type': 'application/json', 'webhook-id': `order-${id}` }
      const body = JSON.stringify({ id, dish: 'pizza' })
      return await bench.server.fetch(new Request(url, { method: 'POST', headers, body }))
    }
    const outcomes = () => Object.fromEntries(bookings.map(({ order, outcome }) => [order, outcome]))
    return { bench, bookings, callbacks, place, outcomes }
  }

  it('registers for its region, once, with a URL that stays', async () => {
    const { bench } = await open()
    await using _ = bench
    const { url } = bench.declared.orders
    await bench.pass(10_000)
    expect(await sentTo(bench.sent, 'app.example')).toEqual([{ region: 'berlin', webhook_url: url }])
    expect(bench.declared.orders.url).toBe(url)
  })

  it('brings each order to the end that partner and app give it, and books it once', async () => {
    const { bench, bookings, place, outcomes } = await open({
      partner: id => (id === 'mute' ? undefined : id !== 'unwanted'),
      app: id => id !== 'refused',
    })
    await using _ = bench
    for (const id of ['good', 'unwanted', 'refused', 'mute']) await place(id)
    await bench.pass(10_000)
    expect(outcomes()).toEqual({
      good: 'granted',
      unwanted: 'refused by the partner',
      refused: 'refused by the app',
      mute: 'unanswered',
    })
    expect(bookings).toHaveLength(4)
    expect(await sentTo<Offer>(bench.sent, 'partner.example')).toHaveLength(4)
    expect(await bench.server.receivers({ key: 'orders/berlin' }).next()).toMatchObject({
      value: { unread: 0, failed: 0 },
    })
  })

  it('takes a repeated order for what it is', async () => {
    const { bench, bookings, place } = await open()
    await using _ = bench
    expect((await place('7')).status).toBe(202)
    await bench.pass()
    const again = await place('7')
    expect([again.status, again.headers.get('longline-duplicate')]).toEqual([202, 'true'])
    await bench.pass(10_000)
    expect(bookings.map(({ order, outcome }) => [order, outcome])).toEqual([['7', 'granted']])
  })

  it('waits five seconds for the partner, however often it is started, and then for nobody', async () => {
    const { bench, callbacks, place, outcomes } = await open({ partner: () => undefined })
    await using _ = bench
    await place('7')
    await bench.pass(4_900)
    expect(outcomes()).toEqual({})
    await bench.pass(200)
    expect(outcomes()).toEqual({ 7: 'unanswered' })

    expect((await bench.post(callbacks['7'] ?? '', { yes: true })).status).toBe(410)
    await bench.pass(60_000)
    expect(outcomes()).toEqual({ 7: 'unanswered' })
  })

  it('takes an answer in time, also when nobody was there to read it', async () => {
    const { bench, callbacks, place, outcomes } = await open({ partner: () => undefined })
    await using _ = bench
    await place('7')
    await bench.pass(4_000)
    expect((await bench.post(callbacks['7'] ?? '', { yes: false })).status).toBe(202)
    await bench.restart()
    await bench.pass(10_000)
    expect(outcomes()).toEqual({ 7: 'refused by the partner' })
  })

  it('waits a minute for the app', async () => {
    const { bench, callbacks, place, outcomes } = await open({ app: () => undefined })
    await using _ = bench
    for (const id of ['early', 'late']) await place(id)
    await bench.pass(50_000)
    await bench.post(callbacks.early ?? '', { yes: true })
    await bench.pass(20_000)
    expect(outcomes()).toEqual({ early: 'granted', late: 'unanswered' })
  })
})

describe('the order broker', () => {
  it('killed while it books, books again under the same key', async () => {
    const keys: string[] = []
    await using bench = await openExample(
      undisturbed,
      {
        world: async (request, post) => {
          const { callback, callback_url } = (await request.json()) as Record<string, string>
          const url = callback ?? callback_url
          if (url !== undefined) await post(url, { yes: true })
          return new Response()
        },
      },
      server =>
        declare(server, {
          app: 'https://app.example',
          partner: 'https://partner.example',
          book: async ({ key }) => {
            keys.push(key)
            if (keys.length === 1) await new Promise(() => {})
          },
        }),
    )
    await bench.declared.orders.accept({ id: '7', dish: 'pizza' })
    await bench.settle()
    await bench.restart()
    await bench.pass(10_000)
    expect(keys).toHaveLength(2)
    expect(new Set(keys).size).toBe(1)
  })
})

type Party = (id: string) => boolean | undefined

function yes() {
  return true
}
