import { describe, expect, it } from 'vitest'
import type { Scope } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: a callback that was read within a scope is a scope of its own, and what it remembers goes when it is
// acknowledged, or is looked for under the key of the scope around it. The parent is entered again, and books twice.

describe.each(places)('in %s', (_, place) => {
  it('steps of a callback that was read from a receiver of a scope are not repeated when the parent is re-entered', async () => {
    const lives = new Lives(place)
    const effects: string[] = []
    let url = ''
    const read = async (scope: Scope) => {
      const answers = await scope.spawn<{ n: number }>('answers')
      url = answers.url
      const results: unknown[] = []
      for (let n = 0; n < 2; n++) {
        const answer = await answers.next()
        results.push(await answer.step('book', () => effects.push(`answer ${answer.data.n}`)))
        const details = await answer.spawn('details')
        await answer.send('thank', { to: 'https://partner.example/thanks', body: { n, url: details.url } })
        await answer.ack()
      }
      results.push(await scope.step('book', () => effects.push('scope')))
      return results
    }
    const seen: unknown[] = []
    const [inRun, inCallback] = [[] as string[], [] as string[]]
    for (let entry = 1; entry <= 3; entry++) {
      const { server, post } = await lives.begin()
      const orders = await server.spawn('orders')
      orders.consume(async order => {
        seen.push(await read(order))
        await new Promise(() => {})
      })
      if (entry === 1) await post(orders.url)
      await lives.clock.settle()
      inCallback.push(url)
      if (entry === 1) for (const n of [1, 2]) await post(url, { n })
      await lives.clock.settle()
    }
    expect(effects).toEqual(['answer 1', 'answer 2', 'scope'])
    expect(seen).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ])

    effects.length = 0
    seen.length = 0
    for (let entry = 1; entry <= 3; entry++) {
      const { server, post } = await lives.begin()
      const approve = server.workflow('approve', async run => {
        seen.push(await read(run))
        await new Promise(() => {})
      })
      if (entry === 1) await approve.start('1')
      await lives.clock.settle()
      inRun.push(url)
      if (entry === 1) for (const n of [1, 2]) await post(url, { n })
      await lives.clock.settle()
    }
    expect(effects).toEqual(['answer 1', 'answer 2', 'scope'])
    expect(seen).toEqual([
      [1, 2, 3],
      [1, 2, 3],
      [1, 2, 3],
    ])
    expect([new Set(inCallback).size, new Set(inRun).size]).toEqual([1, 1])
  })
})
