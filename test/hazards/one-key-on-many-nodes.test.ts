import { expect, it } from 'vitest'
import { openNode } from '../store/postgres/support/nodes.js'
import { newSchema } from '../store/postgres/support/schema.js'
import { countUnread } from '../support/server.js'

// The bug: two nodes look, both find nothing, and both make it: a mailbox that is never read, a callback that is handled twice.

it('two claims of one key at the same moment are one receiver: twelve nodes that start together, one URL', async () => {
  const schema = newSchema()
  const nodes = await Promise.all(Array.from({ length: 12 }, () => openNode(schema, { pool: { max: 3 } })))

  for (let round = 0; round < 10; round++) {
    const receivers = await Promise.all(nodes.map(({ server }) => server.spawn(`orders/${round}`)))
    expect(new Set(receivers.map(({ url }) => url)).size).toBe(1)
    expect(new Set(receivers.map(({ id }) => id)).size).toBe(1)
  }
}, 60_000)

it('a retry of a request whose answer was lost is one callback, also when both arrive at the same moment on two nodes', async () => {
  const schema = newSchema()
  const [here, there] = [await openNode(schema), await openNode(schema)]
  const receiver = await here.server.spawn('orders')
  const count = 100

  for (let n = 0; n < count; n++) {
    const answers = await Promise.all(
      [here, there].map(({ post }) => post(receiver.url, { n }, { 'webhook-id': `msg_${n}` })),
    )
    expect(answers.map(({ status }) => status)).toEqual([202, 202])
    const duplicates = answers.map(({ headers }) => headers.get('longline-duplicate'))
    expect(duplicates.toSorted()).toEqual([null, 'true'].toSorted())
  }

  expect(await countUnread(there.server)).toBe(count)
}, 60_000)
