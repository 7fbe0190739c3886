import { expect, it } from 'vitest'
import { DEFAULTS } from '../../src/options.js'
import { openNode } from '../store/postgres/support/nodes.js'
import { newSchema } from '../store/postgres/support/schema.js'
import { ChildNode } from '../support/cluster/child-node.js'
import { collect, countUnread, publicUrl } from '../support/server.js'

// The bug: two nodes look, both find nothing, and both make it: a mailbox that is never read, a callback that is handled twice.

it('two claims of one key at the same moment are one receiver: twelve processes spawn the same key, one URL comes out', async () => {
  const settings = {
    url: process.env.LONGLINE_TEST_POSTGRES ?? '',
    schema: newSchema(),
    pace: DEFAULTS,
    publicUrl,
  }
  // Nobody asks for a key before all of them are there; the first to be there have made the tables.
  const nodes = await Promise.all(
    Array.from({ length: 12 }, (_, n) => ChildNode.start({ ...settings, name: `node ${n}` })),
  )

  for (let round = 0; round < 20; round++) {
    const urls = await Promise.all(nodes.map(node => node.ask<string>('spawn', `orders/${round}`)))
    expect(new Set(urls).size).toBe(1)
  }

  const observer = await openNode(settings.schema)
  expect(await collect(observer.server.receivers())).toHaveLength(20)
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
