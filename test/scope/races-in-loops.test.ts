import { describe, expect, it } from 'vitest'
import { createWait, type Wait } from '../../src/core/wait.js'
import { CancelledError, LeaseLostError, ServerClosedError, StoreUnavailableError } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { type Life, Lives, type Place, places } from '../support/lives.js'

/** What became of a callback in a loop of the user's: of its waits, and of its races. */
async function race({ server, post }: Life, lives: Lives) {
  const { clock } = lives
  const orders = await server.spawn('orders')
  await post(orders.url)
  const callback = await orders.next()
  const forEver = () => createWait<void>({ clock, what: 'nothing' }).wait
  const waits: Readonly<Record<string, Wait<unknown>>> = {
    wait: callback.sleep('alone', '1h'),
    race: callback.race('race', {
      short: () => callback.sleep('short', '1h'),
      long: () => callback.sleep('long', '2h'),
    }),
    any: callback.any('any', { one: () => callback.sleep('one', '1h') }),
    outer: callback.race('outer', {
      inner: () => callback.any('inner', { two: () => callback.sleep('two', '1h') }),
    }),
    foreign: callback.race('foreign', { ever: forEver }),
  }
  const ends: Record<string, unknown> = {}
  for (const [name, wait] of Object.entries(waits)) {
    wait.then(
      () => (ends[name] = 'won'),
      (error: unknown) => (ends[name] = (error as Error).constructor),
    )
  }
  await clock.settle()
  expect(ends).toEqual({})
  return { callback, ends, all: (end: unknown) => Object.fromEntries(Object.keys(waits).map(n => [n, end])) }
}

describe.each(places)('in %s, a race of a callback in a loop ends like its other waits', (_, place) => {
  it('with the server', async () => {
    const lives = new Lives(place)
    const life = await lives.begin()
    const { ends, all } = await race(life, lives)
    await life.server.close({ grace: 0 })
    await lives.clock.settle()
    expect(ends).toEqual(all(ServerClosedError))
  })

  it('with its acknowledgement', async () => {
    const lives = new Lives(place)
    const { callback, ends, all } = await race(await lives.begin(), lives)
    await callback.ack()
    await lives.clock.settle()
    expect(ends).toEqual(all(CancelledError))
  })
})

it('and with the lease', async () => {
  const store = memoryStore()
  const shared: Place = () => () => ({ name: store.name, exclusive: false, open: () => store.open() })
  const lives = new Lives(shared)
  const life = await lives.begin(async (name, run) => {
    if (name === 'renew') throw new StoreUnavailableError('down')
    return await run()
  })
  const { ends, all } = await race(life, lives)
  await lives.clock.advance('20s')
  expect(ends).toEqual(all(LeaseLostError))
})
