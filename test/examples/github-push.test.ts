import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { declare } from '../../examples/github-push.mjs'
import { openExample, sentTo, ways } from './ways.js'

const secret = 'entered beside the URL'

describe.each(ways)('a push to GitHub, $way', way => {
  async function open(build: (commit: string) => Promise<'success' | 'failure'> = async () => 'success') {
    const built: string[] = []
    const bench = await openExample(way, {}, server =>
      declare(server, {
        secret,
        token: 'ghs_1',
        build: async commit => {
          built.push(commit)
          return await build(commit)
        },
      }),
    )
    /** As GitHub does. */
    const call = async (
      event: string,
      given: object,
      { id, by = secret }: { id: string; by?: string },
    ): Promise<number> => {
      const body = JSON.stringify({ repository: { full_name: 'ada/engine' }, ...given })
      const headers = {
        'content-type': 'application/json',
        'x-github-event': event,
        'x-github-delivery': id,
        'x-hub-signature-256': `sha256=${createHmac('sha256', by).update(body).digest('hex')}`,
      }
      const { url } = bench.declared
      return (await bench.server.fetch(new Request(url, { method: 'POST', headers, body }))).status
    }
    const push = (after: string, { branch = 'main', id = after, by = secret } = {}) =>
      call('push', { ref: `refs/heads/${branch}`, after, deleted: false }, { id, by })
    const states = async () => {
      const bodies = await sentTo<{ state: string }>(bench.sent, 'api.github.com')
      return bodies.map(({ state }, index) => `${bench.sent[index]?.url.split('/').at(-1)}: ${state}`)
    }
    return { bench, built, call, push, states }
  }

  it('is built, and GitHub is told, before and after', async () => {
    const { bench, built, push, states } = await open(async commit =>
      commit === 'a' ? 'success' : 'failure',
    )
    await using _ = bench
    for (const commit of ['a', 'b']) {
      expect(await push(commit)).toBe(202)
      await bench.pass(1_000)
    }
    expect(built).toEqual(['a', 'b'])
    expect(await states()).toEqual(['a: pending', 'a: success', 'b: pending', 'b: failure'])
    expect(bench.sent[0]?.url).toBe('https://api.github.com/repos/ada/engine/statuses/a')
    expect(bench.sent[0]?.headers.get('authorization')).toBe('Bearer ghs_1')
  })

  it('is built once, though somebody presses "Redeliver"', async () => {
    const { bench, built, push } = await open()
    await using _ = bench
    await push('a')
    await bench.pass(1_000)
    expect(await push('a')).toBe(202)
    await bench.pass(1_000)
    expect(built).toEqual(['a'])
  })

  it('waits for the one before in its branch, and for no other branch', async () => {
    let finish = () => {}
    const finished = new Promise<void>(resolve => (finish = resolve))
    const { bench, built, push } = await open(async commit => {
      if (commit === 'a') await finished
      return 'success'
    })
    await using _ = bench
    await push('a')
    await push('b')
    await push('c', { branch: 'other' })
    await bench.settle()
    expect([...built].sort()).toEqual(['a', 'c'])
    finish()
    await bench.pass(1_000)
    expect([...built].sort()).toEqual(['a', 'b', 'c'])
  })

  it('is not taken from anybody else, and neither pings nor branches that are deleted are built', async () => {
    const { bench, built, call, push } = await open()
    await using _ = bench
    expect(await push('a', { by: 'a guess' })).toBe(401)
    expect(await call('ping', { zen: 'Keep it logically awesome.' }, { id: 'ping' })).toBe(202)
    const deleted = { ref: 'refs/heads/main', after: '0'.repeat(40), deleted: true }
    expect(await call('push', deleted, { id: 'deleted' })).toBe(202)
    await bench.pass(1_000)
    expect(built).toEqual([])
    expect(bench.sent).toEqual([])
  })
})
