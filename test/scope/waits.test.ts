import { describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

describe.each(places)('in %s, a wait of a scope', (_, place) => {
  it('refuses a fallback that is no function, before its time is over', async () => {
    const lives = new Lives(place)
    const { server } = await lives.begin()
    const flow = server.workflow('flow', async run => {
      const box = await run.spawn('box')
      const fallback = 'late' as unknown as () => string
      expect(() => box.next({ timeout: '1h', fallback })).toThrow(InvalidOptionsError)
      return 'refused'
    })
    const handle = await flow.start('1')
    await lives.clock.settle()
    expect(await handle.result({ timeout: '1s' })).toBe('refused')
  })

  it('for an answer, given up when that has come, says in the log that nobody will read it', async () => {
    const urls: string[] = []
    const lives = new Lives(place, {
      parkAfter: false,
      fetch: async request => {
        urls.push(((await request.json()) as { url: string }).url)
        return new Response()
      },
    })
    let cancel = () => {}
    const { server, post, logged } = await lives.begin(async (name, run) => {
      if (name === 'decide' && urls.length > 0) cancel()
      return await run()
    })
    const flow = server.workflow('flow', async run => {
      const answer = run.exchange('ask', {
        send: url => ({ to: 'https://partner.example/in', body: { url } }),
      })
      cancel = () => answer.cancel()
      await answer.catch(() => {})
      await run.sleep('on', '1m')
    })
    await flow.start('1')
    await lives.clock.settle()
    expect((await post(urls[0] ?? '', 'yes')).status).toBe(202)
    await lives.clock.settle()
    const facts = { receiverId: expect.stringMatching(/^rcv/), unread: 1 }
    const message = 'a receiver ended with callbacks that nobody has read'
    expect(logged).toEqual([{ level: 'warn', message, facts }])
  })
})
