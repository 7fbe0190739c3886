import { expect, it } from 'vitest'
import { systemClock } from '../../src/core/clock.js'
import { BRISK, openNode, type TestNode } from '../store/postgres/support/nodes.js'
import { Passage } from '../store/postgres/support/passage.js'
import { newSchema } from '../store/postgres/support/schema.js'

// The bug: a lease that ran out is taken for a death, though nobody could have renewed it. Who is back first takes the runs
// of all others, and their receivers without a key answer 410 to a world that was told their URL.

it('Postgres gone for longer than a lease kills neither the runs nor the keyless receivers of nodes that are alive', async () => {
  const schema = newSchema()
  const way = await Passage.open()
  const nodes = [await openNode(schema, { url: way.url }), await openNode(schema, { url: way.url })] as const
  const lives = await Promise.all(nodes.map((node, index) => begin(node, `node ${index}`)))

  way.close()
  const gone = systemClock.monotonic()
  await expect.poll(() => lives.every(({ dropped }) => dropped()), { timeout: 15_000 }).toBe(true)
  await expect
    .poll(() => systemClock.monotonic() - gone, { timeout: 15_000 })
    .toBeGreaterThan(2 * BRISK.leaseMs)
  way.reopen()

  for (const { url, next, result } of lives) {
    const status = async () =>
      (await Promise.all(nodes.map(({ post }) => post(url, { n: 1 })))).map(a => a.status)
    await expect.poll(status, { timeout: 15_000 }).toEqual([202, 202])
    expect(await next).toMatchObject({ seq: 1, attempt: 1 })
    expect(await result).toBe('done in entry 2')
  }
}, 60_000)

/** What is under way at a node: a receiver without a key that somebody waits at, and a run that is in memory. */
async function begin({ server }: TestNode, name: string) {
  let entries = 0
  let dropped = false
  const work = server.workflow<string, string>(name, run =>
    run.step('work', ({ signal }) => {
      entries++
      if (entries > 1) return `done in entry ${entries}`
      return new Promise<string>((_, reject) => {
        signal.addEventListener('abort', () => {
          dropped = true
          reject(new Error('dropped'))
        })
      })
    }),
  )
  const receiver = await server.spawn()
  const run = await work.start('only', '')
  await expect.poll(() => entries).toBe(1)
  return {
    url: receiver.url,
    next: receiver.next({ timeout: '30s' }),
    result: run.result({ timeout: '30s' }),
    dropped: () => dropped,
  }
}
