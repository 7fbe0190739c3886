import { describe, expect, it } from 'vitest'
import { Lives, places } from '../support/lives.js'

// The bug: a run that failed because no branch of an `any` succeeded is retried by hand, and does again what had failed long
// before, and was dealt with: a card that was declined is charged once more.

describe.each(places)('in %s', (_, place) => {
  it('a run that failed with an any keeps the failures that its code had dealt with', async () => {
    const lives = new Lives(place, { fetch: async () => new Response() })
    const { server, post } = await lives.begin()
    let [charges, url] = [0, '']
    const workflow = server.workflow('order', async run => {
      await run
        .step('charge', { retry: false }, () => {
          charges++
          throw new Error('declined')
        })
        .catch(() => 'by invoice')
      const stock = await run.spawn<number>('stock')
      url = stock.url
      const first = await run.any('first', {
        asked: () =>
          run.exchange('ask', {
            send: callback => ({ to: 'https://partner.example/in', body: { callback } }),
            timeout: '1m',
          }),
        inner: () => run.any('inner', { stock: () => stock.next({ timeout: '1m' }) }),
      })
      return first.name
    })
    const handle = await workflow.start('1')
    await lives.clock.advance('5m')
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'AggregateError' } })
    expect(charges).toBe(1)

    await post(url, 7)
    await handle.retry()
    await lives.clock.advance('5s')
    expect(await handle.result({ timeout: '1s' })).toBe('inner')
    expect(charges).toBe(1)
  })
})
