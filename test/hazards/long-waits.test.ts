import { describe, expect, it } from 'vitest'
import { CallbackServer, type Scope, TimeoutError } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'
import { publicUrl } from '../support/server.js'

// The bugs: a deadline that is counted from the last restart, and so never comes; and a delay beyond what the platform's
// timers can hold, which makes them fire at once.

const DAY = 86_400_000

describe.each(places)('in %s', (_, place) => {
  it('a wait of three days, restarted every day, ends after three days', async () => {
    const lives = new Lives(place, { fetch: async () => new Response() })
    const start = lives.clock.now()
    const ends: Record<string, number[]> = {}
    const wait = async (scope: Scope, name: string) => {
      const answers = await scope.spawn('answers')
      const waits = {
        read: () => answers.next({ timeout: '3d' }),
        exchange: () =>
          scope.exchange('offer', {
            send: url => ({ to: 'https://partner.example/', body: { url } }),
            timeout: '3d',
          }),
        sleep: () => scope.sleep('sleep', '3d'),
        race: () =>
          scope.race('race', { never: () => answers.next(), late: () => scope.sleep('late', '3d') }),
      }
      const which = waits[name as keyof typeof waits]
      const error = await which().then(
        () => undefined,
        error => error,
      )
      if (name === 'read' || name === 'exchange') expect(error).toBeInstanceOf(TimeoutError)
      ends[name] = [...(ends[name] ?? []), lives.clock.now() - start]
    }
    const names = ['read', 'exchange', 'sleep', 'race']
    const begin = async () => {
      const { server, post } = await lives.begin()
      const story = server.workflow('story', async (run, name: string) => await wait(run, name))
      const orders = await server.spawn<string>('orders')
      orders.consume({ concurrency: 10 }, async order => await wait(order, order.data))
      return { story, post: (name: string) => post(orders.url, name) }
    }
    for (let day = 0; day < 3; day++) {
      const { story, post } = await begin()
      for (const name of day === 0 ? names : []) {
        await story.start(name, name)
        await post(name)
      }
      await lives.clock.advance('10s')
      await lives.kill()
      await lives.clock.advance(DAY - 10_000 - (day === 2 ? 10_000 : 0))
    }
    await begin()
    await lives.clock.advance(9_999)
    expect(ends).toEqual({})
    await lives.clock.advance(1)
    for (const name of names) expect(ends[name]).toEqual([3 * DAY, 3 * DAY])
  })

  it('a sleep of 30 days does not fire at once', async () => {
    const open = place()
    for (const parkAfter of [false, 0] as const) {
      const server = await CallbackServer.open({ store: open(), publicUrl, parkAfter })
      const sleepy = server.workflow(`sleepy ${parkAfter}`, async run => {
        const first = await run.race('first', {
          month: () => run.sleep('month', '30d'),
          moment: () => run.sleep('moment', 100),
        })
        return first.name
      })
      expect(await (await sleepy.start('1')).result()).toBe('moment')
      await server.close({ grace: 0 })
    }
  })
})
