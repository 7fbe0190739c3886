import { describe, expect, it } from 'vitest'
import { Lives, places } from '../support/lives.js'

// The bug: whoever counts runs by what is observed counts some as failed, or as waiting to begin, for ever: nobody told him
// that they were ended by hand. Or he is told twice.

describe.each(places)('in %s', (_, place) => {
  it('the end of a run that is cancelled is observed once, however it comes to it', async () => {
    const lives = new Lives(place)
    const { server, observed } = await lives.begin()
    const ended = () => observed.flatMap(event => (event.type === 'run.ended' ? [event.status] : []))
    const order = server.workflow('order', { retry: false }, async run => {
      if (run.key === 'fails') throw new Error('no')
      await run.sleep('a while', '1h')
    })
    const failed = await order.start('fails')
    await lives.clock.settle()
    expect(ended()).toEqual(['failed'])
    await failed.cancel('enough')
    await failed.cancel('again')
    expect(ended()).toEqual(['failed', 'cancelled'])

    const never = await order.start('never begun', undefined, { after: '1h' })
    await never.cancel()
    expect(ended()).toEqual(['failed', 'cancelled', 'cancelled'])

    const running = await order.start('running')
    await lives.clock.advance('10s')
    await running.cancel()
    await lives.clock.advance('10s')
    expect(ended()).toEqual(['failed', 'cancelled', 'cancelled', 'cancelled'])

    const done = server.workflow('done', async () => 'done')
    const over = await done.start('1')
    await lives.clock.settle()
    await over.cancel()
    expect(ended()).toHaveLength(5)
  })
})
