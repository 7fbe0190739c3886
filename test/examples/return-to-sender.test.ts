import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/return-to-sender.mjs'
import { openExample, ways } from './ways.js'

describe.each(ways)('a message that comes back, $way', way => {
  /** `status`: of the airline, which is down without one. */
  async function open(status?: number) {
    const freed: string[] = []
    const mails: { id: string | null; text: string }[] = []
    const bench = await openExample(
      way,
      {
        world: async (request, post) => {
          const { hostname } = new URL(request.url)
          if (hostname === 'bench.example') return await post(request.url, JSON.parse(await request.text()))
          if (hostname === 'mail.example') {
            mails.push({ id: request.headers.get('webhook-id'), text: await request.text() })
            return new Response(null, { status: 204 })
          }
          if (status === undefined) throw new Error('nobody answers')
          return new Response(null, { status })
        },
      },
      server =>
        declare(server, {
          airline: 'https://airline.example/seats',
          mail: 'https://mail.example',
          free: seat => void freed.push(seat),
        }),
    )
    const book = async () => {
      const delivery = await bench.declared({ seat: '7A', passenger: 'ada' })
      await bench.pass(60_000)
      return delivery.id
    }
    const texts = () => mails.map(({ text }) => text)
    return { bench, freed, mails, texts, book }
  }

  it('undoes nothing that was delivered', async () => {
    const { bench, freed, texts, book } = await open(204)
    await using _ = bench
    const id = await book()
    expect((await bench.server.deliveries.get(id))?.status).toBe('delivered')
    expect([freed, texts()]).toEqual([[], []])
  })

  it('undoes what was refused, once', async () => {
    const { bench, freed, texts, book } = await open(422)
    await using _ = bench
    const id = await book()
    expect((await bench.server.deliveries.get(id))?.reason).toBe('rejected')
    expect(freed).toEqual(['7A'])
    expect(texts()).toEqual(['ada: no seat 7A, the airline says 422'])
  })

  it('undoes what nobody answered, once its tries are spent', async () => {
    const { bench, freed, texts, book } = await open()
    await using _ = bench
    const id = await book()
    expect((await bench.server.deliveries.get(id))?.reason).toBe('exhausted')
    expect(freed).toEqual(['7A'])
    expect(texts()).toEqual(['ada: no seat 7A, the airline does not answer'])
  })

  it('is one message under its key, and comes back once', async () => {
    const { bench, freed, mails, book } = await open(422)
    await using _ = bench
    expect(await book()).toBe(await book())
    expect(freed).toEqual(['7A'])
    expect(new Set(mails.map(({ id }) => id)).size).toBe(1)
  })
})
