import { describe, expect, it } from 'vitest'
import { openTestServer } from '../support/server.js'
import { stores } from '../support/stores.js'

// The bug: one sender gone wild fills what all share, or one full mailbox turns away the callbacks of others.

describe.each(stores)('in %s', (_, store) => {
  it('a full mailbox says 429 and the ones beside it still say 202', async () => {
    await using bench = await openTestServer({ store: store() })
    const { server, post } = bench
    const [full, beside] = [await server.spawn('full', { capacity: 3 }), await server.spawn('beside')]

    const answers = await Promise.all(Array.from({ length: 10 }, () => post(full.url)))
    const refused = answers.filter(answer => answer.status === 429)

    expect(refused).toHaveLength(7)
    expect(Number(refused[0]?.headers.get('retry-after'))).toBeGreaterThan(0)
    expect((await post(beside.url)).status).toBe(202)
    await (await full.next()).ack()
    expect((await post(full.url)).status).toBe(202)
  })
})
