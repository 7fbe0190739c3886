import { describe, expect, it } from 'vitest'
import type { Run } from '../../src/model/scope.js'
import { type Bench, holding, openBench } from './bench.js'

const parked = ({ events }: Bench) => events.filter(({ type }) => type === 'run.parked').length
const entered = ({ events }: Bench) => events.filter(({ type }) => type === 'run.entered').length

/** A run that tells its URL, and waits for an answer. */
function asking(bench: Bench, urls: string[] = []) {
  const ask = bench.workflow('ask', async (run: Run) => {
    const answer = await run.spawn<{ n: number }>('answer')
    urls.push(answer.url)
    return (await answer.next()).data.n
  })
  return { ask, urls }
}

describe('a run that only waits', () => {
  it('leaves memory after a while, and goes on with the callback it waits for', async () => {
    await using bench = await openBench()
    const { ask, urls } = asking(bench)
    const handle = await ask.start('a')
    await bench.clock.advance(999)
    expect((await handle.status()).status).toBe('running')
    await bench.clock.advance(1)
    expect(await handle.status()).toMatchObject({ status: 'parked', waitingFor: ['answer'] })
    expect(bench.clock.timers).toBe(1) // the poll's

    const result = handle.result()
    expect((await bench.post(urls[0] ?? '', { n: 3 })).status).toBe(202)
    await bench.clock.settle()
    expect(await result).toBe(3)
    expect([entered(bench), parked(bench)]).toEqual([2, 1])
    expect(new Set(urls).size).toBe(1)
  })

  it('goes on at its deadline, and keeps to the one it was given first', async () => {
    await using bench = await openBench()
    const start = bench.clock.now()
    const late = bench.workflow('late', async (run: Run) => {
      const answer = await run.spawn('answer')
      const found = await answer.next({ timeout: '3d', fallback: () => 'nothing' })
      return [found, bench.clock.now() - start]
    })
    const handle = await late.start('a')
    const result = handle.result()
    await bench.clock.advance('1d')
    expect((await handle.status()).status).toBe('parked')
    await bench.clock.advance('2d')
    expect(await result).toEqual(['nothing', 3 * 86_400_000])
    expect(entered(bench)).toBe(2)
  })

  it('sleeps for weeks outside of memory', async () => {
    await using bench = await openBench()
    const start = bench.clock.now()
    const sleepy = bench.workflow('sleepy', async (run: Run) => {
      await run.sleep('first', '30d')
      await run.sleep('second', new Date(start + 60 * 86_400_000))
      return bench.clock.now() - start
    })
    const result = (await sleepy.start('a')).result()
    await bench.clock.advance('60d')
    expect(await result).toBe(60 * 86_400_000)
    expect(parked(bench)).toBe(2)
  })

  it('goes on when its delivery has ended', async () => {
    let ok = false
    await using bench = await openBench({ world: () => new Response('', { status: ok ? 200 : 500 }) })
    const tell = bench.workflow('tell', async (run: Run) => {
      const delivery = await run.send('news', { to: 'https://partner.example/hooks', body: { n: 1 } })
      return await delivery.done()
    })
    const handle = await tell.start('a')
    const result = handle.result()
    await bench.clock.advance('2s')
    expect((await handle.status()).status).toBe('parked')
    ok = true
    await bench.clock.advance('10s')
    expect(await result).toBe('delivered')
    expect(bench.sent).toHaveLength(2)
    expect(new Set(bench.sent.map(({ headers }) => headers.get('webhook-id'))).size).toBe(1)
  })

  it('goes on with the answer to its exchange', async () => {
    await using bench = await openBench()
    const ask = bench.workflow('ask', async (run: Run) => {
      const answer = await run.exchange<{ n: number }>('answer', {
        send: url => ({ to: 'https://partner.example/ask', body: { url } }),
      })
      return answer.data.n
    })
    const handle = await ask.start('a')
    const result = handle.result()
    await bench.clock.advance('2s')
    expect((await handle.status()).status).toBe('parked')
    const [request] = bench.sent
    const { url } = JSON.parse((await request?.text()) ?? '')
    await bench.post(url, { n: 9 })
    await bench.clock.settle()
    expect(await result).toBe(9)
    expect(bench.sent).toHaveLength(1)
  })

  it('goes on when the run it waits for has ended, whichever way', async () => {
    await using bench = await openBench()
    const child = bench.workflow('child', async (run: Run, how: string) => {
      await run.sleep('a while', '1h')
      if (how === 'fails') await run.step('bad', { retry: false }, () => Promise.reject(new Error('bad')))
      return how
    })
    const parent = bench.workflow('parent', async (run: Run, how: string) => {
      const handle = await run.start('child', child, how)
      expect(handle.key).toContain('child')
      return await handle.result().catch((error: Error) => [error.name, (error.cause as Error).message])
    })
    const well = (await parent.start('well', 'well')).result()
    const badly = (await parent.start('badly', 'fails')).result()
    await bench.clock.advance('2s')
    expect(parked(bench)).toBe(4)
    await bench.clock.advance('1h')
    expect(await well).toBe('well')
    expect(await badly).toEqual(['RunFailedError', 'bad'])
  })

  it('is not parked while it does something, nor where it is told not to be', async () => {
    await using bench = await openBench()
    const work = bench.workflow('work', async (run: Run) => {
      const answer = await run.spawn('answer')
      const next = answer.next({ timeout: '1h', fallback: () => 'nothing' })
      await run.step('long', () => new Promise<void>(resolve => bench.clock.setTimer(60_000, resolve)))
      return await next
    })
    const handle = await work.start('a')
    await bench.clock.advance('50s')
    expect((await handle.status()).status).toBe('running')
    await bench.clock.advance('12s')
    expect((await handle.status()).status).toBe('parked')

    await using keeping = await openBench({ parkAfterMs: false })
    const kept = await asking(keeping).ask.start('a')
    await keeping.clock.advance('10d')
    expect((await kept.status()).status).toBe('running')
  })

  it('is not parked when what it waits for comes while the store is asked', async () => {
    const { change, hold } = holding()
    await using bench = await openBench({ change })
    const { ask, urls } = asking(bench)
    const handle = await ask.start('a')
    const letGo = hold('park', 'before')
    await bench.clock.advance('1s')
    await bench.post(urls[0] ?? '', { n: 1 })
    await bench.clock.settle()
    expect((await handle.status()).status).toBe('running')
    letGo()
    await bench.clock.settle()
    expect(await handle.result()).toBe(1)
    expect([entered(bench), parked(bench)]).toEqual([1, 0])
  })

  it('is not parked beside what it has found and was not told of yet', async () => {
    const { change, hold } = holding()
    await using bench = await openBench({ change })
    const urls: string[] = []
    const ask = bench.workflow('ask', async (run: Run) => {
      const answer = await run.spawn<{ n: number }>('answer')
      urls.push(answer.url)
      const { data } = await answer.next()
      await run.step('slow', () => new Promise<void>(resolve => bench.clock.setTimer(60_000, resolve)))
      return data.n
    })
    const handle = await ask.start('a')
    await bench.clock.advance(500)
    const letGo = hold('decide', 'after')
    await bench.post(urls[0] ?? '', { n: 1 })
    await bench.clock.advance('10s')
    letGo()
    await bench.clock.advance('1h')
    expect(await handle.result()).toBe(1)
    expect([entered(bench), parked(bench)]).toEqual([1, 0])
  })

  it('runs no catch and no finally when it is parked, and its signal is not aborted', async () => {
    await using bench = await openBench()
    const seen: string[] = []
    const signals: AbortSignal[] = []
    const careful = bench.workflow('careful', async (run: Run) => {
      signals.push(run.signal)
      try {
        await (await run.spawn('answer')).next()
      } catch {
        seen.push('catch')
      } finally {
        seen.push('finally')
      }
    })
    await careful.start('a')
    await bench.clock.advance('1m')
    expect(parked(bench)).toBe(1)
    expect(seen).toEqual([])
    expect(signals.map(({ aborted }) => aborted)).toEqual([false])
  })

  it('does not take up the room of its workflow', async () => {
    await using bench = await openBench()
    const urls: string[] = []
    const ask = bench.workflow(
      'ask',
      async (run: Run) => {
        const answer = await run.spawn('answer')
        urls.push(answer.url)
        await answer.next()
      },
      { concurrency: 1 },
    )
    for (const key of ['a', 'b', 'c']) await ask.start(key)
    await bench.clock.settle()
    expect(urls).toHaveLength(1)
    await bench.clock.advance('1s')
    expect(urls).toHaveLength(2)
    await bench.clock.advance('1s')
    expect(urls).toHaveLength(3)
  })

  it('goes on in another process, which knows what it has done', async () => {
    const first = await openBench()
    const { store, clock } = first
    let steps = 0
    const urls: string[] = []
    const handler = async (run: Run) => {
      const count = await run.step('count', () => ++steps)
      const answer = await run.spawn<{ n: number }>('answer')
      urls.push(answer.url)
      return [count, (await answer.next()).data.n, run.attempt]
    }
    await first.workflow('two', handler).start('a')
    await clock.advance('2s')
    first.kill()
    await using second = await openBench({ store, clock })
    const two = second.workflow('two', handler)
    await clock.settle()
    expect(entered(second)).toBe(0)
    await second.post(urls[0] ?? '', { n: 5 })
    await clock.settle()
    expect(await (await two.get('a'))?.result()).toEqual([1, 5, 2])
    expect(new Set(urls).size).toBe(1)
  })

  it('is found by polling, where the wake-up was lost', async () => {
    await using bench = await openBench({ pollMs: 1_000, deaf: true })
    const { ask, urls } = asking(bench)
    const handle = await ask.start('a')
    const result = handle.result()
    await bench.clock.advance('5s')
    expect((await handle.status()).status).toBe('parked')
    await bench.post(urls[0] ?? '', { n: 3 })
    await bench.clock.advance('2s')
    expect(await result).toBe(3)
  })
})
