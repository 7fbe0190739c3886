import { NonRetryableError } from 'longline'
import { ManualClock } from 'longline/testing'
import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/recurring.mjs'
import { openExample, ways } from './ways.js'

const dayMs = 3_600_000 // a bench looks at its store once a second, so real days take a while

describe.each(ways)('a recurring job, $way', way => {
  async function open(options: { last?: number; failing?: number } = {}) {
    const written: string[] = []
    const write = (line: string) => {
      written.push(line)
      if (line.endsWith(String(options.failing))) throw new NonRetryableError('no paper')
    }
    const { last } = options
    const clock = new ManualClock()
    const at = new Date(clock.now())
    const bench = await openExample(way, { clock }, async server => {
      const report = declare(server, { write, dayMs, ...(last === undefined ? {} : { last }) })
      await report.start('first', { day: 1, at }) // at every start of the program
      return report
    })
    await bench.pass(1_000)
    const statuses = async () => {
      const found: string[] = []
      for await (const { status } of bench.declared.runs()) found.push(status)
      return found
    }
    return { bench, written, statuses }
  }

  it('starts its successor, once, and each runs on its day', async () => {
    const { bench, written, statuses } = await open()
    await using _ = bench
    expect(written).toEqual(['the report of day 1'])
    await bench.pass(dayMs - 4_000)
    expect(written).toHaveLength(1)
    await bench.pass(8_000)
    expect(written).toEqual(['the report of day 1', 'the report of day 2'])
    await bench.pass(dayMs)
    expect(written).toEqual([1, 2, 3].map(day => `the report of day ${day}`))
    expect(await statuses()).toHaveLength(4) // and the fourth is there, and waits
  })

  it('ends with the last', async () => {
    const { bench, written, statuses } = await open({ last: 2 })
    await using _ = bench
    await bench.pass(3 * dayMs)
    expect(written).toEqual(['the report of day 1', 'the report of day 2'])
    expect(await statuses()).toEqual(['done', 'done'])
  })

  it('comes again although one failed', async () => {
    const { bench, written, statuses } = await open({ last: 3, failing: 2 })
    await using _ = bench
    await bench.pass(3 * dayMs)
    expect(written).toEqual([1, 2, 3].map(day => `the report of day ${day}`))
    expect((await statuses()).sort()).toEqual(['done', 'done', 'failed'])
  })
})
