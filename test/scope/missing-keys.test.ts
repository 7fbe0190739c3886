import { describe, expect, it } from 'vitest'
import { InvalidOptionsError, type Run } from '../../src/index.js'
import { openTestServer } from '../support/server.js'

// What would be wrong without it: a key that was left out is told of as whatever stands in its place.

/** Calls that TypeScript refuses, and JavaScript does not. */
type Loose = Record<
  'spawn' | 'send' | 'exchange' | 'start' | 'step' | 'sleep' | 'race' | 'any',
  (...given: unknown[]) => unknown
>

const to = 'https://shop.example'

async function messageOf(call: (run: Loose) => unknown): Promise<unknown> {
  await using bench = await openTestServer()
  const order = bench.server.workflow('order', async (run: Run) => {
    try {
      await call(run as unknown as Loose)
    } catch (error) {
      return error instanceof InvalidOptionsError ? error.message : error
    }
    return 'nothing was wrong'
  })
  const handle = await order.start('1')
  await bench.clock.settle()
  return await handle.result({ timeout: 0 })
}

describe('a verb of a scope without its key', () => {
  it.each<[string, (run: Loose) => unknown, string]>([
    ['spawn', run => run.spawn(), "spawn needs a key, by which it is remembered: spawn('answers')"],
    ['spawn', run => run.spawn({ ttl: '1h' }), "spawn('answers')"],
    ['send', run => run.send({ to, body: 1 }), "send('inform', { to, body })"],
    ['exchange', run => run.exchange({ send: () => ({ to }) }), "exchange('pay', { send: url => "],
    ['start', run => run.start({ name: 'child' }, 1), "start('child', workflow, input)"],
    ['step', run => run.step(() => 1), "step('charge', () => …)"],
    ['step', run => run.step({ retry: false }, () => 1), "step('charge', () => …)"],
    ['sleep', run => run.sleep(5), "sleep('a while', '5m')"],
    ['sleep', run => run.sleep('5m'), "sleep needs a key and a time: sleep('a while', '5m')"],
    [
      'race',
      run => run.race({ a: () => run.sleep('a', '1s') }),
      "race('first', { paid: () => …, late: () => … })",
    ],
    [
      'any',
      run => run.any({ a: () => run.sleep('a', '1s') }),
      "any('first', { here: () => …, there: () => … })",
    ],
  ])('names it, and shows the call: %s', async (name, call, shown) => {
    const message = await messageOf(call)
    expect(message).toContain(shown)
    expect(message).toMatch(new RegExp(`^${name} needs a key`))
  })

  it('or with one that cannot be names the verb, too', async () => {
    expect(await messageOf(run => run.step('', () => 1))).toBe('The key of step must not be empty')
  })
})

it('a sleep names its key where its time cannot be', async () => {
  expect(await messageOf(run => run.sleep('cool down', 'soon'))).toContain(
    "The time of sleep 'cool down' is 'soon'",
  )
  expect(await messageOf(run => run.sleep('cool down', new Date('')))).toBe(
    "The time of sleep 'cool down' is an invalid date",
  )
})

it('an exchange whose send returns a promise says that it must not, in a scope and on the server', async () => {
  const send = async () => Promise.reject(new Error('nobody hears of it'))
  expect(await messageOf(run => run.exchange('pay', { send }))).toContain(
    'send of an exchange is no async function',
  )
  await using bench = await openTestServer()
  expect(() => bench.server.exchange('pay', { send: send as unknown as () => { to: string } })).toThrow(
    'send of an exchange is no async function',
  )
})
