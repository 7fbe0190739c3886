import { expect, it } from 'vitest'
import { createWait } from '../../src/core/wait.js'
import {
  type Callback,
  type CallbackServer,
  LeaseLostError,
  type Run,
  RunCancelledError,
  TimeoutError,
} from '../../src/index.js'
import type { StoreSession } from '../../src/store/store.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { Lives, places } from '../support/lives.js'
import { around, deferred, holding, openBench } from '../workflow/bench.js'

// The bug: a race that swallows a cancellation, hangs on what cannot be stored, or tells another winner than it remembers; a
// step that is tried again after its entry; a wait that goes on after the code that made it.

const to = 'https://partner.example/hooks'

/** Says whether its input fits, by how often it was asked. */
function schemaOf(fits: (calls: number) => boolean | Promise<boolean>) {
  let calls = 0
  const validate = async (value: unknown) =>
    (await fits(++calls)) ? { value } : { issues: [{ message: 'it does not fit' }] }
  return { '~standard': { version: 1, vendor: 'test', validate } } as const
}

it('a wait that nobody awaited is given up when the code returns, also where it had not begun', async () => {
  const { hold, change } = holding()
  let decided = 0
  const counting = (session: StoreSession) =>
    around(change(session), (name, command) => {
      if (name === 'decide') decided++
      return command()
    })
  await using bench = await openBench({ change: counting })
  const hasty = bench.workflow('hasty', async (run: Run) => {
    void run.exchange('ask', { send: url => ({ to, body: { url } }), timeout: '20d' })
    return 'done'
  })
  const letGo = hold('exchangeInScope', 'after')
  const run = await hasty.start('1')
  await bench.clock.settle()
  letGo()
  await bench.clock.settle()
  expect(await run.result()).toBe('done')
  expect(decided).toBe(0)
})

it('an any does not swallow the cancellation of its run', async () => {
  await using bench = await openBench()
  const seen: unknown[] = []
  const picky = bench.workflow('picky', async (run: Run) => {
    const one = await run.spawn('one')
    const two = await run.spawn('two')
    try {
      await run.any('first', { one: () => one.next(), two: () => two.next() })
    } catch (error) {
      seen.push(error)
      throw error
    }
  })
  const run = await picky.start('1')
  await bench.clock.settle()
  await run.cancel('enough')
  await bench.clock.advance('5s')
  expect(seen).toEqual([expect.any(RunCancelledError)])
  expect((await run.status()).status).toBe('cancelled')
})

it.each(['race', 'any'] as const)(
  'cancelled before the exchange in its race began, a run is cancelled (%s)',
  async outer => {
    await using bench = await openBench()
    const { promise: gate, resolve: open } = deferred<void>()
    const flow = bench.workflow('flow', async (run: Run) => {
      const box = await run.spawn('box')
      await run.step('long', () => gate)
      await run[outer]('outer', {
        ask: () =>
          run.race('inner', { answer: () => run.exchange('ask', { send: url => ({ to, body: { url } }) }) }),
        box: () => box.next({ timeout: '1h' }),
      })
    })
    const run = await flow.start('1')
    await bench.clock.settle()
    await run.cancel('enough')
    await bench.clock.settle()
    open()
    await bench.clock.advance('5s')
    expect((await run.status()).status).toBe('cancelled')
  },
)

it('a step is not tried again in an entry that is over, and keeps no timer', async () => {
  const clock = new ManualClock()
  await using bench = await openBench({ clock })
  let calls = 0
  const flaky = bench.workflow('flaky', async (run: Run) => {
    await run.step('try', { retry: { attempts: 5, delay: '10s' } }, () => {
      calls++
      throw new Error('not yet')
    })
  })
  await flaky.start('1')
  await bench.clock.settle()
  expect(calls).toBe(1)
  bench.kill()
  expect(clock.timers).toBe(0)
  await clock.advance('1h')
  expect(calls).toBe(1)
})

it('a branch that won with what cannot be stored fails its race', async () => {
  await using bench = await openBench()
  const foreign = createWait<() => void>({ clock: bench.clock, what: 'something else' })
  const flow = bench.workflow('flow', async (run: Run) => {
    await run.race('first', { other: () => foreign.wait })
  })
  const run = await flow.start('1')
  await bench.clock.settle()
  foreign.fulfil(() => {})
  await bench.clock.settle()
  await expect(run.result({ timeout: 0 })).rejects.toMatchObject({
    cause: {
      code: 'unstorable_value',
      message: expect.stringContaining("What branch won the race 'first' with"),
    },
  })
})

it('an any won by a callback that does not fit its schema rejects, on every entry, and does not hang', async () => {
  await using bench = await openBench()
  const urls: string[] = []
  const flow = bench.workflow('flow', async (run: Run) => {
    const one = await run.spawn('one', { schema: schemaOf(calls => calls === 1) })
    const two = await run.spawn('two')
    urls.push(one.url)
    await run.any('first', { one: () => one.next(), two: () => two.next() })
  })
  const run = await flow.start('1')
  await bench.clock.settle()
  expect((await bench.post(urls[0] ?? '', { n: 1 })).status).toBe(202)
  await bench.clock.settle()
  expect((await run.status()).status).toBe('failed')
})

it('a branch that ends while the winner reads its callback does not take its place', async () => {
  await using bench = await openBench({ parkAfterMs: false })
  const { promise: gate, resolve: open } = deferred<void>()
  const urls: string[] = []
  const foreign = createWait<string>({ clock: bench.clock, what: 'something else' })
  const schema = schemaOf(async calls => {
    if (calls > 1) await gate
    return true
  })
  const flow = bench.workflow('flow', async (run: Run) => {
    const one = await run.spawn('one', { schema })
    urls.push(one.url)
    const first = await run.race('first', { one: () => one.next(), other: () => foreign.wait })
    return first.name
  })
  const run = await flow.start('1')
  await bench.clock.settle()
  await bench.post(urls[0] ?? '', { n: 1 })
  await bench.clock.settle()
  foreign.fulfil('too late')
  await bench.clock.settle()
  open()
  await bench.clock.settle()
  expect(await run.result()).toBe('one')
})

it('the store says who has won where two branches end at once', async () => {
  const { hold, change } = holding()
  await using bench = await openBench({ change, parkAfterMs: false })
  const urls: string[] = []
  const foreign = createWait<string>({ clock: bench.clock, what: 'something else' })
  const flow = bench.workflow('flow', async (run: Run) => {
    const one = await run.spawn('one')
    urls.push(one.url)
    const first = await run.race('first', { one: () => one.next(), other: () => foreign.wait })
    return first.name
  })
  const run = await flow.start('1')
  await bench.clock.settle()
  const letGo = hold('decide', 'after')
  await bench.post(urls[0] ?? '', { n: 1 })
  await bench.clock.settle()
  foreign.fulfil('at once')
  await bench.clock.settle()
  letGo()
  await bench.clock.settle()
  expect(await run.result()).toBe('one')
})

it('an any of which all failed is waited for anew when its run is retried by hand', async () => {
  await using bench = await openBench()
  const urls: string[] = []
  const flow = bench.workflow('flow', async (run: Run) => {
    const one = await run.spawn<{ n: number }>('one')
    const two = await run.spawn<{ n: number }>('two')
    urls[0] = one.url
    const first = await run.any('first', {
      one: () => one.next({ timeout: '1m' }),
      two: () => two.next({ timeout: '2m' }),
    })
    return (first.value as Callback<{ n: number }>).data.n
  })
  const run = await flow.start('1')
  await bench.clock.advance('3m')
  expect((await run.status()).status).toBe('failed')
  const error = await run.result().catch((error: unknown) => error)
  const cause = (error as Error).cause as AggregateError
  expect(cause).toBeInstanceOf(AggregateError)
  expect(cause.errors).toEqual([expect.any(TimeoutError), expect.any(TimeoutError)])
  await bench.post(urls[0] ?? '', { n: 7 })
  await run.retry()
  await bench.clock.advance('10s')
  expect(await run.result({ timeout: 0, fallback: () => 'still waiting' })).toBe(7)
})

it('exchange whose send throws is tried again', async () => {
  await using bench = await openBench()
  let calls = 0
  const flow = bench.workflow('flow', async (run: Run) => {
    await run.exchange('ask', {
      send: url => {
        calls++
        if (calls === 1) throw new Error('no template')
        return { to, body: { url } }
      },
      timeout: '1s',
      fallback: () => null,
    })
    return calls
  })
  const run = await flow.start('1')
  await bench.clock.advance('1m')
  expect(await run.result()).toBe(2)
})

it('a wait with the signal of its own run stops with it: no catch, no finally', async () => {
  await using bench = await openBench({ parkAfterMs: false })
  const seen: string[] = []
  const flow = bench.workflow('flow', async (run: Run) => {
    try {
      const box = await run.spawn('box')
      await box.next({ signal: run.signal })
    } catch {
      seen.push('catch')
    } finally {
      seen.push('finally')
    }
  })
  await flow.start('1')
  await bench.clock.settle()
  bench.runner.abandon(new LeaseLostError())
  await bench.clock.settle()
  expect(seen).toEqual([])
})

it.each(places)(
  'a winner that is given up while the store decides has won, with what is remembered (%s)',
  async (_, place) => {
    const lives = new Lives(place, { parkAfter: false })
    const seen: unknown[] = []
    let [meddle, url] = [() => {}, '']
    const declare = (server: CallbackServer) =>
      server.workflow('flow', async (run: Run) => {
        const box = await run.spawn<string>('box')
        url = box.url
        const race = run.race('first', { box: () => box.next(), late: () => run.sleep('late', '1h') })
        meddle = () => void box.next()
        seen.push(await race.then(({ value }) => (value as Callback<string>).data, String))
        await run.sleep('on', '1h')
      })
    const first = await lives.begin(async (name, command) => {
      const outcome = await command()
      if (name === 'decide' && (outcome as { type: string }).type === 'ended') meddle()
      return outcome
    })
    await declare(first.server).start('1')
    await lives.clock.settle()
    await first.post(url, 'hello')
    await lives.clock.settle()
    const second = await lives.begin()
    declare(second.server)
    await lives.clock.advance('3s')
    expect(seen).toEqual(['hello', 'hello'])
  },
)
