import { describe, expect, it } from 'vitest'
import { toVerdict } from '../../examples/demo/verdict.mjs'

describe('the verdict of the demo', () => {
  it('is good when every order that was answered was received, and accepted at the app', () => {
    const { rows, exitCode, sentence } = toVerdict(tally())

    expect(rows.map(({ name, count }) => [name.trim(), count])).toEqual([
      ['orders sent', 3],
      ['of these more than once', 0],
      ['answered with 202', 3],
      ['received by the broker', 3],
      ['of these more than once', 0],
      ['lost', 0],
      ['acceptances delivered', 3],
    ])
    expect([exitCode, sentence]).toEqual([0, 'Nothing was lost.'])
  })

  it('is good when orders were posted or received more than once, which it counts and explains', () => {
    const { rows, exitCode } = toVerdict(
      tally({ repeated: new Set(['3']), received: times({ 1: 1, 2: 2, 3: 3 }) }),
    )

    const [posted, received] = rows.filter(({ name }) => name.includes('more than once'))
    expect([posted?.count, received?.count]).toEqual([1, 2])
    expect([posted?.note, received?.note]).toEqual([expect.any(String), expect.any(String)])
    expect(exitCode).toBe(0)
  })

  it('is bad when an order was answered with 202 and never received', () => {
    const { rows, exitCode, sentence } = toVerdict(
      tally({ received: times({ 1: 1, 3: 1 }), accepted: new Set(['1', '3']) }),
    )

    expect(rows.find(({ name }) => name === 'lost')?.count).toBe(1)
    expect([exitCode, sentence]).toEqual([1, 'LOST: answered with 202 and never received: order 2.'])
  })

  it('is bad when an order was received and the app never heard of it', () => {
    const { exitCode, sentence } = toVerdict(tally({ accepted: new Set(['1']) }))

    expect([exitCode, sentence]).toEqual([1, 'LOST: received, but never accepted at the app: orders 2, 3.'])
  })

  it('is bad when the demo did not get to its end, although nothing is lost', () => {
    const { rows, exitCode, sentence } = toVerdict(tally({ answered: new Set(['1', '2']) }))

    expect(rows.find(({ name }) => name === 'lost')?.count).toBe(0)
    expect([exitCode, sentence]).toEqual([1, 'Not finished: no answer was given to order 3.'])
  })

  it('is bad when nothing was sent', () => {
    const none = {
      sent: new Set<string>(),
      answered: new Set<string>(),
      accepted: new Set<string>(),
      received: times({}),
    }

    expect(toVerdict(tally(none)).exitCode).toBe(1)
  })
})

function tally(different: Partial<Parameters<typeof toVerdict>[0]> = {}): Parameters<typeof toVerdict>[0] {
  const orders = new Set(['1', '2', '3'])
  return {
    sent: orders,
    repeated: new Set(),
    answered: orders,
    received: times({ 1: 1, 2: 1, 3: 1 }),
    accepted: orders,
    ...different,
  }
}

function times(counts: Record<string, number>): Map<string, number> {
  return new Map(Object.entries(counts))
}
