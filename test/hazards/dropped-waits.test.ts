import { describe, expect, it } from 'vitest'
import type { CallbackServer, Scope } from '../../src/index.js'
import type { Store } from '../../src/store/store.js'
import { Lives, type Place, places } from '../support/lives.js'
import { withCommands } from '../support/store.js'

// The bugs: a wait is given up by throwing into the code that waits. A deploy looks like a failure, and every healthy saga
// refunds what it has booked; and code that swallows errors asks again at once, for ever, and holds up the process.

describe.each(places)('in %s', (_, place) => {
  /** A saga that would compensate, if anything were thrown into it; it sleeps for an hour in all. */
  const saga = (effects: string[]) => async (scope: Scope) => {
    effects.push('entered')
    try {
      await scope.step('book', () => effects.push('booked'))
      await scope.sleep('a while', '1h')
      effects.push('rested')
    } catch {
      effects.push('refunded')
    } finally {
      effects.push('over')
    }
  }
  const declare = async (server: CallbackServer, effects: string[]) => {
    const orders = await server.spawn('orders')
    orders.consume(saga(effects))
    return { orders, trip: server.workflow('trip', saga(effects)) }
  }

  it('a wait dropped by closing runs no catch and no finally', async () => {
    const lives = new Lives(place, { parkAfter: false })
    const effects: string[] = []
    const first = await lives.begin()
    const { orders, trip } = await declare(first.server, effects)
    await trip.start('1')
    await first.post(orders.url)
    await lives.clock.settle()
    const closed = first.server.close()
    await lives.clock.advance('10s')
    await closed
    expect(effects.sort()).toEqual(['booked', 'booked', 'entered', 'entered'])

    effects.length = 0
    const second = await lives.begin()
    await declare(second.server, effects)
    await lives.clock.advance('2h')
    expect(effects.sort()).toEqual(['entered', 'entered', 'over', 'over', 'rested', 'rested'])
  })

  it('nor does one dropped by parking, whose signal is not aborted', async () => {
    const lives = new Lives(place)
    const effects: string[] = []
    const { server } = await lives.begin()
    const trip = server.workflow('trip', async run => {
      run.signal.addEventListener('abort', () => effects.push('aborted'))
      await saga(effects)(run)
    })
    const handle = await trip.start('1')
    await lives.clock.advance('10s')
    expect((await handle.status()).status).toBe('parked')
    expect(effects).toEqual(['entered', 'booked'])
    await lives.clock.advance('2h')
    expect(effects).toEqual(['entered', 'booked', 'entered', 'rested', 'over'])
  })

  it('nor one whose lease is lost: it goes on when it is taken over', async () => {
    const lost = { now: false }
    const shared: Place = () => {
      const open = place()
      return () => losingLeases(open(), lost)
    }
    const lives = new Lives(shared, { parkAfter: false })
    const effects: string[] = []
    const { server, post } = await lives.begin()
    const { orders, trip } = await declare(server, effects)
    const handle = await trip.start('1')
    await post(orders.url)
    await lives.clock.advance('1m')
    expect(effects.sort()).toEqual(['booked', 'booked', 'entered', 'entered'])
    lost.now = true
    await lives.clock.advance('2h')
    expect(effects.sort()).toEqual([
      'booked',
      'booked',
      ...Array.from({ length: 4 }, () => 'entered'),
      'over',
      'over',
      'rested',
      'rested',
    ])
    expect((await handle.status()).status).toBe('done')
  })

  it('a handler that swallows every error cannot starve the process', async () => {
    const lives = new Lives(place)
    const turns = { run: 0, callback: 0 }
    const stubborn = (which: keyof typeof turns) => async (scope: Scope) => {
      for (;;) {
        try {
          await scope.sleep(`turn ${++turns[which]}`, '1h')
          return
        } catch {
          // tries the next turn
        }
      }
    }
    const first = await lives.begin()
    first.server.workflow('stubborn', stubborn('run'))
    const orders = await first.server.spawn('orders')
    orders.consume(stubborn('callback'))
    await first.server.workflow('stubborn', stubborn('run')).start('1')
    await first.post(orders.url)
    await lives.clock.advance('10s') // the run is parked
    const closed = first.server.close()
    await lives.clock.advance('10s')
    await closed
    expect(turns).toEqual({ run: 1, callback: 1 })
  })
})

/** A store that is shared with others, as far as the server knows; it says once that a lease is gone. */
function losingLeases(store: Store, lost: { now: boolean }): Store {
  const changed = withCommands(store, session => ({
    renew: async input => {
      if (!lost.now) return await session.renew(input)
      lost.now = false
      return false
    },
  }))
  return { name: changed.name, exclusive: false, open: () => changed.open() }
}
