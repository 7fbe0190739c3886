import { describe, expect, it } from 'vitest'
import type { CallbackServer } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: retention sweeps what a waiting run will look for when it goes on. It reads another callback than before, or
// finds no message under its key and sends a second one, months after the first.

describe.each(places)('in %s', (_, place) => {
  it('a run parked for longer than every retention continues, and sends nothing twice', async () => {
    const sent: { id: string | null; url: string; body: string }[] = []
    const lives = new Lives(place, {
      fetch: async request => {
        const body = await request.text()
        sent.push({ id: request.headers.get('webhook-id'), url: request.url, body })
        return Response.json({ ok: true })
      },
    })
    const effects: string[] = []
    let url = ''
    const declare = (server: CallbackServer) => {
      const child = server.workflow(
        'child',
        async run => await run.step('child', () => effects.push('child')),
      )
      return server.workflow('parent', async run => {
        const delivery = await run.send('hello', { to: 'https://partner.example/hello', body: { n: 1 } })
        const seen: unknown[] = [await delivery.done()]
        const answers = await run.spawn<number>('answers')
        url = answers.url
        const first = await answers.next()
        seen.push(first.data, await first.step('book', () => effects.push('book')))
        const offer = await run.exchange<string>('offer', {
          send: callback => ({ to: 'https://partner.example/offer', body: { callback } }),
        })
        seen.push(offer.data, await (await run.start('child', child)).result())
        seen.push((await answers.next({ timeout: '400d' })).data)
        seen.push((await delivery.response()).json())
        return seen
      })
    }
    const first = await lives.begin()
    const handle = await declare(first.server).start('1')
    await lives.clock.settle()
    await first.post(url, 1)
    await lives.clock.advance('1s')
    const { callback } = JSON.parse(sent[1]?.body ?? '{}') as { callback: string }
    await first.post(callback, 'an offer')
    await lives.clock.advance('5s')
    expect(await handle.status()).toMatchObject({ status: 'parked', waitingFor: ['answers'] })
    await lives.close(first)

    for (let month = 1; month <= 3; month++) {
      await lives.clock.advance('100d')
      const life = await lives.begin()
      declare(life.server)
      await lives.clock.advance('5m') // long enough to sweep
      await lives.close(life)
    }
    const last = await lives.begin()
    const parent = declare(last.server)
    expect((await last.post(url, 2)).status).toBe(202)
    await lives.clock.settle()
    expect(await (await parent.get('1'))?.result()).toEqual([
      'delivered',
      1,
      1,
      'an offer',
      2,
      2,
      { ok: true },
    ])
    expect(effects).toEqual(['book', 'child'])
    expect(sent.map(({ url }) => url)).toEqual([
      'https://partner.example/hello',
      'https://partner.example/offer',
    ])
  })
})
