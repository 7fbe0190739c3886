import { describe, expect, it } from 'vitest'
import { NonRetryableError } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// What would be wrong without it: a run failed, and the log does not say of what, or in which step.

const named = { workflow: 'order', key: '7', attempt: 1 }
const failing = (message: string) => () => Promise.reject(new Error(message))

describe.each(places)('in %s, the log tells', (_, place) => {
  it('of each try of a step that is followed by another, and which step a run failed in', async () => {
    const lives = new Lives(place)
    const { server, logged } = await lives.begin()
    const order = server.workflow('order', async run => {
      await run.step('charge', { retry: ['1s', '2s'] }, failing('declined'))
    })
    await order.start('7')
    await lives.clock.advance('1m')

    const runId = expect.stringMatching(/^run_/)
    const err = expect.objectContaining({ message: 'declined' })
    const retried = { runId, ...named, step: 'charge', err }
    expect(logged).toEqual([
      {
        level: 'warn',
        facts: { ...retried, stepAttempt: 1, retryInMs: expect.any(Number) },
        message: 'a step failed; it is tried again',
      },
      {
        level: 'warn',
        facts: { ...retried, stepAttempt: 2, retryInMs: expect.any(Number) },
        message: 'a step failed; it is tried again',
      },
      { level: 'error', facts: retried, message: 'a run failed' },
    ])
  })

  it('the step also where its error was wrapped, and none where it was not a step', async () => {
    const lives = new Lives(place)
    const { server, logged } = await lives.begin()
    const order = server.workflow('order', async (run, how: 'wrapped' | 'own') => {
      try {
        await run.step('charge', { retry: false }, failing('declined'))
      } catch (cause) {
        throw how === 'wrapped' ? new Error('no order', { cause }) : new NonRetryableError('no order')
      }
    })
    await order.start('7', 'wrapped')
    await order.start('8', 'own')
    await lives.clock.settle()
    expect(logged.map(({ facts }) => facts)).toEqual([
      expect.objectContaining({ key: '7', step: 'charge' }),
      expect.not.objectContaining({ step: expect.anything() }),
    ])
  })

  it('the error also where the result of a run cannot be stored', async () => {
    const lives = new Lives(place)
    const { server, logged } = await lives.begin()
    await server.workflow('order', async () => ({ send: () => {} })).start('7')
    await lives.clock.settle()
    expect(logged).toEqual([
      {
        level: 'error',
        facts: {
          runId: expect.any(String),
          ...named,
          err: expect.objectContaining({ code: 'unstorable_value' }),
        },
        message: 'a run failed',
      },
    ])
  })

  it('the step that a handler failed in', async () => {
    const lives = new Lives(place)
    const { server, post, logged } = await lives.begin()
    const orders = await server.spawn('orders')
    orders.consume(async order => {
      await order.step('charge', { retry: ['1s'] }, failing('declined'))
    })
    await post(orders.url)
    await lives.clock.advance('1m')
    const names = { receiverId: orders.id, key: 'orders', callbackId: expect.any(String), seq: 1, attempt: 1 }
    expect(logged.map(({ facts, message }) => [message, facts])).toEqual([
      [
        'a step failed; it is tried again',
        expect.objectContaining({ ...names, step: 'charge', stepAttempt: 1 }),
      ],
      [
        'the handler of a callback failed; it is set aside',
        expect.objectContaining({ ...names, step: 'charge' }),
      ],
    ])
  })
})
