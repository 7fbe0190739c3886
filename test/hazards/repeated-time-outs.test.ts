import { describe, expect, it } from 'vitest'
import { type Scope, TimeoutError } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: a wait that ended by the clock leaves nothing behind. The scope is entered again, the callback has come by
// then, and code that had taken one way takes the other: what was refunded is shipped as well.

describe.each(places)('in %s', (_, place) => {
  it('a wait that already timed out times out again on re-entry, even if the callback has arrived since', async () => {
    const lives = new Lives(place, { fetch: async () => new Response() })
    let urls: string[] = []
    const wait = async (scope: Scope) => {
      const answers = await scope.spawn<number>('answers')
      urls = [answers.url]
      const seen: unknown[] = [
        await answers.next({ timeout: '5s', fallback: () => 'late' }),
        await answers.next({ timeout: 0 }).catch(error => error instanceof TimeoutError),
      ]
      const first = await scope.race('first', {
        answer: () => answers.next(),
        late: () => scope.sleep('late', '5s'),
      })
      seen.push(first.name)
      seen.push(
        await scope.exchange('offer', {
          send: url => {
            urls.push(url)
            return { to: 'https://partner.example/offers', body: { url } }
          },
          timeout: '5s',
          fallback: () => 'no offer',
        }),
      )
      return { seen, answers }
    }
    const results: unknown[] = []
    for (let entry = 1; entry <= 3; entry++) {
      const { server, post } = await lives.begin()
      const orders = await server.spawn('orders')
      orders.consume(async order => {
        const { seen, answers } = await wait(order)
        if (entry > 1) seen.push((await answers.next()).data)
        results.push(seen)
        await new Promise(() => {})
      })
      if (entry === 1) await post(orders.url)
      await lives.clock.advance('1m')
      if (entry === 1) for (const url of urls) expect((await post(url, 7)).status).toBe(202)
    }
    const late = ['late', true, 'late', 'no offer']
    expect(results).toEqual([late, [...late, 7], [...late, 7]])
  })
})
