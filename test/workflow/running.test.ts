import { describe, expect, it } from 'vitest'
import {
  InvalidInputError,
  InvalidOptionsError,
  NonRetryableError,
  RunFailedError,
  StoreUnavailableError,
  UnstorableValueError,
} from '../../src/errors.js'
import type { StoreSession } from '../../src/store/store.js'
import { collect } from '../support/server.js'
import { around, deferred, never, openBench } from './bench.js'

describe('a workflow', () => {
  it('runs once for a key, and gives its result to whoever asks', async () => {
    await using bench = await openBench()
    let entries = 0
    const double = bench.workflow('double', async (run, input: { n: number }) => {
      entries++
      expect(run.key).toBe('a')
      expect(run.attempt).toBe(1)
      expect(run.startedAt).toEqual(new Date(bench.clock.now()))
      return { n: input.n * 2, at: new Date(7) }
    })
    const first = await double.start('a', { n: 4 })
    const second = await double.start('a', { n: 5 })
    expect(await first.result()).toEqual({ n: 8, at: new Date(7) })
    expect(await second.result()).toEqual({ n: 8, at: new Date(7) })
    expect(await (await double.start('a', { n: 6 })).result()).toEqual({ n: 8, at: new Date(7) })
    expect(await (await double.get('a'))?.result()).toEqual({ n: 8, at: new Date(7) })
    expect(await double.get('b')).toBeUndefined()
    expect(entries).toBe(1)
    expect(bench.events.map(({ type, workflow, key }) => [type, workflow, key])).toEqual([
      ['run.started', 'double', 'a'],
      ['run.entered', 'double', 'a'],
      ['run.ended', 'double', 'a'],
    ])
  })

  it('is observed to start once, also when a scope starts it', async () => {
    await using bench = await openBench()
    const child = bench.workflow('child', async () => 'done')
    const parent = bench.workflow('parent', async run => {
      const handle = await run.start('child', child)
      if (run.attempt === 1) throw new Error('again')
      return await handle.result()
    })
    const handle = await parent.start('a')
    await bench.clock.advance('10s')
    expect(await handle.result()).toBe('done')
    const started = bench.events.filter(({ type }) => type === 'run.started')
    expect(started.map(({ workflow }) => workflow)).toEqual(['parent', 'child'])
  })

  it('has not ended before what it did not wait for has; its waits are given up', async () => {
    await using bench = await openBench()
    const gate = deferred<void>()
    const hasty = bench.workflow('hasty', async run => {
      void run.step('slow', () => gate.promise)
      void run.step('bad', { retry: false }, () => Promise.reject(new Error('unseen'))).catch(() => {})
      const answer = await run.spawn('answer')
      void answer.next()
      return 'returned'
    })
    const handle = await hasty.start('a')
    await bench.clock.settle()
    expect((await handle.status()).status).toBe('running')
    gate.resolve()
    expect(await handle.result()).toBe('returned')
  })

  it('checks its input before anything is stored', async () => {
    await using bench = await openBench()
    const schema = {
      '~standard': {
        version: 1,
        vendor: 'test',
        validate: (value: unknown) =>
          typeof value === 'string' ? { value: value.length } : { issues: [{ message: 'no text' }] },
      },
    } as const
    const count = bench.workflows.declare<number, number, string>(
      'count',
      { schema },
      async (_, length) => length + 1,
    )
    expect(await (await count.start('a', 'four')).result()).toBe(5)
    await expect(count.start('b', 4 as never)).rejects.toThrow(InvalidInputError)
    expect(await count.get('b')).toBeUndefined()
    const keep = bench.workflow('keep', async (_, value: unknown) => value)
    await expect(keep.start('a', () => 1)).rejects.toThrow(UnstorableValueError)
    await expect(keep.start('', 1)).rejects.toThrow(InvalidOptionsError)
    await expect(keep.start('a', 1, { later: 1 } as never)).rejects.toThrow(InvalidOptionsError)
  })

  it('refuses a declaration that cannot be', async () => {
    await using bench = await openBench()
    const { workflows } = bench
    const handler = async () => 1
    expect(() => workflows.declare('', {}, handler)).toThrow(InvalidOptionsError)
    expect(() => workflows.declare('a', {}, 'no' as never)).toThrow(InvalidOptionsError)
    expect(() => workflows.declare('a', { concurrency: 0 }, handler)).toThrow(InvalidOptionsError)
    expect(() => workflows.declare('a', { retry: { attempts: 0 } }, handler)).toThrow(InvalidOptionsError)
    expect(() => workflows.declare('a', { schema: {} as never }, handler)).toThrow(InvalidOptionsError)
    expect(() => workflows.declare('a', { sceham: 1 } as never, handler)).toThrow(InvalidOptionsError)
    expect(workflows.find('a')).toBeUndefined()
  })

  it('waits, visibly, for the process that declares it, and is run by its latest declaration', async () => {
    const first = await openBench()
    const { store, clock } = first
    first.runner.abandon(new Error('it does not run here'))
    await first.workflow('late', never, { concurrency: 1 }).start('busy')
    await clock.settle()
    await first.workflow('late', never).start('a')
    first.kill()
    await using bench = await openBench({ store, clock })
    await clock.settle()
    expect(bench.events).toEqual([])
    bench.workflow('late', async () => 'old', { retry: false })
    const late = bench.workflow('late', async () => 'new')
    expect(await (await late.get('a'))?.result()).toBe('new')
  })

  it('begins no sooner than it is asked to', async () => {
    await using bench = await openBench()
    const now = bench.workflow('now', async run => [bench.clock.now(), run.startedAt.getTime()])
    const start = bench.clock.now()
    const dueAt = start + 40 * 86_400_000
    const later = await now.start('a', undefined, { after: '40d' })
    expect(bench.events.at(-1)).toMatchObject({ type: 'run.started', at: new Date(start) })
    expect(await later.status()).toMatchObject({ key: 'a', status: 'running', startedAt: new Date(dueAt) })
    const result = later.result()
    await bench.clock.advance('40d')
    expect(await result).toEqual([dueAt, dueAt])
  })

  it('is tried again for as long as its policy says, from when it was due', async () => {
    await using bench = await openBench()
    const entered: number[] = []
    const retry = { attempts: 10, delay: '1m', maxDelay: '1m', giveUpAfter: '3m' } as const
    const fail = async () => {
      entered.push(bench.clock.now())
      throw new Error('no')
    }
    const bad = bench.workflow('bad', fail, { retry })
    const later = await bad.start('a', undefined, { after: '1d' })
    await bench.clock.advance('2d')
    expect((await later.status()).status).toBe('failed')
    expect(entered.length).toBeGreaterThan(1)
  })

  it('lists its runs, by what has become of them', async () => {
    await using bench = await openBench()
    const { clock } = bench
    const start = clock.now()
    const gate = deferred<void>()
    const odd = bench.workflow(
      'odd',
      async (run, n: number) => {
        if (n === 1) throw new Error('one')
        if (n === 2) await gate.promise
        if (n === 3) await (await run.spawn('answer')).next()
        return n
      },
      { retry: false },
    )
    for (let n = 0; n < 4; n++) await odd.start(`${n}`, n)
    for (let n = 4; n < 260; n++) await odd.start(`${n}`, n, { after: '1h' })
    await clock.advance('2s')
    await odd.start('late', 5, { after: '1h' })
    await odd.start('busy', 2)
    await clock.settle()

    const keys = async (filter?: Parameters<typeof odd.runs>[0]) =>
      (await collect(odd.runs(filter))).map(run => run.key)
    expect(await keys()).toEqual([...Array.from({ length: 260 }, (_, n) => `${n}`), 'late', 'busy'])
    expect(await keys({ status: 'done' })).toEqual(['0'])
    expect(await keys({ status: 'failed' })).toEqual(['1'])
    expect(await keys({ status: 'cancelled' })).toEqual([])
    expect(await keys({ status: 'running' })).toEqual([
      '2',
      ...Array.from({ length: 256 }, (_, n) => `${n + 4}`),
      'late',
      'busy',
    ])
    expect(await keys({ status: 'running', startedBefore: new Date(start + 1) })).toEqual(['2'])
    expect(await keys({ status: 'running', startedBefore: new Date(start + 3_600_001) })).toHaveLength(258)
    expect(await collect(odd.runs({ status: 'parked' }))).toEqual([
      { key: '3', status: 'parked', waitingFor: ['answer'], startedAt: new Date(start) },
    ])
    expect(() => odd.runs({ status: 'due' as never })).toThrow(InvalidOptionsError)
    expect(() => odd.runs({ startedBefore: 5 as never })).toThrow(InvalidOptionsError)
    gate.resolve()
  })

  it('has no more runs in memory than its concurrency, and takes the next when one ends', async () => {
    await using bench = await openBench()
    const gates = Array.from({ length: 5 }, () => deferred<void>())
    const entered: number[] = []
    const busy = bench.workflow(
      'busy',
      async (_, n: number) => {
        entered.push(n)
        await gates[n]?.promise
      },
      { concurrency: 2 },
    )
    const free = bench.workflow('free', async () => 'done')
    for (let n = 0; n < 5; n++) await busy.start(`${n}`, n)
    const handles = Array.from({ length: 130 }, (_, n) => free.start(`${n}`))
    for (const handle of handles) expect(await (await handle).result()).toBe('done')
    await bench.clock.settle()
    expect(entered).toEqual([0, 1])
    gates[1]?.resolve()
    await bench.clock.settle()
    expect(entered).toEqual([0, 1, 2])
    for (const gate of gates) gate.resolve()
    await bench.clock.settle()
    expect(entered).toEqual([0, 1, 2, 3, 4])
  })
})

describe('a run that throws', () => {
  it('is tried again with growing delays, and says so', async () => {
    await using bench = await openBench()
    const at: number[] = []
    const start = bench.clock.now()
    const shaky = bench.workflow('shaky', async run => {
      at.push(bench.clock.now() - start)
      expect(run.attempt).toBe(at.length)
      if (at.length < 4) throw new RangeError(`try ${at.length}`)
      return at.length
    })
    const result = (await shaky.start('a')).result()
    await bench.clock.advance('1m')
    expect(await result).toBe(4)
    const gaps = at.slice(1).map((instant, index) => instant - (at[index] ?? 0))
    for (const [index, expected] of [1_000, 3_000, 9_000].entries()) {
      expect(gaps[index]).toBeGreaterThanOrEqual(expected * 0.8)
      expect(gaps[index]).toBeLessThanOrEqual(expected * 1.2)
    }
    const lines = bench.logged.filter(({ level }) => level === 'warn')
    expect(lines).toHaveLength(3)
    expect(lines[0]?.facts).toMatchObject({ workflow: 'shaky', key: 'a', attempt: 1, retryInMs: gaps[0] })
    expect(bench.events.filter(({ type }) => type === 'run.ended')).toHaveLength(1)
  })

  it('has failed when its tries are spent, and keeps what was thrown', async () => {
    await using bench = await openBench()
    let tries = 0
    const bad = bench.workflow(
      'bad',
      async () => {
        tries++
        throw new TypeError('no good', { cause: new Error('why') })
      },
      { retry: ['1s', '1s'] },
    )
    const handle = await bad.start('a')
    const result = handle.result()
    await bench.clock.advance('5s')
    const error = await result.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(RunFailedError)
    expect((error as Error).cause).toBeInstanceOf(TypeError)
    expect((error as Error).cause).toMatchObject({ message: 'no good', cause: { message: 'why' } })
    expect(tries).toBe(3)
    expect((await handle.status()).status).toBe('failed')
    expect(bench.logged.at(-1)).toMatchObject({ level: 'error', facts: { key: 'a', attempt: 3 } })
  })

  it('fails at once for what no other try would change', async () => {
    await using bench = await openBench()
    let tries = 0
    const bad = bench.workflow('bad', async (run, how: string) => {
      tries++
      if (how === 'final') throw new NonRetryableError('never')
      if (how === 'value') return () => 1
      await run.step('once', () => 1)
      await run.step('once', () => 1)
      return undefined
    })
    for (const [how, name] of [
      ['final', 'NonRetryableError'],
      ['value', 'UnstorableValueError'],
      ['key', 'KeyConflictError'],
    ] as const) {
      tries = 0
      const error = await (await bad.start(how, how)).result().catch((reason: unknown) => reason)
      expect(error).toBeInstanceOf(RunFailedError)
      expect((error as Error).cause).toMatchObject({ name })
      expect(tries).toBe(1)
    }
  })

  it('fails at once for a recorded failure, and a retry by hand runs that step again and no other', async () => {
    await using bench = await openBench()
    const ran: string[] = []
    let broken = true
    const order = bench.workflow('order', async run => {
      await run.step('reserve', { retry: false }, () => void ran.push('reserve'))
      await run
        .step('optional', { retry: false }, () => {
          ran.push('optional')
          throw new Error('not needed')
        })
        .catch(() => {})
      await run.step('charge', { retry: false }, () => {
        ran.push('charge')
        if (broken) throw new Error('declined')
      })
      return 'charged'
    })
    const handle = await order.start('a')
    await expect(handle.result()).rejects.toThrow(RunFailedError)
    await bench.clock.advance('1h')
    expect(ran).toEqual(['reserve', 'optional', 'charge'])
    broken = false
    await handle.retry()
    expect(await handle.result()).toBe('charged')
    expect(ran).toEqual(['reserve', 'optional', 'charge', 'charge'])
    await handle.retry()
    expect(await handle.result()).toBe('charged')
  })
})

describe('a store that fails', () => {
  /** Commands of these names are done, but for their answer, or not done at all. */
  const failing = (names: Record<string, 'before' | 'after'>) => (session: StoreSession) =>
    around(session, async (name, command) => {
      const when = names[name]
      delete names[name]
      if (when === 'before') throw new StoreUnavailableError('gone')
      const outcome = await command()
      if (when === 'after') throw new StoreUnavailableError('gone')
      return outcome
    })

  it('delays runs, and neither loses nor repeats one', async () => {
    for (const when of ['before', 'after'] as const) {
      const failures = { claimRuns: when, remember: when, findRun: when } as const
      await using bench = await openBench({ change: failing({ ...failures }) })
      let steps = 0
      const two = bench.workflow('two', async run => await run.step('a', () => ++steps))
      const result = (await two.start('a')).result()
      await bench.clock.advance('10s')
      expect(await result).toBe(1)
      expect(steps).toBe(1)
    }
  })

  it('is told of the end of a run until it has heard', async () => {
    await using bench = await openBench({ change: failing({ endRun: 'before' }) })
    let entries = 0
    const one = bench.workflow('one', async () => ++entries)
    const result = (await one.start('a')).result()
    await bench.clock.advance('10s')
    expect(await result).toBe(1)
    expect(entries).toBe(1)
  })
})
