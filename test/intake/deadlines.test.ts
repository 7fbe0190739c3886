import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Clock } from '../../src/core/clock.js'
import { Deadlines, type TimedWork } from '../../src/intake/deadlines.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

const LENGTH = 100

/** Deadlines, who was told to be late, and how many timers were ever set. */
function open() {
  const clock = new ManualClock()
  const late: string[] = []
  let timersSet = 0
  const counting: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimer: (at, fire) => {
      timersSet++
      return clock.setTimer(at, fire)
    },
  }
  const deadlines = new Deadlines(counting, LENGTH)
  const start = (name: string) => deadlines.start(() => late.push(name))
  return { clock, deadlines, late, start, timersSet: () => timersSet }
}

describe('deadlines', () => {
  it('work that ends in the turn in which it began costs no timer', async () => {
    const { clock, deadlines, late, start, timersSet } = open()
    for (const work of [start('a'), start('b')]) deadlines.stop(work)
    await clock.settle()
    expect(timersSet()).toBe(0)
    await clock.advance(LENGTH)
    expect(late).toEqual([])
  })

  it('what does not end in its turn shares one timer', async () => {
    const { clock, deadlines, late, start, timersSet } = open()
    start('a')
    deadlines.stop(start('b'))
    start('c')
    await clock.advance(10)
    start('d')
    await clock.settle()
    expect(clock.timers).toBe(1)
    expect(timersSet()).toBe(1)
    expect(late).toEqual([])
  })

  it('tells each when its own time is over, in the order in which they began, and once', async () => {
    const { clock, late, start } = open()
    start('a')
    start('b')
    await clock.advance(10)
    start('c')
    await clock.advance(LENGTH - 11)
    expect(late).toEqual([])
    await clock.advance(1)
    expect(late).toEqual(['a', 'b'])
    await clock.advance(9)
    expect(late).toEqual(['a', 'b'])
    await clock.advance(1)
    expect(late).toEqual(['a', 'b', 'c'])
    await clock.advance('1h')
    expect(late).toEqual(['a', 'b', 'c'])
  })

  it('tells nobody who has ended, also when the timer was set for him', async () => {
    const { clock, deadlines, late, start } = open()
    const first = start('a')
    await clock.advance(10)
    start('b')
    await clock.settle()
    deadlines.stop(first)
    await clock.advance(LENGTH - 10)
    expect(late).toEqual([])
    expect(clock.timers).toBe(1)
    await clock.advance(10)
    expect(late).toEqual(['b'])
  })

  it('to end after being told, or twice, changes nothing for the others', async () => {
    const { clock, deadlines, late, start } = open()
    const first = start('a')
    await clock.advance(10)
    start('b')
    await clock.advance(LENGTH - 10)
    deadlines.stop(first)
    deadlines.stop(first)
    await clock.settle()
    expect(clock.timers).toBe(1)
    await clock.advance(10)
    expect(late).toEqual(['a', 'b'])
    expect(clock.timers).toBe(0)
  })

  it('when nothing is left, no timer is, and the next work gets one of its own', async () => {
    const { clock, deadlines, late, start } = open()
    const works = [start('a'), start('b')]
    await clock.settle()
    expect(clock.timers).toBe(1)
    for (const work of works) deadlines.stop(work)
    expect(clock.timers).toBe(0)
    start('c')
    await clock.settle()
    expect(clock.timers).toBe(1)
    await clock.advance(LENGTH)
    expect(late).toEqual(['c'])
    expect(clock.timers).toBe(0)
  })

  it('who is told may end others, and begin anew', async () => {
    const { clock, deadlines, late, start } = open()
    let second: TimedWork | undefined
    deadlines.start(() => {
      late.push('a')
      if (second !== undefined) deadlines.stop(second)
      start('c')
    })
    second = start('b')
    await clock.advance(LENGTH)
    expect(late).toEqual(['a'])
    expect(clock.timers).toBe(1)
    await clock.advance(LENGTH)
    expect(late).toEqual(['a', 'c'])
    expect(clock.timers).toBe(0)
  })

  it('whatever begins and ends when: who is late is told at his instant, nobody else is, and one timer does', async () => {
    const step = fc.oneof(
      fc.constant({ type: 'start' } as const),
      fc.record({ type: fc.constant('stop' as const), which: fc.nat(20) }),
      fc.record({ type: fc.constant('pass' as const), ms: fc.nat(60) }),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
        const { clock, deadlines } = open()
        const works: { readonly work: TimedWork; readonly dueAt: number; endedAt: number }[] = []
        const told: (readonly [index: number, at: number])[] = []
        for (const step of steps) {
          const now = clock.monotonic()
          if (step.type === 'pass') await clock.advance(step.ms)
          else if (step.type === 'start') {
            const index = works.length
            const work = deadlines.start(() => told.push([index, clock.monotonic()]))
            works.push({ work, dueAt: now + LENGTH, endedAt: Number.POSITIVE_INFINITY })
          } else {
            const stopped = works[step.which]
            if (stopped === undefined) continue
            deadlines.stop(stopped.work)
            stopped.endedAt = Math.min(stopped.endedAt, now)
          }
          expect(clock.timers).toBeLessThanOrEqual(1)
        }
        await clock.advance(LENGTH)
        // What ends at the very instant at which it is due was told before: time had passed there already.
        const late = [...works.entries()].filter(([, { dueAt, endedAt }]) => endedAt >= dueAt)
        expect(told).toEqual(late.map(([index, { dueAt }]) => [index, dueAt]))
        expect(clock.timers).toBe(0)
      }),
      { numRuns: 100 },
    )
  })
})
