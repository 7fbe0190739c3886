import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/render.mjs'
import { openExample, runOf, sentTo, ways } from './ways.js'

describe.each(ways)('a video render, $way', way => {
  async function open() {
    const said: string[] = []
    const bench = await openExample(way, {}, server => declare(server, line => void said.push(line)))
    await bench.declared.start('7', 'cat.mov')
    await bench.pass()
    const [job] = await sentTo<{ file: string; webhook: string }>(bench.sent, 'render.example')
    const post = (path: string, body: object) => bench.post(`${job?.webhook}${path}`, body)
    return { bench, said, post, job }
  }

  it('shows each progress once, in order, until it is done', async () => {
    const { bench, said, post, job } = await open()
    await using _ = bench
    expect(job?.file).toBe('cat.mov')
    await post('/progress', { percent: 25 })
    await bench.pass(5 * 60_000)
    expect(said).toEqual(['cat.mov: 25 %'])
    for (const percent of [50, 75]) await post('/progress', { percent })
    await post('/done', { url: 'https://cdn.example/cat.mov' })
    await bench.pass()
    expect(await (await runOf(bench.declared, '7')).result()).toBe('https://cdn.example/cat.mov')
    expect(said).toEqual(['cat.mov: 25 %', 'cat.mov: 50 %', 'cat.mov: 75 %'])
    expect(bench.sent).toHaveLength(1)
    expect((await post('/progress', { percent: 99 })).status).toBe(410)
  })

  it('gives up after ten minutes without a word, counted from the last', async () => {
    const { bench, post } = await open()
    await using _ = bench
    await bench.pass(9 * 60_000)
    await post('/progress', { percent: 25 })
    await bench.pass(9 * 60_000)
    expect(await (await runOf(bench.declared, '7')).status()).toMatchObject({ status: 'parked' })
    await bench.pass(2 * 60_000)
    // An error of the code's own: it is entered again, finds the same, and is failed in the end.
    await bench.pass(2 * 3_600_000)
    const failed = await (await runOf(bench.declared, '7')).result().catch((error: Error) => error.cause)
    expect(failed).toMatchObject({ message: 'nothing was heard of cat.mov for ten minutes' })
  })
})
