import { describe, expect, it } from 'vitest'
import { KeyConflictError } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: the second turn of a loop finds the step of the first turn done, and returns its result. One customer is
// charged for all of them, and nothing fails.

describe.each(places)('in %s', (_, place) => {
  it('a step under one key in a loop fails on the second turn, before its effect', async () => {
    const lives = new Lives(place)
    const charged: string[] = []
    const errors: unknown[] = []
    for (let entry = 1; entry <= 2; entry++) {
      const { server, post } = await lives.begin()
      const orders = await server.spawn('orders')
      orders.consume({ retry: false }, async order => {
        for (const customer of ['ada', 'bob', 'cy']) {
          await order.step('charge', () => charged.push(customer)).catch(error => errors.push(error))
        }
        await new Promise(() => {})
      })
      if (entry === 1) await post(orders.url)
      await lives.clock.settle()
      expect(charged).toEqual(['ada'])
      expect(errors).toHaveLength(2 * entry)
    }
    for (const error of errors) {
      expect(error).toBeInstanceOf(KeyConflictError)
      expect(error).toMatchObject({
        key: 'charge',
        message: expect.stringContaining('put the item into the key'),
      })
    }
  })

  it('so does one in a run, which is final: no other try would change it', async () => {
    const lives = new Lives(place)
    const { server } = await lives.begin()
    const charged: string[] = []
    const billing = server.workflow('billing', async run => {
      for (const customer of ['ada', 'bob']) await run.step('charge', () => charged.push(customer))
    })
    const handle = await billing.start('may')
    await lives.clock.advance('1m')
    expect(charged).toEqual(['ada'])
    expect(await handle.status()).toMatchObject({ status: 'failed' })
    await expect(handle.result()).rejects.toMatchObject({ cause: { code: 'key_conflict' } })
  })
})
