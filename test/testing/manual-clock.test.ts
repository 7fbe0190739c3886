import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { after as later } from '../../src/core/clock.js'
import { InvalidOptionsError } from '../../src/errors.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

describe('a clock driven by hand', () => {
  it('starts at a fixed instant, or a given one, and stands still', async () => {
    expect(new ManualClock().now()).toBe(Date.UTC(2026, 0, 1))
    const clock = new ManualClock(1000)
    await clock.settle()
    expect([clock.now(), clock.monotonic()]).toEqual([1000, 0])
  })

  it('moves both clocks, and fires each timer at its instant', async () => {
    const clock = new ManualClock(1000)
    const fired: number[] = []
    for (const ms of [30, 10, 20]) later(clock, ms, () => fired.push(clock.monotonic()))
    await clock.advance(25)
    expect([fired, clock.monotonic(), clock.now(), clock.timers]).toEqual([[10, 20], 25, 1025, 1])
    await clock.advance('1h')
    expect(fired).toEqual([10, 20, 30])
  })

  it('fires timers in order of their instants, ties in the order in which they were set', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(5)), async delays => {
        const clock = new ManualClock()
        const fired: [number, number][] = []
        for (const [index, ms] of delays.entries()) later(clock, ms, () => fired.push([ms, index]))
        await clock.advance(5)
        expect(fired).toEqual([...delays.entries()].map(([index, ms]) => [ms, index]).sort(byInstant))
      }),
      { numRuns: 50 },
    )
  })

  it('fires timers that are set on the way', async () => {
    const clock = new ManualClock()
    const fired: number[] = []
    const tick = () => {
      fired.push(clock.monotonic())
      later(clock, 10, tick)
    }
    later(clock, 10, tick)
    await clock.advance(35)
    expect(fired).toEqual([10, 20, 30])
  })

  it('lets what a timer starts come to rest before it fires the next', async () => {
    const clock = new ManualClock()
    const order: string[] = []
    later(clock, 10, async () => {
      for (let turn = 0; turn < 20; turn++) {
        await Promise.resolve()
        await new Promise(setImmediate)
      }
      await readFile(new URL(import.meta.url))
      order.push(`work of the first, at ${clock.monotonic()}`)
    })
    later(clock, 10, () => order.push('second'))
    await clock.advance(20)
    expect(order).toEqual(['work of the first, at 10', 'second'])
  })

  it('fires a timer that is due already by itself, but not within the call that sets it', async () => {
    const clock = new ManualClock()
    const fired: string[] = []
    await clock.advance(100)
    await new Promise<void>(resolve => {
      clock.setTimer(50, () => fired.push(`past, at ${clock.monotonic()}`))
      clock.setTimer(100, resolve)
      expect([fired, clock.timers]).toEqual([[], 2])
    })
    expect([fired, clock.timers, clock.monotonic()]).toEqual([['past, at 100'], 0, 100])
  })

  it('does not fire what was cancelled', async () => {
    const clock = new ManualClock()
    const fired: string[] = []
    const cancel = later(clock, 10, () => fired.push('cancelled'))
    const cancelDue = later(clock, 0, () => fired.push('cancelled'))
    const cancelFired = later(clock, 10, () => fired.push('kept'))
    cancel()
    cancelDue()
    cancel()
    expect(clock.timers).toBe(1)
    await clock.advance(10)
    later(clock, 10, () => fired.push('another'))
    cancelFired()
    await clock.advance(10)
    expect(fired).toEqual(['kept', 'another'])
  })

  it('moves the wall clock alone when it jumps', async () => {
    const clock = new ManualClock(1000)
    let fired = 0
    later(clock, 10, () => fired++)
    clock.jump(3_600_000)
    await clock.settle()
    expect([clock.now(), clock.monotonic(), fired]).toEqual([3_601_000, 0, 0])
    clock.jump(-7_200_000)
    await clock.advance(10)
    expect([clock.now(), fired]).toEqual([-3_598_990, 1])
  })

  it('takes one movement after the other', async () => {
    const clock = new ManualClock()
    const fired: number[] = []
    for (const ms of [10, 20, 30]) later(clock, ms, () => fired.push(clock.monotonic()))
    await Promise.all([clock.advance(15), clock.settle(), clock.advance(15)])
    expect([fired, clock.monotonic()]).toEqual([[10, 20, 30], 30])
  })

  it('hands on what a timer throws, and goes on', async () => {
    const clock = new ManualClock()
    later(clock, 10, () => {
      throw new Error('a defect')
    })
    await expect(clock.advance(20)).rejects.toThrow('a defect')
    await clock.advance(20)
    expect(clock.monotonic()).toBe(30)
  })

  it('does not go back', () => {
    const clock = new ManualClock()
    expect(() => clock.advance(-1)).toThrow(InvalidOptionsError)
  })
})

function byInstant([a = 0, i = 0]: number[], [b = 0, j = 0]: number[]): number {
  return a - b || i - j
}
