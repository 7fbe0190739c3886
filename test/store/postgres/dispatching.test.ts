import { beforeAll, expect, it } from 'vitest'
import type { Lane } from '../../../src/model/delivery.js'
import { DAY, MINUTE, SECOND, Trial } from '../../../src/testing/conformance/trial.js'
import { makeSchema, newSchema, storeIn, testPool } from './support/schema.js'

// What the bug would look like: a written-out URL whose message is due, and nobody sends it, because others are in front of it
// that cannot be sent. Nobody tells the store the names of these lanes, so it has to find what is due in them.

/** More than the window over what is due longest. */
const FLOOD = 1_200
/** More than the names that one claim looks through. */
const MANY_LANES = 2_300

const schema = newSchema()
beforeAll(() => makeSchema(schema))

async function run(story: (trial: Trial) => Promise<void>): Promise<void> {
  await testPool().query(`truncate ${schema}.deliveries, ${schema}.messages`)
  const store = storeIn(schema)
  await Trial.run(async () => store, story)
}

interface Queued {
  readonly count: number
  /** Of the n-th. */
  readonly lane: (n: number) => Lane
  readonly dueAt: number
  readonly deadlineAt?: number
}

/** Many at once, each due a moment after the one before it. */
async function queue(
  trial: Trial,
  { count, lane, dueAt, deadlineAt = trial.now + DAY }: Queued,
): Promise<void> {
  const lanes = Array.from({ length: count }, (_, n) => lane(n))
  await testPool().query(
    `with stored as (
       insert into ${schema}.messages (id, lane, url, method, path, query, headers, body, created_at)
       select gen_random_uuid(), lane, 'https://x.example', 'POST', '', '', '[]', '', 0 from unnest($1::text[]) lane
       returning no, lane)
     insert into ${schema}.deliveries (id, message, lane, due_at, deadline_at)
     select 'dlv_many_' || no, no, lane, $2::bigint + row_number() over (order by no), $3 from stored`,
    [lanes, dueAt, deadlineAt],
  )
}

async function lanesTaken(
  trial: Trial,
  changes: Parameters<Trial['claimDeliveries']>[0],
): Promise<Set<Lane>> {
  const { claimed } = await trial.claimDeliveries(changes)
  return new Set(claimed.map(({ delivery }) => delivery.lane))
}

it('one URL with a flood of messages hides no other, though it has no room', async () => {
  await run(async trial => {
    await queue(trial, {
      count: FLOOD,
      lane: () => 'origin:https://flood.example',
      dueAt: trial.now - MINUTE,
    })
    const free = await trial.queue('origin:https://zebra.example')
    const busy = { 'origin:https://flood.example': 1 } as const
    const { claimed, nextDueAt } = await trial.claimDeliveries({ limit: 5, lanes: busy, originRoom: 1 })
    expect(claimed.map(({ delivery }) => delivery.id)).toEqual([free])
    expect(nextDueAt).toBeUndefined()
  })
})

it('a flood to one URL leaves the others their share', async () => {
  await run(async trial => {
    await queue(trial, {
      count: FLOOD,
      lane: () => 'origin:https://flood.example',
      dueAt: trial.now - MINUTE,
    })
    await queue(trial, { count: 9, lane: n => `origin:https://${n}.example`, dueAt: trial.now - SECOND })
    expect((await lanesTaken(trial, { limit: 20, originRoom: 16 })).size).toBe(10)
  })
})

it('hundreds of URLs whose messages are past their deadline hide none that is due', async () => {
  await run(async trial => {
    const lane = (n: number) => `origin:https://dead-${n}.example` as const
    await queue(trial, { count: FLOOD, lane, dueAt: trial.now - MINUTE, deadlineAt: trial.now })
    const live = await trial.queue('origin:https://live.example')
    await trial.queue('origin:https://later.example', { dueAt: trial.now + 5 * SECOND })
    const claimed: string[] = []
    for (let time = 0; time < 3 && claimed.length === 0; time++) {
      const outcome = await trial.claimDeliveries({ limit: 10, originRoom: 1 })
      claimed.push(...outcome.claimed.map(({ delivery }) => delivery.id))
      expect(outcome.nextDueAt).toBeGreaterThan(trial.now)
      expect(outcome.nextDueAt).toBeLessThanOrEqual(trial.now + 5 * SECOND)
    }
    expect(claimed).toEqual([live])
  })
})

it('behind a flood, every one of thousands of URLs has its turn, and each node goes round by itself', async () => {
  await run(async trial => {
    const name = (n: number) => `origin:https://${String(n).padStart(5, '0')}.example` as const
    await queue(trial, {
      count: FLOOD,
      lane: () => 'origin:https://flood.example',
      dueAt: trial.now - 2 * MINUTE,
    })
    await queue(trial, { count: MANY_LANES, lane: name, dueAt: trial.now + MINUTE })
    const last = name(MANY_LANES)
    await trial.queue(last)
    const busy = { 'origin:https://flood.example': 1 } as const
    const ask = { limit: 5, lanes: busy, originRoom: 1 }
    const found = []
    for (let time = 0; time < 4; time++) {
      const { claimed, nextDueAt } = await trial.claimDeliveries(ask)
      found.push(...claimed.map(({ delivery }) => delivery.lane))
      // There are others that nobody has looked at: soon, and not at once.
      expect(nextDueAt).toBeGreaterThan(trial.now)
      expect(nextDueAt).toBeLessThanOrEqual(trial.now + SECOND)
    }
    expect(found).toEqual([last])
  })
})

it('what waits is looked for again when it falls due, also behind a flood of URLs without room', async () => {
  await run(async trial => {
    const lanes = Object.fromEntries(Array.from({ length: 3 }, (_, n) => [`origin:https://${n}.example`, 1]))
    await queue(trial, { count: 600, lane: n => `origin:https://${n % 3}.example`, dueAt: trial.now })
    const dueAt = trial.now + MINUTE
    const waits = await trial.queue('origin:https://waits.example', { dueAt })
    for (let time = 0; time < 10; time++) {
      const { claimed, nextDueAt } = await trial.claimDeliveries({ limit: 5, lanes, originRoom: 1 })
      if (claimed.length > 0) {
        expect(claimed.map(({ delivery }) => delivery.id)).toEqual([waits])
        expect(trial.now).toBe(dueAt)
        return
      }
      expect(nextDueAt).toBeGreaterThan(trial.now)
      trial.now = nextDueAt ?? dueAt
    }
    expect.unreachable('it was never found')
  })
})

it('two nodes that claim at the same moment share what is due, and neither goes away with nothing', async () => {
  await run(async trial => {
    const other = await trial.store.open()
    const { epoch } = await other.join({ node: 'other', now: trial.now, leaseMs: DAY })
    await queue(trial, {
      count: 400,
      lane: n => `origin:https://${n % 4}.example`,
      dueAt: trial.now - MINUTE,
    })
    const ids = new Set<string>()
    for (let round = 0; round < 10; round++) {
      const ask = { now: trial.now, limit: 20, lanes: {}, originRoom: 100 }
      const both = await Promise.all([
        trial.session.claimDeliveries({ ...ask, epoch: trial.epoch }),
        other.claimDeliveries({ ...ask, epoch }),
      ])
      for (const { claimed } of both) {
        expect(claimed).toHaveLength(20)
        for (const { delivery } of claimed) ids.add(delivery.id)
      }
    }
    expect(ids.size).toBe(400)
    await other.close()
  })
})

it('hands out no more bytes at once than are good for a process, and asks to be called again', async () => {
  await run(async trial => {
    const body = new Uint8Array(3 * 1024 * 1024)
    for (let n = 0; n < 5; n++) await trial.send(trial.message('endpoint:app', { body }))
    const counts = []
    for (;;) {
      const { claimed, nextDueAt } = await trial.claimDeliveries({ lanes: { 'endpoint:app': 100 } })
      counts.push(claimed.length)
      if (nextDueAt === undefined) break
      expect(nextDueAt).toBeLessThanOrEqual(trial.now)
    }
    expect(counts).toEqual([3, 2])
  })
})

it('what another node is claiming at this moment is passed over, and nobody waits', async () => {
  await run(async trial => {
    const [first, second] = [await trial.queue('endpoint:app'), await trial.queue('endpoint:app')]
    const client = await testPool().connect()
    try {
      await client.query('begin')
      await client.query(`select from ${schema}.deliveries where id = $1 for update`, [first])
      const { claimed } = await trial.claimDeliveries({ limit: 1, lanes: { 'endpoint:app': 9 } })
      expect(claimed.map(({ delivery }) => delivery.id)).toEqual([second])
    } finally {
      await client.query('rollback')
      client.release()
    }
    expect((await trial.takeDelivery('endpoint:app')).delivery.id).toBe(first)
  })
})
