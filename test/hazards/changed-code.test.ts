import { describe, expect, it } from 'vitest'
import type { CallbackServer, Run } from '../../src/index.js'
import { Lives, places } from '../support/lives.js'

// The bug: what is remembered is found by its place in the order of calls. A step is added before it, and the new step
// gets the old one's result, or the run fails for good because its history does not fit the code.

describe.each(places)('in %s', (_, place) => {
  it('deploying code with a step added, removed or moved between two others does not corrupt runs in flight', async () => {
    const lives = new Lives(place, { fetch: async () => new Response() })
    const effects: string[] = []
    let url = ''
    const did = (run: Run, key: string) =>
      run.step(key, () => {
        effects.push(key)
        return `did ${key}`
      })
    const hello = (run: Run) => run.send('hello', { to: 'https://partner.example/hello', body: 1 })
    const answer = async (run: Run) => {
      const answers = await run.spawn<string>('answers')
      url = answers.url
      return (await answers.next()).data
    }
    const deploys: ((run: Run) => Promise<unknown[]>)[] = [
      async run => [
        await did(run, 'a'),
        await did(run, 'b'),
        await hello(run),
        await did(run, 'c'),
        await answer(run),
      ],
      async run => [
        await did(run, 'a'),
        await did(run, 'new'),
        await did(run, 'b'),
        await did(run, 'c'),
        await answer(run),
      ],
      async run => [await did(run, 'c'), await hello(run), await did(run, 'a'), await answer(run)],
      async run => [await did(run, 'b'), await did(run, 'new'), await answer(run), await did(run, 'a')],
    ]
    const urls: string[] = []
    for (const code of deploys.slice(0, -1)) {
      const { server } = await lives.begin()
      const job = server.workflow('job', code)
      await job.start('1')
      await lives.clock.advance('2s')
      urls.push(url)
    }
    const { server, post } = await lives.begin()
    const job = server.workflow('job', deploys.at(-1) ?? (async () => []))
    await post(url, 'yes')
    await lives.clock.settle()

    expect(await (await job.start('1')).result()).toEqual(['did b', 'did new', 'yes', 'did a'])
    expect(effects).toEqual(['a', 'b', 'c', 'new'])
    expect(new Set(urls).size).toBe(1)
  })

  it('nor of those that remember more than is read at once', async () => {
    const lives = new Lives(place)
    const effects: number[] = []
    const keys = Array.from({ length: 700 }, (_, n) => n)
    const declare = (server: CallbackServer, order: readonly number[]) =>
      server.workflow('long', async run => {
        const seen: number[] = []
        for (const n of order) seen.push(await run.step(`step ${n}`, () => effects.push(n) && n))
        await run.sleep('a while', '1d')
        return seen
      })
    const first = await lives.begin()
    await declare(first.server, keys).start('1')
    await lives.clock.advance('2s')
    const reordered = [
      ...keys.slice(600),
      1_000,
      ...keys.slice(100, 300).reverse(),
      1_001,
      ...keys.slice(280, 0),
    ]
    await lives.kill()
    await lives.clock.advance('1d')
    const second = await lives.begin()
    const long = declare(second.server, reordered)
    await lives.clock.advance('2s')

    expect(await (await long.start('1')).result()).toEqual(reordered)
    expect(effects).toEqual([...keys, 1_000, 1_001])
  })

  it('and a key that comes back with another verb is refused, not mistaken for what it was', async () => {
    const lives = new Lives(place)
    const first = await lives.begin()
    await first.server
      .workflow('job', async run => {
        await run.step('x', () => 1)
        await run.sleep('a while', '1d')
      })
      .start('1')
    await lives.clock.advance('2s')
    await lives.kill()
    await lives.clock.advance('1d')
    const second = await lives.begin()
    const job = second.server.workflow('job', async run => {
      await run.spawn('x')
    })
    await lives.clock.settle()
    await expect((await job.start('1')).result()).rejects.toMatchObject({ cause: { code: 'key_conflict' } })
  })
})
