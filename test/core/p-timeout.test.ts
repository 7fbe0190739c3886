import pTimeout from 'p-timeout'
import { expect, it } from 'vitest'
import { createWait } from '../../src/core/wait.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

// Why waits are a state machine of our own: the well-known way to bound a promise leaves what it bounds in its queue.

/** A promise with a place in a queue, which `cancel` gives back. */
function placed() {
  const place = { held: true }
  const promise = Object.assign(new Promise<never>(() => {}), {
    cancel: () => {
      place.held = false
    },
  })
  return { place, promise }
}

it('p-timeout does not give back the place of what it bounds when it has a fallback', async () => {
  const { place, promise } = placed()

  await pTimeout(promise, { milliseconds: 1, fallback: () => undefined })

  expect(place.held).toBe(true)
})

it('p-timeout does not give back the place of what it bounds when its signal is aborted', async () => {
  const { place, promise } = placed()
  const controller = new AbortController()
  const bounded = pTimeout(promise, { milliseconds: 60_000, signal: controller.signal })
  controller.abort(new Error('enough'))

  await expect(bounded).rejects.toThrow('enough')
  expect(place.held).toBe(true)
})

it('a wait of ours gives its place back in both cases, in the same tick', async () => {
  const clock = new ManualClock()
  const controller = new AbortController()
  const given: string[] = []
  const late = createWait({
    clock,
    what: 'x',
    timeout: 1,
    fallback: () => 'late',
    onGiveUp: () => given.push('late'),
  })
  const aborted = createWait({
    clock,
    what: 'x',
    signal: controller.signal,
    onGiveUp: () => given.push('aborted'),
  })
  late.nothingYet()
  controller.abort()
  expect(given).toEqual(['aborted'])
  await clock.advance(1)

  expect(given).toEqual(['aborted', 'late'])
  expect(await late.wait).toBe('late')
  await expect(aborted.wait).rejects.toThrow()
})
