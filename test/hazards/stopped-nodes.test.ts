import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.js'
import { openNode } from '../store/postgres/support/nodes.js'
import { Proxy } from '../store/postgres/support/proxy.js'
import { newSchema, testPool } from '../store/postgres/support/schema.js'

// The bug: a lock that is held until a node goes on: its process is stopped, its machine suspended, and everybody else waits.

const MIB = 1024 * 1024

it('a node stopped while it is told what it claimed delays its neighbours by no more than a second', async () => {
  const schema = newSchema()
  const way = await Proxy.open()
  const neighbour = await openNode(schema)
  const stopped = await openNode(schema, { url: way.url, pool: { application_name: schema } })
  const receiver = await neighbour.server.spawn('large')
  const there = await stopped.server.spawn('large')
  // More than the sockets between the two can hold.
  for (let n = 0; n < 9; n++) {
    expect((await neighbour.post(receiver.url, new Uint8Array(MIB - 1).fill(n))).status).toBe(202)
  }

  onTestFinished(() => way.readOn())
  way.stopReading()
  there.consume({ concurrency: 9 }, () => {})
  await expect.poll(() => isWriting(schema), { timeout: 10_000 }).toBe(true)
  const before = systemClock.monotonic()
  const answer = await neighbour.post(receiver.url, { n: 10 })

  expect(answer.status).toBe(202)
  expect(systemClock.monotonic() - before).toBeLessThan(1_000)
}, 60_000)

/** Whether the server of the database waits for the node to read what it was sent. */
async function isWriting(application: string): Promise<boolean> {
  const { rows } = await testPool().query(
    "select from pg_stat_activity where application_name = $1 and wait_event = 'ClientWrite'",
    [application],
  )
  return rows.length > 0
}
