import { expect, it, onTestFinished } from 'vitest'
import { NOT_DURABLE, type PostgresServer, startPostgres } from '../../scripts/postgres.mjs'
import { openNode, type TestNode } from '../store/postgres/support/nodes.js'
import { collect } from '../support/server.js'

// The database stops and starts again under load, as at a failover, and the nodes go on living.

/** Longer than the database is away: leases that run out are another story. */
const PACE = { leaseMs: 60_000 }

async function startOwn(): Promise<PostgresServer> {
  const server = await startPostgres(NOT_DURABLE)
  onTestFinished(() => server.remove(), 30_000)
  return server
}

it('a database that is stopped and started again loses nothing that was answered, and ends no wait', async () => {
  const database = await startOwn()
  const nodes = [
    await openNode('longline', { url: database.url, pace: PACE, parkAfter: 20 }),
    await openNode('longline', { url: database.url, pace: PACE, parkAfter: 20 }),
  ] as const
  const [here, there] = nodes
  const booked: string[] = []
  const [stories] = nodes.map(({ server }) => declare(server, booked))
  const orders = await here.server.spawn('orders')
  const handled: number[] = []
  for (const { server } of nodes) {
    const receiver = await server.spawn<number>('orders')
    receiver.consume({ concurrency: 5 }, callback => void handled.push(callback.data))
  }
  const quiet = await there.server.spawn<{ n: number }>('quiet')
  const patient = quiet.next({ timeout: '60s' })

  let goesOn = true
  const acknowledged = new Set<number>()
  const refused: Response[] = []
  const post = async (sender: number, { post: postTo }: TestNode) => {
    for (let n = sender; goesOn; n += 4) {
      let answer = await postTo(orders.url, n, { 'webhook-id': String(n) })
      for (
        ;
        goesOn && answer.status !== 202;
        answer = await postTo(orders.url, n, { 'webhook-id': String(n) })
      ) {
        refused.push(answer)
      }
      if (answer.status === 202) acknowledged.add(n)
    }
  }
  const runs = await Promise.all(Array.from({ length: 10 }, (_, n) => stories?.start(String(n), n)))
  const load = Promise.all([post(0, here), post(1, there), post(2, here), post(3, there)])
  await expect.poll(() => acknowledged.size, { timeout: 10_000 }).toBeGreaterThan(100)

  await database.stop()
  const before = acknowledged.size
  await expect.poll(() => refused.length, { timeout: 10_000 }).toBeGreaterThan(4)
  expect(await here.server.health()).toMatchObject({ ok: false, store: 'unavailable' })
  await database.start()
  await expect.poll(() => acknowledged.size, { timeout: 15_000 }).toBeGreaterThan(before + 100)
  goesOn = false
  await load

  expect((await here.post(quiet.url, { n: 7 })).status).toBe(202)
  expect((await patient).data).toEqual({ n: 7 })
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]))
  expect(refused.every(({ headers }) => Number(headers.get('retry-after')) > 0)).toBe(true)
  await expect
    .poll(() => [...acknowledged].filter(n => !handled.includes(n)), { timeout: 15_000 })
    .toEqual([])
  for (const run of runs) expect(await run?.result({ timeout: '30s' })).toBe(4)
  // A step whose result was recorded never ran again, and one whose record was lost ran under the same key.
  expect(new Set(booked).size).toBe(4 * runs.length)
  const failed = await collect(orders.failed())
  expect(failed).toEqual([])
}, 90_000)

function declare(server: TestNode['server'], booked: string[]) {
  return server.workflow<number, number>('story', async run => {
    let steps = 0
    for (; steps < 4; steps++) {
      await run.step(`step ${steps}`, ({ idempotencyKey }) => void booked.push(idempotencyKey))
      await run.sleep(`rest ${steps}`, 300)
    }
    return steps
  })
}

it('a full pool delays what needs a connection, and refuses what cannot wait', async () => {
  const database = await startOwn()
  const node = await openNode('longline', { url: database.url, pool: { max: 3 }, pace: PACE })
  const receiver = await node.server.spawn('orders')
  const others = await Promise.all([node.pool.connect(), node.pool.connect()])
  onTestFinished(() => void others)

  const waiting = node.post(receiver.url, { n: 1 })
  const soon = await Promise.race([waiting, node.post(receiver.url, { n: 2 })])
  expect(soon.status).toBe(503)
  expect(soon.headers.get('retry-after')).not.toBeNull()
  for (const other of others) other.release()
  await expect
    .poll(async () => (await node.post(receiver.url, { n: 3 })).status, { timeout: 10_000 })
    .toBe(202)
}, 60_000)

it('a statement that times out is refused alone, and everything goes on afterwards', async () => {
  const database = await startOwn()
  const node = await openNode('longline', {
    url: database.url,
    pool: { options: '-c statement_timeout=500' },
    pace: PACE,
  })
  const blocker = await openNode('longline', { url: database.url, pace: PACE })
  const receiver = await node.server.spawn('orders')
  const other = await node.server.spawn('others')
  const lock = await blocker.pool.connect()
  await lock.query('begin')
  await lock.query('select from longline.mailboxes where receiver_id = $1 for update', [receiver.id])

  const [stuck, free] = await Promise.all([node.post(receiver.url, { n: 1 }), node.post(other.url, { n: 1 })])
  expect(stuck.status).toBe(503)
  expect(free.status).toBe(202)
  await lock.query('rollback')
  lock.release()
  expect((await node.post(receiver.url, { n: 2 })).status).toBe(202)
}, 60_000)
