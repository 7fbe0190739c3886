import { expect, it, onTestFinished } from 'vitest'
import { systemClock } from '../../src/core/clock.js'
import { BRISK, openNode } from '../store/postgres/support/nodes.js'
import { Passage } from '../store/postgres/support/passage.js'
import { newSchema, testPool } from '../store/postgres/support/schema.js'
import { ChildNode } from '../support/cluster/child-node.js'
import { Ledger } from '../support/cluster/ledger.js'
import { countUnread, publicUrl } from '../support/server.js'
import { randomFrom } from '../torture/run.mjs'

// The bug: a lock that is held until a node goes on: its process is stopped, its machine suspended, and everybody else waits.

const MIB = 1024 * 1024

it('a node stopped while it is told what it claimed delays its neighbours by no more than a second', async () => {
  const schema = newSchema()
  const way = await Passage.open()
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

it('a node stopped at any instant delays its neighbours by no more than a second', async () => {
  const schema = newSchema()
  const neighbour = await openNode(schema)
  const ledger = await Ledger.open(schema)
  const child = await ChildNode.start({
    ...{ name: 'stopped', url: process.env.LONGLINE_TEST_POSTGRES ?? '', schema, pace: BRISK, publicUrl },
    receivers: ['a'],
  })
  const { url } = await neighbour.server.spawn('a')
  const random = randomFrom(47)
  let posted = 0
  const post = async () => expect((await neighbour.post(url, { n: ++posted })).status).toBe(202)
  const postWhile = async (goesOn: () => boolean) => {
    const taken: number[] = []
    while (goesOn()) {
      const before = systemClock.monotonic()
      await Promise.all(Array.from({ length: 10 }, post))
      taken.push(systemClock.monotonic() - before)
    }
    return Math.max(...taken)
  }

  for (let stop = 0; stop < 6; stop++) {
    const stopAt = systemClock.monotonic() + random() * 200
    await postWhile(() => systemClock.monotonic() < stopAt)
    child.stop()
    const until = systemClock.monotonic() + 300
    expect(await postWhile(() => systemClock.monotonic() < until)).toBeLessThan(1_000)
    child.goOn()
  }

  const bodies = async () => new Set((await ledger.handled()).map(({ body }) => body)).size
  await expect.poll(bodies, { timeout: 20_000 }).toBe(posted)
}, 60_000)

it('a node stopped for longer than its lease can write nothing afterwards', async () => {
  const schema = newSchema()
  const neighbour = await openNode(schema)
  const child = await ChildNode.start({
    ...{ name: 'stopped', url: process.env.LONGLINE_TEST_POSTGRES ?? '', schema, pace: BRISK, publicUrl },
  })
  const { url } = await neighbour.server.spawn('orders')
  await neighbour.post(url, { n: 1 })
  expect(await child.ask('take', 'orders')).toMatchObject({ seq: 1, attempt: 1 })
  await child.ask('hold', 'story')

  child.stop()
  const held = neighbour.server.workflow<string, string>('held', run =>
    run.step('work', () => 'by neighbour'),
  )
  const run = await held.get('story')
  const again = await (await neighbour.server.spawn('orders')).next({ timeout: '15s' })
  expect(again).toMatchObject({ seq: 1, attempt: 2 })
  expect(await run?.result({ timeout: '15s' })).toBe('by neighbour')
  child.goOn()

  await child.ask('finish', 'story')
  await expect(child.ask('acknowledge')).rejects.toThrow('LeaseLostError')
  expect(await run?.result()).toBe('by neighbour')
  await again.ack()
  expect(await countUnread(neighbour.server)).toBe(0)
}, 60_000)
