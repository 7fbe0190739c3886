import { expect, it } from 'vitest'
import { within } from '../../src/core/within.js'
import { TimeoutError } from '../../src/errors.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

it('gives the result of work that ends in time, and leaves no timer', async () => {
  const clock = new ManualClock()

  expect(await within(clock, 1_000, 'work', Promise.resolve(7))).toBe(7)
  await expect(within(clock, 1_000, 'work', Promise.reject(new Error('broken')))).rejects.toThrow('broken')
  expect(clock.timers).toBe(0)
})

it('rejects in words when work takes longer than it may', async () => {
  const clock = new ManualClock()
  const bounded = within(clock, 1_000, 'respond', new Promise(() => {}))
  bounded.catch(() => {})
  await clock.advance(1_000)

  await expect(bounded).rejects.toThrow(TimeoutError)
  await expect(bounded).rejects.toThrow('respond took longer than 1s')
})
