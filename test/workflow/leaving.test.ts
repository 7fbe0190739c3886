import { describe, expect, it } from 'vitest'
import { LeaseLostError, ServerClosedError } from '../../src/errors.js'
import type { Run } from '../../src/model/scope.js'
import { type Bench, deferred, holding, openBench } from './bench.js'

/** Code that would compensate, if anybody let it. */
function saga(bench: Bench, seen: string[]) {
  const signals: AbortSignal[] = []
  const urls: string[] = []
  const workflow = bench.workflow('saga', async (run: Run) => {
    signals.push(run.signal)
    seen.push(`attempt ${run.attempt}`)
    try {
      const answer = await run.spawn<{ n: number }>('answer')
      urls.push(answer.url)
      return (await answer.next()).data.n
    } catch {
      return seen.push('catch')
    } finally {
      seen.push('finally')
    }
  })
  return { workflow, signals, urls }
}

describe('a run whose lease is lost', () => {
  it('is dropped where it waits, without catch or finally, and entered again when the node is back', async () => {
    await using bench = await openBench()
    const seen: string[] = []
    const { workflow, signals, urls } = saga(bench, seen)
    const handle = await workflow.start('a')
    await bench.clock.settle()
    await bench.loseLease(new LeaseLostError())
    await bench.clock.settle()
    expect(seen).toEqual(['attempt 1', 'attempt 1'])
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, false])
    expect(signals[0]?.reason).toBeInstanceOf(LeaseLostError)
    await bench.post(urls[0] ?? '', { n: 4 })
    expect(await handle.result()).toBe(4)
    expect(seen).toEqual(['attempt 1', 'attempt 1', 'finally'])
  })

  it('is entered again also where the lease turns out to stand', async () => {
    await using bench = await openBench()
    const seen: string[] = []
    const { workflow, urls } = saga(bench, seen)
    const handle = await workflow.start('a')
    await bench.clock.settle()
    bench.runner.abandon(new LeaseLostError())
    bench.runner.look()
    await bench.clock.settle()
    expect(seen).toEqual(['attempt 1', 'attempt 1'])
    await bench.post(urls[0] ?? '', { n: 4 })
    expect(await handle.result()).toBe(4)
  })

  it('starts nothing and records nothing any more', async () => {
    await using bench = await openBench()
    const gate = deferred<void>()
    const steps: string[] = []
    let entries = 0
    const slow = bench.workflow('slow', async (run: Run) => {
      const entry = ++entries
      if (entry === 1) {
        await gate.promise
        await run.step('late', () => void steps.push('late'))
        steps.push('after')
      }
      return entry
    })
    const handle = await slow.start('a')
    await bench.clock.settle()
    await bench.loseLease(new LeaseLostError())
    expect(await handle.result()).toBe(2)
    gate.resolve()
    await bench.clock.settle()
    expect(steps).toEqual([])
    expect(await handle.result()).toBe(2)
  })

  it('is not entered from a claim that was under way', async () => {
    const { change, hold } = holding()
    await using bench = await openBench({ change })
    let entries = 0
    const one = bench.workflow('one', async () => ++entries)
    await bench.clock.settle()
    const letGo = hold('claimRuns', 'after')
    const handle = await one.start('a')
    await bench.clock.settle()
    const lost = bench.loseLease(new LeaseLostError())
    letGo()
    await lost
    await bench.clock.settle()
    expect(await handle.result()).toBe(1)
    expect(bench.events.filter(({ type }) => type === 'run.entered')).toHaveLength(1)
  })
})

describe('a server that closes', () => {
  it('drops what only waits, lets the rest finish, and enters nothing', async () => {
    const bench = await openBench()
    const seen: string[] = []
    const { workflow, signals } = saga(bench, seen)
    await workflow.start('a')
    const gate = deferred<void>()
    const busy = bench.workflow('busy', async (run: Run) => {
      const answer = await run.spawn('answer')
      const next = answer.next()
      await run.step('slow', () => gate.promise)
      await next
    })
    await busy.start('a')
    await bench.clock.settle()
    let finished = false
    const finishing = bench.runner.finish().then(() => {
      finished = true
    })
    await bench.clock.settle()
    expect(signals[0]?.reason).toBeInstanceOf(ServerClosedError)
    expect(finished).toBe(false)
    await workflow.start('b')
    gate.resolve()
    await finishing
    expect(seen).toEqual(['attempt 1'])
    expect(bench.events.filter(({ type }) => type === 'run.entered')).toHaveLength(2)
    expect(bench.events.filter(({ type }) => type === 'run.ended')).toHaveLength(0)

    await bench.runner.close()
    const { store, clock } = bench
    bench.kill()
    await using next = await openBench({ store, clock })
    const ran: string[] = []
    next.workflow('saga', async (run: Run) => void ran.push(`${run.key} ${run.attempt}`))
    next.workflow('busy', async (run: Run) => {
      await run.step('slow', () => expect.unreachable())
      ran.push('busy')
    })
    await clock.settle()
    expect(ran.sort()).toEqual(['a 2', 'b 1', 'busy'])
  })

  it('gives up waits for runs, and refuses to start any', async () => {
    const bench = await openBench()
    const { workflow } = saga(bench, [])
    const handle = await workflow.start('a')
    const result = handle.result()
    await bench.clock.settle()
    await bench.runner.close()
    bench.workflows.close()
    await expect(result).rejects.toThrow(ServerClosedError)
    await expect(handle.result()).rejects.toThrow(ServerClosedError)
    await expect(workflow.start('b')).rejects.toThrow(ServerClosedError)
    await expect(workflow.get('a')).rejects.toThrow(ServerClosedError)
    bench.kill()
    expect(bench.clock.timers).toBe(0)
  })

  it('takes what the closing itself threw for no failure of a run', async () => {
    const bench = await openBench()
    const gate = deferred<void>()
    const other = bench.workflow('other', async () => await gate.promise)
    const asking = bench.workflow('asking', async () => {
      await gate.promise
      throw new ServerClosedError()
    })
    await other.start('a')
    const handle = await asking.start('a')
    await bench.clock.settle()
    const finishing = bench.runner.finish()
    gate.resolve()
    await finishing
    const run = await bench.session.findRun({ workflow: 'asking', key: handle.key })
    expect(run).toMatchObject({ status: 'due', attempt: 0, failures: 0 })
    bench.kill()
  })
})
