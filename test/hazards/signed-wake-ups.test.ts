import { describe, expect, it } from 'vitest'
import type { CallbackServer } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: how a callback is checked is known only to the code that is waiting for it, and that code is not in memory.
// The third party is told 503 until somebody enters the run, and nobody does, because no callback comes.

describe.each(places)('in %s', (_, place) => {
  it('a parked run whose receiver needs a signature is woken by a signed callback, on a node that never entered it', async () => {
    const lives = new Lives(place)
    let url = ''
    const declare = (server: CallbackServer) => {
      const partner = server.source<{ n: number }>('partner', {
        verify: request => request.headers.get('signature') === 'ours',
      })
      return server.workflow('order', async run => {
        const answers = await run.spawn('answers', { from: partner })
        url = answers.url
        return (await answers.next({ timeout: '30d' })).data
      })
    }
    const first = await lives.begin()
    const handle = await declare(first.server).start('1')
    await lives.clock.advance('5s')
    expect((await handle.status()).status).toBe('parked')
    await lives.close(first)

    const second = await lives.begin()
    const order = declare(second.server)
    await lives.clock.advance('5s')
    const entered = () => second.observed.filter(({ type }) => type === 'run.entered').length
    expect((await second.post(url, { n: 1 })).status).toBe(401)
    await lives.clock.settle()
    expect(entered()).toBe(0)
    expect((await second.post(url, { n: 2 }, { signature: 'ours' })).status).toBe(202)
    await lives.clock.settle()
    expect(entered()).toBe(1)
    expect(await (await order.get('1'))?.result()).toEqual({ n: 2 })
  })

  it('where nobody can tell, the third party is told to come again', async () => {
    const lives = new Lives(place)
    const first = await lives.begin()
    let url = ''
    const partner = first.server.source('partner', { verify: () => true })
    const order = first.server.workflow('order', async run => {
      const answers = await run.spawn('answers', { from: partner })
      url = answers.url
      await answers.next()
    })
    await order.start('1')
    await lives.clock.advance('5s')
    const second = await lives.begin()
    const answer = await second.post(url)
    expect([answer.status, answer.headers.has('retry-after')]).toEqual([503, true])
  })
})
