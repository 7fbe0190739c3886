import { expect, it } from 'vitest'
import type { Lane } from '../../../src/model/delivery.js'
import { DAY, MINUTE, SECOND } from '../../../src/testing/conformance/trial.js'
import { given, laneOf, put, subscribe, takeAll } from '../../../src/testing/conformance/trial-topics.js'
import { OwnSchema } from './support/own-schema.js'
import { ANSWERED, FAILED, recordIn } from './support/recording.js'
import { testPool } from './support/schema.js'

// What the bug would look like: the row of a busy lane becomes the place where all nodes wait for one another; two batches lock
// lanes in different orders; or a lane that nobody may send to hides all others for as long as it is paused.

/** More than the window over what is due longest. */
const FLOOD = 1_100

const own = new OwnSchema()
const { onStore } = own

async function rowsOf(lane: Lane): Promise<number> {
  const { rowCount } = await testPool().query(`select from ${own.schema}.lanes where lane = $1`, [lane])
  return rowCount ?? 0
}

/** Many that are due, each a moment after the one before it. */
async function flood(lane: Lane, dueAt: number): Promise<void> {
  await testPool().query(
    `with stored as (
       insert into ${own.schema}.messages (id, lane, url, method, path, query, headers, body, created_at)
       select 'msg_many_' || n, $1, 'https://x.example', 'POST', '', '', '[]', '', 0 from generate_series(1, $2::integer) n
       returning no)
     insert into ${own.schema}.deliveries (id, message, lane, due_at, deadline_at)
     select 'dlv_many_' || no, no, $1, $3::bigint + no, $3::bigint + ${DAY} from stored`,
    [lane, FLOOD, dueAt],
  )
}

it(
  'of a healthy lane nothing is written, and what it has answered waits for nobody',
  onStore(async trial => {
    await trial.queue('endpoint:app')
    const claimed = await trial.takeDelivery('endpoint:app')
    await recordIn(trial, claimed, { next: { status: 'delivered' }, news: ANSWERED })
    expect(await rowsOf('endpoint:app')).toBe(0)

    // Another node is emptying its bucket.
    await trial.queue('endpoint:app')
    await trial.queue('endpoint:app')
    const lanes = { 'endpoint:app': 2 } as const
    const rates = { 'endpoint:app': { count: 1, perMs: SECOND } }
    const one = await trial.claimDeliveries({ lanes, rates })
    await own.held
      .session(own.schema)
      .claimDeliveries({ epoch: trial.epoch, now: trial.now + SECOND, limit: 1, lanes, rates, originRoom: 0 })
    const [delivery] = one.claimed
    if (delivery === undefined) return expect.unreachable()
    const recorded = recordIn(trial, delivery, { next: { status: 'delivered' }, news: ANSWERED })
    expect(await recorded).toBe('recorded')
  }),
)

it(
  'two nodes that empty one bucket take no more than it lets through, and neither waits for the other',
  onStore(async trial => {
    for (let n = 0; n < 5; n++) await trial.queue('endpoint:app')
    const lanes = { 'endpoint:app': 5 } as const
    const ask = { lanes, rates: { 'endpoint:app': { count: 1, perMs: MINUTE } }, originRoom: 0 }
    const first = await own.held
      .session(own.schema)
      .claimDeliveries({ epoch: trial.epoch, now: trial.now, limit: 9, ...ask })
    expect(first.claimed).toHaveLength(1)
    const second = await trial.claimDeliveries(ask)
    expect(second.claimed).toEqual([])
    expect(second.nextDueAt).toBeGreaterThan(trial.now)
    await own.held.commit()
    const third = await trial.claimDeliveries(ask)
    expect([third.claimed, third.nextDueAt]).toEqual([[], trial.now + MINUTE])
  }),
)

it(
  'a batch waits for lanes in the order of everybody, and holds none that comes later',
  onStore(async trial => {
    const lanes = ['endpoint:a', 'endpoint:b'] as const
    const claimed = []
    for (const lane of lanes) {
      await trial.queue(lane)
      await trial.queue(lane)
      claimed.push(await trial.takeDelivery(lane), await trial.takeDelivery(lane))
    }
    const [a1, a2, b1, b2] = claimed
    if (a1 === undefined || a2 === undefined || b1 === undefined || b2 === undefined) {
      return expect.unreachable()
    }
    const failing = { next: { status: 'due', dueAt: trial.now + MINUTE }, news: FAILED } as const
    await recordIn(trial, b1, failing)
    await recordIn(trial, a1, failing)
    const client = await own.held.connect()
    await client.query(`select from ${own.schema}.lanes where lane = 'endpoint:a' for update`)
    const both = Promise.all([recordIn(trial, b2, failing), recordIn(trial, a2, failing)])
    await own.held.isWaitedFor(both)
    await expect(
      client.query(`select from ${own.schema}.lanes where lane = 'endpoint:b' for update nowait`),
    ).resolves.toBeDefined()
    await own.held.commit()
    expect(await both).toEqual(['recorded', 'recorded'])
    expect((await trial.session.findLane({ lane: 'endpoint:a' }))?.failures).toBe(2)
  }),
)

it(
  'two nodes whose attempts fail in one lane for the first time count both',
  onStore(async trial => {
    await trial.queue('endpoint:app')
    await trial.queue('endpoint:app')
    const { claimed } = await trial.claimDeliveries({ lanes: { 'endpoint:app': 2 } })
    const [one, other] = claimed
    if (one === undefined || other === undefined) return expect.unreachable()
    const failing = { next: { status: 'due', dueAt: trial.now + MINUTE }, news: FAILED } as const
    await recordIn(trial, one, { ...failing, session: own.held.session(own.schema) })
    const late = recordIn(trial, other, failing)
    await own.held.isWaitedFor(late)
    await own.held.commit()
    expect(await late).toBe('recorded')
    expect((await trial.session.findLane({ lane: 'endpoint:app' }))?.failures).toBe(2)
  }),
)

it(
  'a flood in a lane that is paused is set aside once, hides nobody, and is sent when the lane is resumed',
  onStore(async trial => {
    const lane = laneOf(await subscribe(trial, 'book.new'))
    await flood(lane, trial.now - MINUTE)
    await trial.session.pauseLane({ lane, now: trial.now })
    const free = await trial.queue('origin:https://free.example')
    expect((await takeAll(trial)).map(({ delivery }) => delivery.id)).toEqual([free])
    const setAside = async () => {
      const { rowCount } = await testPool().query(`select from ${own.schema}.deliveries where held`)
      return rowCount ?? 0
    }
    const before = await setAside()
    expect(before).toBeGreaterThan(1_000)
    const { claimed, nextDueAt } = await trial.claimDeliveries({ originRoom: 1 })
    expect([claimed, nextDueAt]).toEqual([[], undefined])
    expect(await setAside()).toBe(before)

    await trial.session.resumeLane({ lane, catchUp: { count: 1_000, perMs: SECOND }, now: trial.now })
    const ids = new Set<string>()
    for (let round = 0; round < 40 && ids.size < FLOOD; round++) {
      const outcome = await trial.claimDeliveries({ limit: 200, originRoom: 10_000 })
      for (const { delivery } of outcome.claimed) ids.add(delivery.id)
      trial.pass(100)
    }
    expect(ids.size).toBe(FLOOD)
    expect(await setAside()).toBe(0)
    expect(await trial.session.findLane({ lane })).not.toHaveProperty('catchUp')
  }),
)

it(
  'a flood in a lane that rests is set aside, and sent when it has rested',
  onStore(async trial => {
    const lane = 'origin:https://rests.example'
    await trial.queue(lane)
    const { claimed } = await trial.claimDeliveries({ originRoom: 1 })
    const [first] = claimed
    if (first === undefined) return expect.unreachable()
    const news = { ...FAILED, restsUntil: trial.now + MINUTE } as const
    await recordIn(trial, first, { next: { status: 'delivered' }, news })
    await flood(lane, trial.now - MINUTE)
    const ask = { originRoom: 1 }
    for (let round = 0; round < 2; round++) {
      expect(await trial.claimDeliveries(ask)).toEqual({ claimed: [], nextDueAt: trial.now + MINUTE })
    }
    trial.pass(MINUTE)
    expect((await trial.claimDeliveries(ask)).claimed).toHaveLength(1)
  }),
)

it(
  'what was set aside for a subscription that is not proven is sent when it is',
  onStore(async trial => {
    const subscription = given(trial, 'book.new')
    const message = trial.message(`proof:${subscription.id}`)
    const due = { dueAt: trial.now + MINUTE, deadlineAt: trial.now + DAY }
    await put(trial, subscription, { proof: { message, deliveryId: 'dlv_proof', ...due } })
    await flood(laneOf(subscription), trial.now - MINUTE)
    expect(await takeAll(trial)).toEqual([])
    await trial.session.proveSubscription({ id: subscription.id, now: trial.now })
    const { claimed } = await trial.claimDeliveries({ limit: 2_000, originRoom: 2_000 })
    expect(claimed).toHaveLength(FLOOD)
    expect(claimed[0]?.subscription).not.toHaveProperty('pause')
  }),
)
