import { describe, expect, it } from 'vitest'
import { type CallbackServer, DeliveryFailedError } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: the message of an exchange is refused for good, and whoever waits for the answer waits on, until his time-out
// of a week.

describe.each(places)('in %s', (_, place) => {
  it('a failed exchange fails at once, not at its time-out', async () => {
    const answers = [503, 503, 404]
    const lives = new Lives(place, {
      fetch: async () => new Response(null, { status: answers.shift() ?? 404 }),
    })
    const failures: { after: number; error: unknown }[] = []
    const declare = (server: CallbackServer) => {
      server.endpoint('partner', { url: 'https://partner.example/in', retry: ['10s', '10m'] })
      return server.workflow('ask', async run => {
        await run
          .exchange('offer', { send: url => ({ to: 'partner', body: { url } }), timeout: '7d' })
          .catch(error => failures.push({ after: lives.clock.now() - run.startedAt.getTime(), error }))
      })
    }
    const first = await lives.begin()
    await declare(first.server).start('1')
    await lives.clock.advance('1m')
    expect(failures).toEqual([])

    const second = await lives.begin() // parked meanwhile, it hears of it all the same
    const ask = declare(second.server)
    await lives.clock.advance('20m')
    await (await ask.get('1'))?.result()
    expect(failures).toHaveLength(1)
    const [{ after, error } = { after: 0, error: undefined }] = failures
    expect(error).toBeInstanceOf(DeliveryFailedError)
    expect(after).toBeGreaterThan(8 * 60_000)
    expect(after).toBeLessThan(13 * 60_000)
    expect(answers).toEqual([])
  })

  it('also in a callback, and on every entry of its scope', async () => {
    const lives = new Lives(place, { fetch: async () => new Response(null, { status: 404 }) })
    const errors: unknown[] = []
    for (let entry = 1; entry <= 2; entry++) {
      const { server, post } = await lives.begin()
      const orders = await server.spawn('orders')
      orders.consume(async order => {
        await order
          .exchange('offer', {
            send: url => ({ to: 'https://partner.example/in', body: { url } }),
            timeout: '7d',
          })
          .catch(error => errors.push(error))
        await new Promise(() => {})
      })
      if (entry === 1) await post(orders.url)
      await lives.clock.settle()
    }
    expect(errors).toHaveLength(2)
    for (const error of errors) expect(error).toBeInstanceOf(DeliveryFailedError)
  })
})
