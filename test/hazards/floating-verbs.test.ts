import { describe, expect, it, onTestFinished } from 'vitest'
import type { CallbackServer, Scope } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: a step that nobody awaited fails after its handler has returned, and the whole process dies of it.

/** What Node would have ended the process with. */
function listenForUnhandled(): unknown[] {
  const unhandled: unknown[] = []
  const listen = (reason: unknown) => void unhandled.push(reason)
  process.on('unhandledRejection', listen)
  onTestFinished(() => void process.off('unhandledRejection', listen))
  return unhandled
}

/** Node tells of unhandled rejections when the microtasks are done. */
function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve))
}

const WARNING =
  'a verb that was not awaited failed after the code of its scope had ended; nothing else comes of it'

describe.each(places)('in %s', (_, place) => {
  it.each<[string, (server: CallbackServer, code: (scope: Scope) => void) => Promise<string>]>([
    [
      'a run',
      async (server, code) => {
        await server.workflow('order', async run => code(run)).start('1')
        return ''
      },
    ],
    [
      'a handler',
      async (server, code) => {
        const orders = await server.spawn('orders')
        orders.consume(order => code(order))
        return orders.url
      },
    ],
  ])('a step of %s that was not awaited and fails is a warning that names it', async (_kind, begin) => {
    const unhandled = listenForUnhandled()
    const lives = new Lives(place)
    const { server, post, logged } = await lives.begin()
    let fail = (_error: Error) => {}
    const url = await begin(server, scope => {
      void scope.step('mail', { retry: false }, () => new Promise((_resolve, reject) => (fail = reject)))
    })
    if (url !== '') await post(url)
    await lives.clock.settle()
    fail(new Error('no mail today'))
    await lives.clock.settle()
    await nextTurn()

    expect(unhandled).toEqual([])
    expect(logged.filter(({ message }) => message === WARNING)).toEqual([
      {
        level: 'warn',
        facts: expect.objectContaining({
          step: 'mail',
          err: expect.objectContaining({ message: 'no mail today' }),
        }),
        message: WARNING,
      },
    ])
  })

  it('also one that is begun when the code has returned', async () => {
    const unhandled = listenForUnhandled()
    const lives = new Lives(place)
    const { server, logged } = await lives.begin()
    const order = server.workflow('order', async run => {
      const later = async () => {
        await run.step('slow', () => nextTurn())
        void run.step('mail', { retry: false }, () => Promise.reject(new Error('no mail today')))
      }
      void later()
    })
    const handle = await order.start('1')
    await nextTurn()
    await lives.clock.settle()
    await nextTurn()
    await lives.clock.settle()
    expect(await handle.result()).toBe(undefined)
    expect(unhandled).toEqual([])
    expect(logged.map(({ message }) => message)).toEqual([WARNING])
  })

  it('nor does a step of a loop end the process that is under way when the server closes', async () => {
    const unhandled = listenForUnhandled()
    const lives = new Lives(place)
    const { server, post } = await lives.begin()
    const orders = await server.spawn('orders')
    let begun = 0
    const loop = async () => {
      for await (const order of orders) {
        void order.step('mail', () => new Promise(() => begun++))
        await new Promise(() => {})
      }
    }
    void loop()
    await post(orders.url)
    await lives.clock.settle()
    expect(begun).toBe(1)
    await server.close({ grace: 0 })
    await nextTurn()
    expect(unhandled).toEqual([])
  })

  it('whoever listens hears of it all the same, and what fails while the code runs is theirs', async () => {
    const lives = new Lives(place)
    const { server, logged } = await lives.begin()
    const heard: unknown[] = []
    const order = server.workflow('order', async run => {
      await run
        .step('first', { retry: false }, () => Promise.reject(new Error('one')))
        .catch(e => heard.push(e.message))
      void run
        .step('second', { retry: false }, () => Promise.reject(new Error('two')))
        .catch(e => heard.push(e.message))
    })
    await order.start('1')
    await lives.clock.settle()
    expect(heard).toEqual(['one', 'two'])
    expect(logged.map(({ message }) => message)).toEqual([WARNING])
  })
})
