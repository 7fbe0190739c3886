import { describe, expect, it } from 'vitest'
import type { Scope } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: code that waits for an answer throws beside that wait, and is tried again. The exchange was closed behind it: the
// answer reads `410`, and every later entry fails with the same ReceiverClosedError.

function begin(place: (typeof places)[number][1]) {
  const urls: string[] = []
  const lives = new Lives(place, {
    fetch: async request => {
      urls.push(((await request.json()) as { url: string }).url)
      return new Response()
    },
  })
  return { urls, lives }
}

const to = 'https://partner.example/in'

/** Asks, and does something beside that. */
async function askBeside(scope: Scope, other: () => Promise<void>): Promise<string> {
  const [answer] = await Promise.all([
    scope.exchange<string>('ask', { send: url => ({ to, body: { url } }) }),
    other(),
  ])
  return answer.data
}

describe.each(places)('in %s', (_, place) => {
  it('a run that is tried again finds its exchange as it was', async () => {
    const { urls, lives } = begin(place)
    const { server, post } = await lives.begin()
    let tries = 0
    const workflow = server.workflow('order', run =>
      askBeside(run, async () => {
        await run.sleep('a while', '1s')
        if (++tries === 1) throw new Error('it passes')
      }),
    )
    const handle = await workflow.start('1')
    await lives.clock.advance('30s')
    expect(tries).toBe(2)
    expect((await post(urls[0] ?? '', 'yes')).status).toBe(202)
    expect(await handle.result({ timeout: '5s' })).toBe('yes')
    expect(urls).toHaveLength(1)
  })

  it('so does a handler', async () => {
    const { urls, lives } = begin(place)
    const { server, post } = await lives.begin()
    const answers: string[] = []
    let tries = 0
    const orders = await server.spawn('orders')
    orders.consume(async order => {
      const answer = await askBeside(order, async () => {
        await order.sleep('a while', '1s')
        if (++tries === 1) throw new Error('it passes')
      })
      answers.push(answer)
    })
    await post(orders.url)
    await lives.clock.advance('30s')
    expect((await post(urls[0] ?? '', 'yes')).status).toBe(202)
    await lives.clock.settle()
    expect(answers).toEqual(['yes'])
    expect(urls).toHaveLength(1)
  })

  it('and a run that failed for something else, when it is retried by hand', async () => {
    const { urls, lives } = begin(place)
    const { server, post } = await lives.begin()
    let tries = 0
    const workflow = server.workflow('order', run =>
      askBeside(run, async () => {
        await run.sleep('a while', '1s')
        await run.step('book', { retry: false }, () => {
          if (++tries === 1) throw new Error('down')
        })
      }),
    )
    const handle = await workflow.start('1')
    await lives.clock.advance('30s')
    expect((await handle.status()).status).toBe('failed')
    expect((await post(urls[0] ?? '', 'yes')).status).toBe(202)
    await handle.retry()
    await lives.clock.settle()
    expect(await handle.result({ timeout: '5s' })).toBe('yes')
  })

  it('what is given up while the code goes on closes, and so does what it left when it returns', async () => {
    const { urls, lives } = begin(place)
    const { server, post } = await lives.begin()
    const workflow = server.workflow('order', async run => {
      const given = run.exchange('given up', { send: url => ({ to, body: { url } }) })
      await run.sleep('a while', '1s')
      given.cancel()
      void run.exchange('left', { send: url => ({ to, body: { url } }) })
      await run.sleep('a while more', '1s')
      expect((await post(urls[0] ?? '')).status).toBe(410)
      expect((await post(urls[1] ?? '')).status).toBe(202)
    })
    const handle = await workflow.start('1')
    await lives.clock.advance('10s')
    await handle.result({ timeout: '5s' })
    expect((await post(urls[1] ?? '')).status).toBe(410)
  })
})
