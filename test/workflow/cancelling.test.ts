import { describe, expect, it } from 'vitest'
import { InvalidOptionsError, RunCancelledError, RunFailedError, TimeoutError } from '../../src/errors.js'
import type { Run } from '../../src/model/scope.js'
import { deferred, holding, openBench } from './bench.js'

/** What somebody who waits is told of a run. */
const outcomeOf = async (result: Promise<unknown>) => {
  try {
    return await result
  } catch (error) {
    return error instanceof RunFailedError ? ['failed', (error.cause as Error).message] : error
  }
}

describe('cancelling a run', () => {
  it('throws the cancellation once, where the run waits, so that it can compensate', async () => {
    await using bench = await openBench()
    const did: unknown[] = []
    const order = bench.workflow('order', async (run: Run) => {
      await run.step('reserve', () => void did.push('reserve'))
      const answer = await run.spawn('answer')
      try {
        await answer.next()
      } catch (error) {
        did.push(error)
        await run.sleep('a while', '1h')
        await run.step('free', () => void did.push('free'))
        throw error
      }
    })
    const handle = await order.start('a')
    await bench.clock.settle()
    await handle.cancel('sold out')
    await handle.cancel('again')
    await bench.clock.settle()
    expect(did).toEqual(['reserve', new RunCancelledError('sold out')])
    await bench.clock.advance('1h')
    expect(did.slice(2)).toEqual([new RunCancelledError('sold out'), 'free'])
    expect(await outcomeOf(handle.result())).toEqual(new RunCancelledError('sold out'))
    expect((await handle.status()).status).toBe('cancelled')
    expect(bench.events.at(-1)).toMatchObject({ type: 'run.ended', status: 'cancelled' })
    await handle.retry()
    await bench.clock.settle()
    expect((await handle.status()).status).toBe('cancelled')
  })

  it('reaches a parked run, and one that is in the middle of a step', async () => {
    await using bench = await openBench()
    const did: string[] = []
    const parked = bench.workflow('parked', async (run: Run) => {
      await run.sleep('long', '30d').catch(error => did.push(error.name))
      return 'ended'
    })
    const busy = bench.workflow('busy', async (run: Run) => {
      await run.step('slow', () => new Promise<void>(resolve => bench.clock.setTimer(60_000, resolve)))
      did.push('slow')
      await run.step('next', () => void did.push('next'))
    })
    const [first, second] = [await parked.start('a'), await busy.start('a')]
    await bench.clock.advance('2s')
    await first.cancel()
    await second.cancel()
    await bench.clock.settle()
    expect(did).toEqual(['RunCancelledError'])
    expect((await first.status()).status).toBe('cancelled')
    await bench.clock.advance('1m')
    expect(did).toEqual(['RunCancelledError', 'slow'])
    expect((await second.status()).status).toBe('cancelled')
  })

  it('ends one that was never entered, and one that waits to be tried again', async () => {
    await using bench = await openBench()
    let entries = 0
    const bad = bench.workflow('bad', async (run: Run) => {
      entries++
      if (entries === 1) throw new Error('try again')
      await run.step('never', () => expect.unreachable())
    })
    const later = await bad.start('later', undefined, { after: '1h' })
    await later.cancel()
    expect((await later.status()).status).toBe('cancelled')
    expect(await outcomeOf(later.result())).toEqual(new RunCancelledError())
    const again = await bad.start('again')
    await bench.clock.settle()
    await again.cancel()
    await bench.clock.settle()
    expect(entries).toBe(2)
    expect((await again.status()).status).toBe('cancelled')
  })

  it('leaves a run cancelled that caught it, and one whose code wrapped it', async () => {
    await using bench = await openBench()
    const stubborn = bench.workflow('stubborn', async (run: Run, how: string) => {
      try {
        await run.sleep('long', '30d')
      } catch (error) {
        if (how === 'wraps') throw new Error('the order failed', { cause: error })
      }
      return () => 'not even a value that can be kept'
    })
    const handles = [await stubborn.start('a', 'catches'), await stubborn.start('b', 'wraps')]
    await bench.clock.settle()
    for (const handle of handles) await handle.cancel()
    for (const handle of handles) expect(await outcomeOf(handle.result())).toEqual(new RunCancelledError())
  })

  it('does not undo an end', async () => {
    await using bench = await openBench()
    const done = await bench.workflow('done', async () => 1).start('a')
    expect(await done.result()).toBe(1)
    await done.cancel()
    expect(await done.result()).toBe(1)

    const { promise, resolve } = deferred<void>()
    const late = await bench.workflow('late', async () => promise.then(() => 2)).start('a')
    await bench.clock.settle()
    await late.cancel()
    await bench.clock.settle()
    resolve()
    expect(await late.result()).toBe(2)
    await expect(done.cancel('\ud800')).rejects.toThrow(InvalidOptionsError)
  })

  it('leaves a run failed whose compensation fails; retried, it compensates and is cancelled', async () => {
    await using bench = await openBench()
    let broken = true
    const did: string[] = []
    const order = bench.workflow('order', async (run: Run) => {
      try {
        await (await run.spawn('answer')).next()
        did.push('never')
      } finally {
        await run.step('free', { retry: false }, () => {
          did.push('free')
          if (broken) throw new Error('cannot free')
        })
      }
    })
    const handle = await order.start('a')
    await bench.clock.settle()
    await handle.cancel()
    expect(await outcomeOf(handle.result())).toEqual(['failed', 'cannot free'])
    broken = false
    await handle.retry()
    expect(await outcomeOf(handle.result())).toEqual(new RunCancelledError())
    expect(did).toEqual(['free', 'free'])
  })

  it('ends a failed run as it is: none of its code runs, and whoever asks hears the reason', async () => {
    await using bench = await openBench()
    const did: string[] = []
    const order = bench.workflow('order', async (run: Run) => {
      try {
        await run.spawn('answer')
        await run.step('charge', { retry: false }, () => {
          did.push('charge')
          throw new Error('no money')
        })
      } finally {
        did.push('finally')
      }
    })
    const handle = await order.start('a')
    expect(await outcomeOf(handle.result())).toEqual(['failed', 'no money'])
    await handle.cancel('paid in cash')
    await handle.cancel('again')
    expect(await outcomeOf(handle.result())).toEqual(new RunCancelledError('paid in cash'))
    await handle.retry()
    await bench.clock.settle()
    expect((await handle.status()).status).toBe('cancelled')
    expect(did).toEqual(['charge', 'finally'])
  })

  it('of another run that a run waits for is a failure like any other', async () => {
    await using bench = await openBench()
    const child = bench.workflow('child', async (run: Run) => await run.sleep('long', '30d'))
    const parent = bench.workflow('parent', async (run: Run) => await (await run.start('c', child)).result())
    const handle = await parent.start('a')
    await bench.clock.advance('2s')
    await (await child.get((await firstKey(child.runs())) ?? ''))?.cancel('enough')
    await bench.clock.settle()
    expect(await outcomeOf(handle.result())).toEqual(['failed', 'The run was cancelled: enough'])
  })

  it('is not overheard while the run is being parked', async () => {
    const { change, hold } = holding()
    await using bench = await openBench({ change })
    const sleepy = bench.workflow('sleepy', async (run: Run) => await run.sleep('long', '30d'))
    const handle = await sleepy.start('a')
    const letGo = hold('park', 'before')
    await bench.clock.advance('1s')
    await handle.cancel()
    await bench.clock.settle()
    letGo()
    await bench.clock.settle()
    expect((await handle.status()).status).toBe('cancelled')
  })

  it('is found by polling, where the wake-up was lost', async () => {
    await using bench = await openBench({ deaf: true, pollMs: 1_000, parkAfterMs: false })
    const sleepy = bench.workflow('sleepy', async (run: Run) => await run.sleep('long', '30d'))
    const handle = await sleepy.start('a')
    await bench.clock.advance('5s')
    await handle.cancel()
    await bench.clock.advance('2s')
    expect((await handle.status()).status).toBe('cancelled')
  })
})

describe('a wait for a run', () => {
  it('can be given up, and leaves nothing behind', async () => {
    await using bench = await openBench()
    const sleepy = bench.workflow('sleepy', async (run: Run) => await run.sleep('long', '30d'))
    const handle = await sleepy.start('a')
    await bench.clock.advance('2s')
    const timers = bench.clock.timers
    const result = handle.result({ timeout: '5s' })
    const other = handle.result({ timeout: '5s', fallback: () => 'later' })
    await bench.clock.advance('5s')
    await expect(result).rejects.toThrow(TimeoutError)
    expect(await other).toBe('later')
    expect(bench.clock.timers).toBe(timers)
  })
})

async function firstKey(runs: AsyncIterable<{ readonly key: string }>): Promise<string | undefined> {
  for await (const { key } of runs) return key
  return undefined
}
