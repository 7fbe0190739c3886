import { describe, expect, it } from 'vitest'
import type { CallbackServer } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'
import { collect } from '../support/server.js'

// The bugs: every restart counts as a failure, so a patient callback is given up after a week of deploys; or none does,
// and one that kills its process does so until somebody looks.

describe.each(places)('in %s', (_, place) => {
  it('a callback whose scope waits through a hundred orderly restarts is not set aside', async () => {
    const lives = new Lives(place)
    const answered: unknown[] = []
    const attempts: number[] = []
    let url = ''
    const declare = async (server: CallbackServer) => {
      const orders = await server.spawn('orders')
      orders.consume(async order => {
        attempts.push(order.attempt)
        const answers = await order.spawn('answers')
        url = answers.url
        answered.push((await answers.next()).data)
      })
      return orders
    }
    for (let restart = 0; restart <= 100; restart++) {
      const life = await lives.begin()
      const orders = await declare(life.server)
      if (restart === 0) await life.post(orders.url)
      await lives.clock.settle()
      expect(await collect(orders.failed())).toEqual([])
      await lives.close(life)
    }
    const last = await lives.begin()
    await declare(last.server)
    await last.post(url, 'at last')
    await lives.clock.settle()
    expect(answered).toEqual(['at last'])
    expect(attempts).toEqual(Array.from({ length: 102 }, () => 1))
  })

  it('one that kills its process again and again is, unless it gets a little further each time', async () => {
    const lives = new Lives(place)
    let handed = 0
    const declare = async (server: CallbackServer) => {
      const orders = await server.spawn<string>('orders')
      orders.consume({ concurrency: 2 }, async order => {
        if (order.data === 'deadly') handed++
        else await order.step(`entry ${order.attempt}`, () => order.attempt)
        await new Promise(() => {})
      })
      return orders
    }
    const first = await lives.begin()
    const { url } = await declare(first.server)
    await first.post(url, 'deadly')
    await first.post(url, 'slow')
    await lives.clock.settle()
    for (let crash = 1; crash <= 30; crash++) {
      const { server } = await lives.begin()
      await declare(server)
      await lives.clock.settle()
    }
    const { server } = await lives.begin()
    const failed = await collect((await server.spawn('orders')).failed())
    expect(failed.map(({ callback, reason }) => [callback.data, reason])).toEqual([['deadly', 'crashes']])
    expect(handed).toBe(20)
  })

  it('a run that is parked outlives any number of crashes, while one that causes them fails', async () => {
    const lives = new Lives(place)
    let entered = 0
    const declare = (server: CallbackServer) => ({
      deadly: server.workflow('deadly', async () => {
        entered++
        await new Promise(() => {})
      }),
      patient: server.workflow('patient', async run => {
        await run.sleep('long', '30d')
        return 'rested'
      }),
    })
    for (let crash = 0; crash <= 30; crash++) {
      const { server } = await lives.begin()
      const { deadly, patient } = declare(server)
      await deadly.start('1')
      await patient.start('1')
      await lives.clock.advance('2s') // it is parked by then, and in nobody's memory
    }
    await lives.kill()
    await lives.clock.advance('30d')
    const { server } = await lives.begin()
    const { deadly, patient } = declare(server)
    await lives.clock.settle()
    expect(entered).toBe(20)
    expect((await (await deadly.get('1'))?.status())?.status).toBe('failed')
    expect(await (await patient.get('1'))?.result()).toBe('rested')
  })
})
