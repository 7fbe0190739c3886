import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { StoreSession } from '../../../src/store/store.js'
import { enterCallback } from '../../../src/testing/conformance/entered-callback.js'
import { enterRun } from '../../../src/testing/conformance/entered-run.js'
import { NOTHING_SWEPT, sweepAll } from '../../../src/testing/conformance/sweeps.js'
import { DAY, HOUR, LEASE, MINUTE, Trial } from '../../../src/testing/conformance/trial.js'
import { makeSchema, newSchema, storeIn, testPool } from './support/schema.js'

// What the bug would look like: a sweep that stands still, or stops others, because somebody holds one of its rows; an end that
// two nodes tell of; something that is kept for ever, or goes too early.

let schema = ''

beforeEach(async () => {
  schema = newSchema()
  await makeSchema(schema)
})

afterEach(() => testPool().query(`drop schema ${schema} cascade`))

function run(story: (trial: Trial) => Promise<void>): Promise<void> {
  const store = storeIn(schema)
  return Trial.run(async () => store, story)
}

/** While somebody else has these rows in hand. */
async function whileLocked<T>(table: string, where: string, story: () => Promise<T>): Promise<T> {
  const client = await testPool().connect()
  try {
    await client.query('begin')
    const { rows } = await client.query(`select from ${schema}.${table} where ${where} for update`)
    expect(rows.length, `nothing to lock in ${table}`).toBeGreaterThan(0)
    return await story()
  } finally {
    await client.query('rollback')
    client.release()
  }
}

async function count(table: string): Promise<number> {
  const { rows } = await testPool().query<{ count: string }>(`select count(*) from ${schema}.${table}`)
  return Number(rows[0]?.count)
}

describe('what somebody else has in hand is left for the next sweep, and nobody waits', () => {
  it('a receiver that expired', async () => {
    await run(async trial => {
      const receiver = await trial.spawn('orders', { ttlMs: HOUR })
      trial.pass(HOUR)
      expect(await whileLocked('mailboxes', 'true', () => trial.sweep())).toEqual(NOTHING_SWEPT)
      expect((await trial.sweep()).ended).toEqual([{ receiverId: receiver.id, key: 'orders', unread: 0 }])
    })
  })

  it.each(['deliveries', 'runs'])(
    'a delivery past its deadline, for which a run is parked: its row in %s',
    async table => {
      await run(async trial => {
        const scope = await enterRun(trial)
        const deliveryId = await scope.send('notify', { deadlineAt: trial.now + HOUR })
        await scope.parkOn({ type: 'delivery', deliveryId })
        trial.pass(HOUR)
        expect((await whileLocked(table, 'true', () => trial.sweep())).expiredDeliveryIds).toEqual([])
        expect((await trial.session.findRun({ runId: scope.id }))?.status).toBe('parked')
        expect((await trial.sweep()).expiredDeliveryIds).toEqual([deliveryId])
        expect((await trial.session.findRun({ runId: scope.id }))?.status).toBe('due')
      })
    },
  )

  it.each(['callbacks', 'mailboxes', 'deliveries'])(
    'a callback that was set aside, and its scope: its rows in %s',
    async table => {
      await run(async trial => {
        const scope = await enterCallback(trial)
        await scope.spawn('reply')
        await scope.send('notify')
        await trial.giveUp(scope.callback)
        trial.pass(7 * DAY)
        expect((await whileLocked(table, 'true', () => trial.sweep())).dropped).toEqual([])
        expect(await scope.memories()).toHaveLength(2)
        expect((await trial.sweep()).dropped).toEqual([
          { receiverId: scope.callback.receiverId, callbacks: 1 },
        ])
        expect(await scope.memories()).toEqual([])
      })
    },
  )

  it.each(['runs', 'mailboxes', 'deliveries'])(
    'a run that failed, and its scope: its rows in %s',
    async table => {
      await run(async trial => {
        const scope = await enterRun(trial)
        await scope.spawn('reply')
        await trial.session.cancelDelivery({ deliveryId: await scope.send('notify'), now: trial.now })
        await scope.fail()
        trial.pass(30 * DAY)
        await whileLocked(table, 'true', () => sweepAll(trial))
        expect(await trial.session.findRun({ runId: scope.id })).toMatchObject({ status: 'failed' })
        expect(await scope.memories()).toHaveLength(2)
        await sweepAll(trial)
        expect(await trial.session.findRun({ runId: scope.id })).toBeUndefined()
        expect(await scope.memories()).toEqual([])
      })
    },
  )
})

it('of two nodes that sweep at the same moment one tells of each end, and nothing is let go of twice', async () => {
  await run(async trial => {
    const other: StoreSession = await trial.store.open()
    for (let n = 0; n < 40; n++) {
      await trial.fill(await trial.spawn(`orders/${n}`, { ttlMs: HOUR }), 'a')
      await trial.queue('endpoint:app', { deadlineAt: trial.now + HOUR })
    }
    const both = async () => {
      const retention = {
        callbacksMs: 7 * DAY,
        messagesMs: 30 * DAY,
        bodiesMs: 30 * DAY,
        failingMs: 1e15,
        keylessMs: 30 * DAY,
        runsMs: 30 * DAY,
      }
      const input = { now: trial.now, ...retention, limit: 7 }
      return await Promise.all([trial.session.sweep(input), other.sweep(input)])
    }
    const told = []
    for (const days of [1, 8]) {
      trial.pass(days * DAY)
      for (let time = 0; time < 10; time++) told.push(...(await both()))
    }
    const ended = told.flatMap(swept => swept.ended.map(({ receiverId }) => receiverId))
    const expired = told.flatMap(swept => swept.expiredDeliveryIds)
    const dropped = told.flatMap(swept => swept.dropped)
    expect([ended.length, new Set(ended).size]).toEqual([40, 40])
    expect([expired.length, new Set(expired).size]).toEqual([40, 40])
    expect(dropped.reduce((sum, { callbacks }) => sum + callbacks, 0)).toBe(40)
    await other.close()
  })
})

it('closes keyless receivers of a node that somebody found lost, and tells what was left unread in them', async () => {
  await run(async trial => {
    const receiver = await trial.spawn(undefined, {}, { epoch: await trial.join() })
    const mine = await trial.spawn(undefined, {}, { epoch: trial.epoch })
    await trial.fill(receiver, 'a')
    trial.pass(LEASE)
    // That its lease ran out may only mean that nobody reached the store.
    expect(await trial.sweep()).toEqual(NOTHING_SWEPT)
    await trial.takeOver()
    expect((await trial.sweep()).ended).toEqual([{ receiverId: receiver.id, unread: 1 }])
    expect(await trial.sweep()).toEqual(NOTHING_SWEPT)
    expect((await trial.find(mine.token)).state).toBe('open')
    trial.pass(7 * DAY - 1)
    expect(await trial.sweep()).toEqual(NOTHING_SWEPT)
    trial.pass(1)
    expect((await trial.sweep()).dropped).toEqual([{ receiverId: receiver.id, callbacks: 1 }])
  })
})

it('a receiver without anything unread is looked at once after its end, and again after its next end', async () => {
  await run(async trial => {
    const receiver = await trial.spawn('orders')
    const leftToSee = async () => {
      const { rows } = await testPool().query<{ count: string }>(
        `select count(*) from ${schema}.mailboxes where ended_at is not null and emptied is distinct from ended_at`,
      )
      return Number(rows[0]?.count)
    }
    for (let round = 0; round < 2; round++) {
      await trial.close(receiver)
      trial.pass(7 * DAY)
      expect(await leftToSee()).toBe(1)
      await trial.sweep()
      expect(await leftToSee()).toBe(0)
      await trial.spawn('orders', {}, { reopen: true })
      trial.pass(1)
    }
    await trial.fill(receiver, 'a')
    await trial.close(receiver)
    trial.pass(7 * DAY)
    expect((await trial.sweep()).dropped).toEqual([{ receiverId: receiver.id, callbacks: 1 }])
  })
})

it('what failed in a receiver that ended is still found when it is retried, and then left unread', async () => {
  await run(async trial => {
    const receiver = await trial.spawn('orders')
    await trial.fill(receiver, 'a')
    const callback = await trial.takeOne(receiver)
    await trial.close(receiver)
    trial.pass(6 * DAY)
    await trial.giveUp(callback)
    trial.pass(2 * DAY)
    expect(await trial.sweep()).toEqual(NOTHING_SWEPT)
    await trial.session.retryFailed({ receiverId: receiver.id, callbackId: callback.id, now: trial.now })
    expect((await trial.sweep()).dropped).toEqual([{ receiverId: receiver.id, callbacks: 1 }])
  })
})

it('an epoch that is over is forgotten when it holds nothing, and no transaction of it can still be under way', async () => {
  await run(async trial => {
    const epoch = await trial.join()
    await trial.queue('endpoint:app')
    const claimed = await trial.takeDelivery('endpoint:app', { epoch })
    trial.pass(LEASE)
    await trial.takeOver({ limit: 0 })
    trial.pass(MINUTE)
    await trial.sweep()
    expect(await count('nodes')).toBe(2)
    await trial.takeOver()
    await trial.sweep()
    expect(await count('nodes')).toBe(1)
    expect(await trial.record(claimed, { status: 'delivered' }, { epoch })).toBe('lost')

    await trial.join()
    trial.pass(LEASE + MINUTE - 1)
    await trial.takeOver()
    await trial.sweep()
    expect(await count('nodes')).toBe(2)
    trial.pass(1)
    await trial.sweep()
    expect(await count('nodes')).toBe(1)
  })
})

it('nothing is left of messages, runs and scopes when their time is over', async () => {
  await run(async trial => {
    const scope = await enterRun(trial)
    await scope.spawn('reply')
    await scope.send('notify')
    await trial.record(await trial.takeDelivery('endpoint:app'), { status: 'delivered' })
    await scope.end()
    const receiver = await trial.spawn(undefined, {}, { epoch: trial.epoch })
    await trial.fill(receiver, 'a')
    await trial.acknowledge(await trial.takeOne(receiver))
    await trial.close(receiver)
    await sweepAll(trial)
    trial.pass(60 * DAY)
    await sweepAll(trial)
    const tables = [
      'receivers',
      'mailboxes',
      'callbacks',
      'messages',
      'deliveries',
      'attempts',
      'memories',
      'runs',
      'inputs',
    ]
    const left = []
    for (const table of [...tables, 'waits', 'dedupes', 'answers'])
      if ((await count(table)) > 0) left.push(table)
    expect(left).toEqual([])
  })
})
