import { getEventListeners } from 'node:events'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  advance,
  type CreateWaitOptions,
  createWait,
  isFinal,
  onEnd,
  type Wait,
  type WaitEvent,
  type WaitState,
} from '../../src/core/wait.js'
import { CancelledError, InvalidOptionsError, TimeoutError } from '../../src/errors.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

const events: WaitEvent[] = ['found', 'failed', 'nothing', 'deadline', 'abort', 'cancel']

describe('the life of a wait', () => {
  const histories = fc.array(fc.constantFrom(...events))
  const live = (history: readonly WaitEvent[]) => history.reduce(advance, 'looking' as WaitState)

  it('never leaves a final state', () => {
    fc.assert(
      fc.property(histories, fc.constantFrom(...events), (history, late) => {
        const state = live(history)
        if (isFinal(state)) expect(advance(state, late)).toBe(state)
      }),
    )
  })

  it('is ended by the first thing found, failed, aborted or cancelled, in whatever state', () => {
    fc.assert(
      fc.property(histories, history => {
        const state = live(history)
        const ends = { found: 'fulfilled', failed: 'failed', abort: 'aborted', cancel: 'cancelled' } as const
        for (const [event, end] of Object.entries(ends)) {
          expect(advance(state, event as keyof typeof ends)).toBe(isFinal(state) ? state : end)
        }
      }),
    )
  })

  it('times out when its deadline has passed and its first look was empty, in either order, and not before', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom<WaitEvent>('nothing', 'deadline')), history => {
        expect(live(history) === 'timed_out').toBe(
          history.includes('nothing') && history.includes('deadline'),
        )
      }),
    )
  })
})

describe('a wait', () => {
  let clock: ManualClock
  let unhandled: unknown[]
  const noteUnhandled = (reason: unknown) => void unhandled.push(reason)

  beforeEach(() => {
    clock = new ManualClock()
    unhandled = []
    process.on('unhandledRejection', noteUnhandled)
  })

  afterEach(() => {
    process.off('unhandledRejection', noteUnhandled)
    expect(unhandled).toEqual([])
  })

  function start<F = never>(options: Partial<CreateWaitOptions<F>> = {}) {
    return createWait<string, F>({ clock, what: 'a callback of orders/berlin', ...options })
  }

  it('gives what its owner found', async () => {
    const owned = start()
    expect(owned.pending).toBe(true)
    expect(owned.fulfil('order')).toBe(true)
    expect(owned.pending).toBe(false)
    expect(await owned.wait).toBe('order')
  })

  it('rejects with what its owner failed with', async () => {
    const failure = new Error('the store is gone')
    const owned = start({ timeout: '5s' })
    expect(owned.fail(failure)).toBe(true)
    await expect(owned.wait).rejects.toBe(failure)
    expect(clock.timers).toBe(0)
  })

  it('ends once: what its owner brings later is refused', async () => {
    const owned = start()
    expect(owned.fulfil('first')).toBe(true)
    expect(owned.fulfil('second')).toBe(false)
    expect(owned.fail(new Error('late'))).toBe(false)
    owned.nothingYet()
    owned.wait.cancel()
    expect(await owned.wait).toBe('first')
  })

  it('waits for ever when it has no deadline', async () => {
    const owned = start()
    owned.nothingYet()
    await clock.advance('400d')
    expect(owned.pending).toBe(true)
  })

  it('times out in the tick of its deadline, not before', async () => {
    const ended: number[] = []
    const owned = start({ timeout: '5s', onGiveUp: () => ended.push(clock.monotonic()) })
    owned.nothingYet()
    await clock.advance(4999)
    expect(owned.pending).toBe(true)
    await clock.advance(1)
    expect(ended).toEqual([5000])
    await expect(owned.wait).rejects.toBeInstanceOf(TimeoutError)
    await expect(owned.wait).rejects.toThrow('Timed out after 5s, waiting for a callback of orders/berlin')
    expect(owned.fulfil('late')).toBe(false)
  })

  it('times out at an instant', async () => {
    const owned = start({ until: new Date(clock.now() + 90_000) })
    owned.nothingYet()
    await clock.advance('89s')
    expect(owned.pending).toBe(true)
    await clock.advance('1s')
    await expect(owned.wait).rejects.toThrow('Timed out at 2026-01-01T00:01:30.000Z, waiting for')
  })

  it('takes the earlier of a time-out and an instant', async () => {
    const early = start({ timeout: '1m', until: new Date(clock.now() + 5000) })
    const late = start({ timeout: '5s', until: new Date(clock.now() + 60_000) })
    for (const owned of [early, late]) owned.nothingYet()
    await clock.advance('5s')
    await expect(early.wait).rejects.toThrow('at 2026-01-01T00:00:05.000Z')
    await expect(late.wait).rejects.toThrow('after 5s')
  })

  it('is not moved by a wall clock that jumps', async () => {
    const owned = start({ until: new Date(clock.now() + 5000) })
    owned.nothingYet()
    clock.jump(3_600_000)
    await clock.advance(4999)
    expect(owned.pending).toBe(true)
    clock.jump(-7_200_000)
    await clock.advance(1)
    expect(owned.pending).toBe(false)
  })

  it('finishes its first look even if the deadline passes meanwhile', async () => {
    const owned = start({ timeout: '5s' })
    await clock.advance('1h')
    expect(owned.pending).toBe(true)
    expect(owned.fulfil('was there all along')).toBe(true)
    expect(await owned.wait).toBe('was there all along')
  })

  it('times out at once when a last look comes back empty', async () => {
    let gaveUp = 0
    const owned = start({ timeout: '5s', onGiveUp: () => gaveUp++ })
    await clock.advance('1h')
    owned.nothingYet()
    expect([owned.pending, gaveUp]).toEqual([false, 1])
    await expect(owned.wait).rejects.toBeInstanceOf(TimeoutError)
  })

  it('looks once with a time-out of zero, or an instant that is past', async () => {
    for (const options of [{ timeout: 0 }, { until: new Date(clock.now() - 1000) }]) {
      const lucky = start(options)
      expect(lucky.fulfil('was there')).toBe(true)

      const unlucky = start(options)
      expect(unlucky.pending).toBe(true)
      unlucky.nothingYet()
      expect(unlucky.pending).toBe(false)
      await expect(unlucky.wait).rejects.toBeInstanceOf(TimeoutError)
    }
    expect(clock.timers).toBe(0)
  })

  it('times out in the empty look when the deadline has passed and its timer has not fired yet', () => {
    let now = 0
    const blocked = { now: () => now, monotonic: () => now, setTimer: () => () => {} }
    const owned = start({ clock: blocked, timeout: 10 })
    now = 11
    owned.nothingYet()
    expect(owned.pending).toBe(false)
  })

  it('resolves with the fallback instead of timing out', async () => {
    const owned = start({ timeout: 0, fallback: () => null })
    owned.nothingYet()
    expect(await owned.wait).toBe(null)
  })

  it('rejects with what its fallback throws', async () => {
    const failure = new Error('no fallback either')
    const owned = start({
      timeout: 0,
      fallback: () => {
        throw failure
      },
    })
    owned.nothingYet()
    await expect(owned.wait).rejects.toBe(failure)
  })

  it('asks its fallback neither when aborted, cancelled nor failed', async () => {
    let asked = 0
    const controller = new AbortController()
    const options = { timeout: '5s', fallback: () => asked++ } as const
    const aborted = start({ ...options, signal: controller.signal })
    const cancelled = start(options)
    const failed = start(options)
    controller.abort()
    cancelled.wait.cancel()
    failed.fail(new Error('no'))
    await Promise.allSettled([aborted.wait, cancelled.wait, failed.wait])
    await clock.advance('1m')
    expect(asked).toBe(0)
  })

  it('gives its place back before its fallback runs', () => {
    const order: string[] = []
    const owned = start({
      timeout: 0,
      onGiveUp: () => order.push('place'),
      fallback: () => order.push('fallback'),
    })
    owned.nothingYet()
    expect(order).toEqual(['place', 'fallback'])
  })

  it('rejects with CancelledError when cancelled, in the same tick', async () => {
    let gaveUp = 0
    const owned = start({ onGiveUp: () => gaveUp++ })
    const { cancel } = owned.wait
    cancel()
    expect([owned.pending, gaveUp]).toEqual([false, 1])
    cancel()
    expect(gaveUp).toBe(1)
    expect(owned.fulfil('late')).toBe(false)
    await expect(owned.wait).rejects.toBeInstanceOf(CancelledError)
  })

  it("rejects with the signal's reason when aborted, in the same tick", async () => {
    let gaveUp = 0
    for (const reason of [new Error('shutting down'), 'a text', null]) {
      const controller = new AbortController()
      const owned = start({ signal: controller.signal, onGiveUp: () => gaveUp++ })
      controller.abort(reason)
      expect(owned.pending).toBe(false)
      await expect(owned.wait).rejects.toBe(reason)
    }
    expect(gaveUp).toBe(3)
  })

  it('never begins when its signal is aborted already', async () => {
    let gaveUp = 0
    const owned = start({ signal: AbortSignal.abort('before'), timeout: '5s', onGiveUp: () => gaveUp++ })
    expect([owned.pending, owned.fulfil('too late'), gaveUp, clock.timers]).toEqual([false, false, 0, 0])
    await expect(owned.wait).rejects.toBe('before')
  })

  it('leaves neither a timer nor a listener behind, however it ends', async () => {
    const ends: Record<string, (owned: ReturnType<typeof start>, controller: AbortController) => void> = {
      fulfilled: owned => owned.fulfil('order'),
      failed: owned => owned.fail(new Error('no')),
      cancelled: owned => owned.wait.cancel(),
      aborted: (_, controller) => controller.abort(),
    }
    for (const end of Object.values(ends)) {
      const controller = new AbortController()
      const owned = start({ timeout: '1h', signal: controller.signal })
      expect([clock.timers, getEventListeners(controller.signal, 'abort').length]).toEqual([1, 1])
      end(owned, controller)
      expect([clock.timers, getEventListeners(controller.signal, 'abort').length]).toEqual([0, 0])
    }

    const { signal } = new AbortController()
    start({ timeout: '1h', signal }).nothingYet()
    await clock.advance('1h')
    expect([clock.timers, getEventListeners(signal, 'abort').length]).toEqual([0, 0])
  })

  it('is no unhandled rejection when nobody looks, and still rejects for whoever looks late', async () => {
    const waits: Wait<unknown>[] = []
    const cancelled = start()
    cancelled.wait.cancel()
    const failed = start()
    failed.fail(new Error('no'))
    const timedOut = start({ timeout: 0 })
    timedOut.nothingYet()
    const aborted = start({ signal: AbortSignal.abort() })
    waits.push(cancelled.wait, failed.wait, timedOut.wait, aborted.wait)

    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    expect(unhandled).toEqual([])
    for (const wait of waits) await expect(wait).rejects.toBeDefined()
  })

  it('makes plain promises by then, catch and finally', async () => {
    const owned = start()
    const plain = [owned.wait.then(), owned.wait.catch(() => {}), owned.wait.finally(() => {})]
    for (const promise of plain) expect('cancel' in promise).toBe(false)
    expect(owned.wait).toBeInstanceOf(Promise)
    expect(Object.keys(owned.wait)).toEqual([])
    owned.fulfil('order')
    await Promise.all(plain)
  })

  it('refuses options that make no sense, in words, before it begins', () => {
    const { signal } = new AbortController()
    const refused = (options: object, message: RegExp) => {
      expect(() => start({ signal, ...options })).toThrow(InvalidOptionsError)
      expect(() => start({ signal, ...options })).toThrow(message)
    }
    refused({ timeout: '5 seconds' }, /^timeout is '5 seconds'/)
    refused({ timeout: -1 }, /^timeout is -1/)
    refused({ until: new Date('never') }, /^until is an invalid date/)
    refused({ until: 5000 }, /^until must be a Date/)
    refused({ signal: {} }, /^signal must be an AbortSignal/)
    refused({ fallback: null }, /^fallback must be a function/)
    expect([clock.timers, getEventListeners(signal, 'abort').length]).toEqual([0, 0])
  })

  it('settles even if giving its place back fails', async () => {
    const owned = start({
      onGiveUp: () => {
        throw new Error('a defect of its owner')
      },
    })
    expect(() => owned.wait.cancel()).toThrow('a defect of its owner')
    await expect(owned.wait).rejects.toBeInstanceOf(CancelledError)
  })

  it('tells whoever races it of its end in the same tick', async () => {
    const results: unknown[] = []
    const owned = start()
    onEnd(owned.wait, result => results.push(result))
    owned.fulfil('order')
    expect(results).toEqual([{ status: 'fulfilled', value: 'order' }])
    onEnd(owned.wait, result => results.push(result))
    expect(results).toHaveLength(2)
  })

  it('ends as a model of it does, for every history', async () => {
    type Move = Exclude<WaitEvent, 'deadline'> | { advance: number }
    const move: fc.Arbitrary<Move> = fc.oneof(
      fc.constantFrom<Move>('found', 'failed', 'nothing', 'abort', 'cancel'),
      fc.record({ advance: fc.nat(20) }),
    )

    await fc.assert(
      fc.asyncProperty(
        fc.option(fc.nat(40), { nil: undefined }),
        fc.boolean(),
        fc.array(move, { maxLength: 12 }),
        async (timeout, withFallback, moves) => {
          clock = new ManualClock()
          const controller = new AbortController()
          let gaveUp = 0
          let settled = 0
          const owned = start<string>({
            signal: controller.signal,
            onGiveUp: () => gaveUp++,
            ...(timeout !== undefined && { timeout }),
            ...(withFallback && { fallback: () => 'fallback' }),
          })
          const result = owned.wait.then(
            value => ({ settled: ++settled, value }),
            (error: unknown) => ({ settled: ++settled, error }),
          )

          // The model knows times and looks; it has neither timers nor states.
          let end: string | undefined
          let looked = false
          let elapsed = 0
          const given = new Map<string, boolean>()
          const timeOut = () => {
            if (looked && timeout !== undefined && elapsed >= timeout) end ??= 'timed_out'
          }
          for (const [index, step] of moves.entries()) {
            const over = end !== undefined
            if (typeof step === 'object') {
              await clock.advance(step.advance)
              elapsed += step.advance
              timeOut()
            } else if (step === 'found') {
              given.set(`value ${index}`, owned.fulfil(`value ${index}`))
              end ??= `value ${index}`
              expect(given.get(`value ${index}`)).toBe(!over)
            } else if (step === 'failed') {
              expect(owned.fail(`error ${index}`)).toBe(!over)
              end ??= `error ${index}`
            } else if (step === 'nothing') {
              owned.nothingYet()
              looked = true
              timeOut()
            } else if (step === 'abort') {
              controller.abort('aborted')
              end ??= 'aborted'
            } else {
              owned.wait.cancel()
              end ??= 'cancelled'
            }
            expect(owned.pending).toBe(end === undefined)
            expect(gaveUp).toBe(end !== undefined && /^(timed_out|aborted|cancelled)$/.test(end) ? 1 : 0)
          }

          if (end === undefined) {
            expect(clock.timers).toBeLessThanOrEqual(1)
            owned.wait.cancel()
            end = 'cancelled'
          }
          const outcome = await result
          const seen = 'error' in outcome ? outcome.error : outcome.value
          if (end === 'timed_out')
            expect(withFallback ? seen === 'fallback' : seen instanceof TimeoutError).toBe(true)
          else if (end === 'cancelled') expect(seen).toBeInstanceOf(CancelledError)
          else expect(seen).toBe(end)

          // Each value was either taken and came out, or is still its owner's.
          for (const [value, taken] of given) expect(taken).toBe(seen === value)
          expect(settled).toBe(1)
          expect([clock.timers, getEventListeners(controller.signal, 'abort').length]).toEqual([0, 0])
        },
      ),
    )
  })

  it('loses no value to waits that give up just before, at and just after its arrival', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ timeout: fc.integer({ min: 0, max: 3 }), gap: fc.nat(3) }), {
          minLength: 1,
          maxLength: 20,
        }),
        async turns => {
          clock = new ManualClock()
          const mailbox: number[] = []
          const got: number[] = []
          for (const [value, { timeout, gap }] of turns.entries()) {
            const owned = start({ timeout, fallback: () => undefined })
            owned.nothingYet()
            const arrival = clock.setTimer(clock.monotonic() + gap, () => {
              if (!owned.fulfil(String(value))) mailbox.push(value)
            })
            await clock.advance(5)
            arrival()
            const text = await owned.wait
            if (text !== undefined) got.push(Number(text))
          }
          expect([...got, ...mailbox].sort((a, b) => a - b)).toEqual(turns.map((_, value) => value))
        },
      ),
    )
  })
})
