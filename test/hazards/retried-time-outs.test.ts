import { describe, expect, it } from 'vitest'
import type { CallbackServer, Scope } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'
import { collect } from '../support/server.js'

// The bug: the time-out that a run failed with is remembered, so that it fails again, however often it is retried; or
// everything is forgotten with it, and what had succeeded is done a second time.

describe.each(places)('in %s', (_, place) => {
  const effects: string[] = []
  /** Gives up for want of an answer; before, it had done without another. */
  const ask = async (scope: Scope, urls: string[]) => {
    const optional = await scope.spawn('optional')
    const answers = await scope.spawn<number>('answers')
    urls.splice(0, 2, optional.url, answers.url)
    const dealtWith = await optional.next({ timeout: '10s' }).catch(() => 'without it')
    await scope.step('book', () => effects.push('booked'))
    await scope.send('hello', { to: 'https://partner.example/hello' })
    const first = await scope.race('first', {
      answer: () => answers.next({ timeout: '1m' }),
      late: () => scope.sleep('late', '1d'),
    })
    if (first.name === 'late') return 'too late'
    return [dealtWith, first.value.data]
  }

  it('a run that failed for a time-out succeeds when it is retried and the callback has come', async () => {
    let sent = 0
    const lives = new Lives(place, {
      fetch: async () => {
        sent++
        return new Response()
      },
    })
    effects.length = 0
    const urls: string[] = []
    const declare = (server: CallbackServer) => server.workflow('order', async run => await ask(run, urls))
    const first = await lives.begin()
    const handle = await declare(first.server).start('1')
    await lives.clock.advance('5m')
    expect(await handle.status()).toMatchObject({ status: 'failed' })
    await expect(handle.result()).rejects.toMatchObject({ cause: { name: 'TimeoutError' } })

    const second = await lives.begin()
    const again = await declare(second.server).start('1')
    for (const url of urls) expect((await second.post(url, 5)).status).toBe(202)
    await lives.clock.settle()
    expect((await again.status()).status).toBe('failed')
    await again.retry()
    await lives.clock.settle()
    expect(await again.result()).toEqual(['without it', 5])
    expect([effects, sent]).toEqual([['booked'], 1])
  })

  it('without one it waits as long again, and fails again', async () => {
    const lives = new Lives(place, { fetch: async () => new Response() })
    const urls: string[] = []
    const { server } = await lives.begin()
    const handle = await server.workflow('order', async run => await ask(run, urls)).start('1')
    await lives.clock.advance('5m')
    await handle.retry()
    await lives.clock.advance('59s')
    expect((await handle.status()).status).toBe('parked')
    await lives.clock.advance('2s')
    expect((await handle.status()).status).toBe('failed')
  })

  it('so does a callback that was set aside for one', async () => {
    const lives = new Lives(place, { fetch: async () => new Response() })
    effects.length = 0
    const urls: string[] = []
    const { server, post } = await lives.begin()
    const results: unknown[] = []
    const orders = await server.spawn('orders')
    orders.consume(async order => void results.push(await ask(order, urls)))
    await post(orders.url)
    await lives.clock.advance('5m')
    const [failed] = await collect(orders.failed())
    expect(failed).toMatchObject({ reason: 'handler', error: { name: 'TimeoutError' } })
    for (const url of urls) await post(url, 5)
    await failed?.retry()
    await lives.clock.settle()
    expect(results).toEqual([['without it', 5]])
    expect(effects).toEqual(['booked'])
  })
})
