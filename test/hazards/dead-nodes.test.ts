import { expect, it } from 'vitest'
import { BRISK, openNode } from '../store/postgres/support/nodes.js'
import { newSchema } from '../store/postgres/support/schema.js'
import { ChildNode } from '../support/cluster/child-node.js'
import { publicUrl } from '../support/server.js'

// The bug: what a dead node had is found when a node starts, and not before.

it('recovery happens all the time, not only at start: a node that dies is taken over while the others run', async () => {
  const schema = newSchema()
  const survivor = await openNode(schema)
  const { url } = await survivor.server.spawn('orders')

  // The second death finds the survivor as the first has left it.
  for (const round of [1, 2]) {
    const child = await ChildNode.start({
      ...{
        name: `child ${round}`,
        url: process.env.LONGLINE_TEST_POSTGRES ?? '',
        schema,
        pace: BRISK,
        publicUrl,
      },
    })
    expect((await survivor.post(url, { round })).status).toBe(202)
    expect(await child.ask('take', 'orders')).toMatchObject({ seq: round, attempt: 1 })
    const keyless = await child.ask<string>('spawnKeyless')
    expect((await survivor.post(keyless)).status).toBe(202)
    const waits = (await survivor.server.spawn('orders')).next({ timeout: '20s' })

    await child.kill()

    const callback = await waits
    expect(callback).toMatchObject({ seq: round, attempt: 2 })
    await callback.ack()
    await expect.poll(async () => (await survivor.post(keyless)).status, { timeout: 20_000 }).toBe(410)
  }
}, 60_000)
