import { describe, expect, it } from 'vitest'
import { Lives, places } from '../support/lives.js'

// The bug: each receiver that ends in good order is a warning in the log, that it ended with callbacks nobody has read: none.

const WARNING = 'a receiver ended with callbacks that nobody has read'

describe.each(places)('in %s', (_, place) => {
  it('what ends with nothing unread is no line in the log, and whoever waits hears of it', async () => {
    const lives = new Lives(place)
    const { server, post, logged } = await lives.begin()
    const order = server.workflow('order', async run => {
      const answers = await run.spawn('answers', { ttl: '30s' })
      await answers.next({ timeout: '10s', fallback: () => null })
    })
    await order.start('1')
    const brief = await server.spawn('brief', { ttl: '10s' })
    await post(brief.url)
    await (await brief.next()).ack()
    const ended = brief.next().catch(error => error)
    await server.spawn({ ttl: '10s' })
    await lives.clock.advance('3m')
    expect(await ended).toMatchObject({ code: 'receiver_closed', reason: 'expired' })
    expect(logged).toEqual([])
  })

  it('what ends with unread callbacks is one warning, with its key', async () => {
    const lives = new Lives(place)
    const { server, post, logged } = await lives.begin()
    const brief = await server.spawn('brief', { ttl: '10s' })
    await post(brief.url)
    await lives.clock.advance('3m')
    expect(logged).toEqual([
      { level: 'warn', facts: { receiverId: brief.id, key: 'brief', unread: 1 }, message: WARNING },
    ])
  })
})
