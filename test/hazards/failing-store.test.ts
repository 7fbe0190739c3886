import { expect, it } from 'vitest'
import { StoreUnavailableError } from '../../src/index.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { openTestServer } from '../support/server.js'
import { withCommands } from '../support/store.js'

// The bug: a database that is away for a minute answers 404 or 400, and the sender gives up for good.

it('a store that fails answers 503 with Retry-After, never 4xx, and the repeated request is accepted', async () => {
  let broken = false
  const failing = async <T>(command: () => Promise<T>): Promise<T> => {
    if (broken) throw new StoreUnavailableError('the disk is away')
    return await command()
  }
  const store = withCommands(memoryStore(), session => ({
    accept: input => failing(() => session.accept(input)),
    findReceiver: input => failing(() => session.findReceiver(input)),
  }))
  await using bench = await openTestServer({ store })
  const [known, unseen] = [await bench.server.spawn('known'), await bench.server.spawn('unseen')]
  await bench.post(known.url)
  broken = true

  const answers = [
    await bench.post(known.url),
    await bench.post(unseen.url),
    await bench.post(`https://hooks.example.com/r/${'x'.repeat(24)}`),
  ]
  broken = false

  for (const answer of answers) {
    expect(answer.status).toBe(503)
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await answer.text()).not.toContain('disk')
  }
  expect((await bench.post(unseen.url)).status).toBe(202)
  expect(bench.logged.some(({ level }) => level === 'error' || level === 'warn')).toBe(true)
})
