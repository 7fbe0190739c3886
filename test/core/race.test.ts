import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Branches, race } from '../../src/core/race.js'
import { createWait, type Wait } from '../../src/core/wait.js'
import { CancelledError, InvalidOptionsError, TimeoutError } from '../../src/errors.js'
import { ManualClock } from '../../src/testing/manual-clock.js'

describe('race', () => {
  let clock: ManualClock
  let gaveUp: string[]
  let unhandled: unknown[]
  const noteUnhandled = (reason: unknown) => void unhandled.push(reason)

  beforeEach(() => {
    clock = new ManualClock()
    gaveUp = []
    unhandled = []
    process.on('unhandledRejection', noteUnhandled)
  })

  afterEach(async () => {
    for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate)
    process.off('unhandledRejection', noteUnhandled)
    expect(unhandled).toEqual([])
    expect(clock.timers).toBe(0)
  })

  function start(name: string, timeout?: number) {
    const onGiveUp = () => gaveUp.push(name)
    const owned = createWait<string>({
      clock,
      what: name,
      onGiveUp,
      ...(timeout !== undefined && { timeout }),
    })
    owned.nothingYet()
    return owned
  }

  it('gives the name and the value of the first branch, and cancels the others', async () => {
    const [paid, late, refused] = [start('paid', 5000), start('late', 6000), start('refused')]
    const winner = race({ paid: () => paid.wait, late: () => late.wait, refused: () => refused.wait })
    refused.fulfil('too expensive')
    expect(await winner).toEqual({ name: 'refused', value: 'too expensive' })
    expect(gaveUp).toEqual(['paid', 'late'])
  })

  it('cancels the others in the tick of the first, so that only one value is taken', async () => {
    const [a, b] = [start('a'), start('b')]
    const winner = race({ a: () => a.wait, b: () => b.wait })
    expect([b.fulfil('stored together'), a.fulfil('stored together')]).toEqual([true, false])
    expect(await winner).toEqual({ name: 'b', value: 'stored together' })
  })

  it('does so in a race of races', async () => {
    const [a, b, c] = [start('a'), start('b'), start('c')]
    const inner = () => race({ a: () => a.wait, b: () => b.wait })
    const winner = race({ inner, c: () => c.wait })
    expect([b.fulfil('b'), a.fulfil('a'), c.fulfil('c')]).toEqual([true, false, false])
    expect(await winner).toEqual({ name: 'inner', value: { name: 'b', value: 'b' } })
  })

  it('rejects when the first to settle rejects', async () => {
    const [a, b] = [start('a', 5000), start('b')]
    const winner = race({ a: () => a.wait, b: () => b.wait })
    await clock.advance('5s')
    await expect(winner).rejects.toBeInstanceOf(TimeoutError)
    expect([b.pending, gaveUp]).toEqual([false, ['a', 'b']])
  })

  it('prefers the earlier branch when several end at the same instant', async () => {
    const [a, b] = [start('a', 5000), start('b', 5000)]
    const winner = race({ a: () => a.wait, b: () => b.wait })
    await clock.advance('5s')
    await expect(winner).rejects.toThrow('waiting for a')
  })

  it('calls the branches in order, and none any more once one has settled', async () => {
    const [pending, settled, unused] = [start('pending'), start('settled'), start('unused')]
    settled.fulfil('at once')
    const called: string[] = []
    const branch = (name: string, wait: Wait<string>) => () => {
      called.push(name)
      return wait
    }
    const winner = race({
      pending: branch('pending', pending.wait),
      settled: branch('settled', settled.wait),
      unused: branch('unused', unused.wait),
    })
    expect(await winner).toEqual({ name: 'settled', value: 'at once' })
    expect([called, gaveUp, unused.pending]).toEqual([['pending', 'settled'], ['pending'], true])
  })

  it('cancels the branches made before one that throws, and rejects with what it threw', async () => {
    const failure = new Error('no such receiver')
    const a = start('a')
    const winner = race({
      a: () => a.wait,
      b: () => {
        throw failure
      },
      c: () => expect.unreachable(),
    })
    await expect(winner).rejects.toBe(failure)
    expect(gaveUp).toEqual(['a'])
  })

  it('cancels every branch when it is cancelled', async () => {
    const [a, b] = [start('a', 5000), start('b')]
    const winner = race({ a: () => a.wait, b: () => b.wait })
    winner.cancel()
    expect(gaveUp).toEqual(['a', 'b'])
    await expect(winner).rejects.toBeInstanceOf(CancelledError)
  })

  it("cancels every branch when its signal aborts, and rejects with the signal's reason", async () => {
    const controller = new AbortController()
    const [a, b] = [start('a'), start('b')]
    const winner = race({ a: () => a.wait, b: () => b.wait }, { signal: controller.signal })
    controller.abort('closing')
    expect(gaveUp).toEqual(['a', 'b'])
    await expect(winner).rejects.toBe('closing')
  })

  it('calls no branch when its signal is aborted already', async () => {
    const winner = race({ a: () => expect.unreachable() }, { signal: AbortSignal.abort('before') })
    await expect(winner).rejects.toBe('before')
  })

  it('leaves nothing waiting when a branch itself ends the race', async () => {
    const controller = new AbortController()
    const [a, b] = [start('a'), start('b')]
    const winner = race(
      {
        a: () => a.wait,
        b: () => {
          controller.abort('from inside')
          return b.wait
        },
        c: () => expect.unreachable(),
      },
      { signal: controller.signal },
    )
    await expect(winner).rejects.toBe('from inside')
    expect(gaveUp).toEqual(['a', 'b'])
  })

  it('takes waits that others have made', async () => {
    const foreign = Object.assign(Promise.resolve('theirs'), { cancel: () => gaveUp.push('foreign') })
    const a = start('a')
    expect(await race({ a: () => a.wait, foreign: () => foreign })).toEqual({
      name: 'foreign',
      value: 'theirs',
    })
    expect(gaveUp).toContain('a')

    const failing = Object.assign(Promise.reject(new Error('theirs')), { cancel: () => {} })
    const b = start('b')
    await expect(race({ b: () => b.wait, failing: () => failing })).rejects.toThrow('theirs')
    expect(b.pending).toBe(false)
  })

  it('refuses a race without branches, and a branch that is no function', () => {
    const a = start('a')
    expect(() => race({})).toThrow(InvalidOptionsError)
    expect(() => race({})).toThrow('A race needs at least one branch')
    expect(() => race({ a: a.wait } as unknown as Branches)).toThrow(
      "Branch 'a' of the race is not a function",
    )
  })

  it('refuses a branch that gives a plain promise, and hears of its rejection', async () => {
    const unheard: unknown[] = []
    const hear = (reason: unknown) => unheard.push(reason)
    process.on('unhandledRejection', hear)
    const late = Promise.reject(new Error('later')) as unknown as Wait<void>
    await expect(race({ late: () => late })).rejects.toThrow(InvalidOptionsError)
    await new Promise(resolve => setImmediate(resolve))
    process.off('unhandledRejection', hear)

    expect(unheard).toEqual([])
  })

  it('refuses a branch that gives a plain promise, and cancels what was made before it', async () => {
    const [a, b] = [start('a'), start('b')]
    const plain = b.wait.catch(() => {})
    const winner = race({ a: () => a.wait, b: () => plain as Wait<void> })
    await expect(winner).rejects.toThrow(InvalidOptionsError)
    await expect(winner).rejects.toThrow("Branch 'b' of the race cannot be cancelled: return the wait itself")
    expect(gaveUp).toEqual(['a'])
  })
})
