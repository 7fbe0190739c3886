import { describe, expect, it } from 'vitest'
import { type Run, ScopeEndedError } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: a verb within a step is refused as such on the first try alone. The others, and whoever reads the result, are told
// of a key that was used twice.

describe.each(places)('in %s', (_, place) => {
  it.each<[string, (run: Run) => Promise<unknown>]>([
    ['step', run => run.step('inner', () => 1)],
    ['spawn', run => run.spawn('inner')],
    ['send', run => run.send('inner', { to: 'https://shop.example', body: 1 })],
    ['sleep', run => run.sleep('inner', '1s')],
    ['race', run => run.race('inner', { late: () => run.sleep('late', '1s') })],
  ])('%s within a step is refused on the one try that is made, and its key is left', async (_name, verb) => {
    const lives = new Lives(place)
    const { server } = await lives.begin()
    let tries = 0
    const caught: unknown[] = []
    const order = server.workflow('order', async run => {
      await run
        .step('outer', { retry: ['1s', '1s'] }, () => {
          tries++
          return verb(run)
        })
        .catch(error => caught.push(error))
      return await run.step('inner', () => 'beside it')
    })
    const handle = await order.start('1')
    await lives.clock.advance('1m')
    expect(await handle.result()).toBe('beside it')
    expect(tries).toBe(1)
    expect(caught).toEqual([expect.any(ScopeEndedError)])
  })

  it('a read within a step takes no number of those beside it', async () => {
    const lives = new Lives(place)
    const { server, post } = await lives.begin()
    let url = ''
    const order = (of: typeof server) =>
      of.workflow('order', async run => {
        const answers = await run.spawn('answers')
        url = answers.url
        await run.step('outer', () => answers.next()).catch(() => {})
        const { data } = await answers.next()
        await run.sleep('a while', '1h')
        return data
      })
    await order(server).start('1')
    await lives.clock.settle()
    await post(url, { n: 1 })
    await lives.clock.settle()

    const next = await lives.begin()
    const again = await order(next.server).get('1')
    await lives.clock.advance('2h')
    expect(await again?.result({ timeout: 0, fallback: () => 'it waits for a second one' })).toEqual({ n: 1 })
  })
})
