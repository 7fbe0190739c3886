import { describe, expect, it } from 'vitest'
import { openTestServer } from '../support/server.js'
import { stores } from '../support/stores.js'

// The bug: two claims of one key both look, both find nothing, and both make a mailbox. One of them is never read.

describe.each(stores)('in %s', (_, store) => {
  it('two claims of one key at the same moment are one receiver: twelve callers, one URL', async () => {
    await using bench = await openTestServer({ store: store() })

    const receivers = await Promise.all(Array.from({ length: 12 }, () => bench.server.spawn('orders/berlin')))

    expect(new Set(receivers.map(receiver => receiver.url)).size).toBe(1)
    expect(new Set(receivers.map(receiver => receiver.id)).size).toBe(1)
  })
})
