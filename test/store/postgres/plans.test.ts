import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createId, createToken } from '../../../src/core/ids.js'
import type { Outcome, Store } from '../../../src/store/store.js'
import {
  cancelRun,
  claimRuns,
  enterRun,
  reenter,
  retryRun,
} from '../../../src/testing/conformance/entered-run.js'
import {
  onDelivery,
  onExchange,
  onReceiver,
  onRun,
  placeAt,
  TIME,
} from '../../../src/testing/conformance/entered-scope.js'
import { DAY, LEASE, MINUTE, SECOND, Trial } from '../../../src/testing/conformance/trial.js'
import { WatchedPool } from './support/plans.js'
import { makeSchema, newSchema, storeIn, testPool } from './support/schema.js'

// What would be wrong without it: a statement that looks at every row is fast in every test and stops the server with a
// million receivers. So every table is large here, nearly all of it none of the command's business, and each scan is
// counted, whatever the plan calls itself. Statistics lie about tables that grow fast, so they lie here, too.

const ROWS = 6_000
/** More than any command looks at: a window over what is due, some pages, a limit. */
const MOST = 2_500

const FEW = new Set(['nodes', 'schema_version'])

const STORIES: readonly [string, (trial: Trial) => Promise<unknown>][] = [
  [
    'receives, hands out and acknowledges',
    async trial => {
      const receiver = await trial.spawn('orders')
      await trial.post(receiver, 'a', { deliveryId: 'evt-1' })
      await trial.post(receiver, 'a', { deliveryId: 'evt-1' })
      await trial.acknowledge(await trial.takeOne(receiver))
      await trial.fill(receiver, 'b', 'c')
      const [b, c] = await trial.take(receiver)
      if (b !== undefined) await trial.release(b, { dueAt: trial.now + SECOND })
      if (c !== undefined) await trial.giveUp(c)
      await trial.session.listFailed({ receiverId: receiver.id, limit: 10 })
      await trial.find(receiver.token)
      await trial.close(receiver)
    },
  ],
  [
    'hands out from a mailbox with thousands unread',
    async trial => {
      await trial.session.claim({
        receiverId: 'rcv_full',
        epoch: trial.epoch,
        now: trial.now,
        limit: 10,
        ordered: false,
      })
      await trial.session.claim({
        receiverId: 'rcv_full',
        epoch: trial.epoch,
        now: trial.now,
        limit: 10,
        ordered: true,
      })
    },
  ],
  [
    'sends, claims what is due and records it',
    async trial => {
      await trial.queue('endpoint:app')
      await trial.queue('origin:https://new.example')
      const room = { lanes: { 'endpoint:app': 10, 'endpoint:flood': 10 }, originRoom: 10 } as const
      const { claimed } = await trial.claimDeliveries({ limit: 20, ...room })
      for (const delivery of claimed.slice(0, 3)) await trial.record(delivery, { status: 'delivered' })
      const held = claimed.slice(3, 5).map(({ delivery }) => delivery.id)
      await trial.session.reclaimDeliveries({ epoch: trial.epoch, held, now: trial.now })
      for (const deliveryId of held) {
        await trial.session.cancelDelivery({ deliveryId, now: trial.now })
        await trial.session.listAttempts({ deliveryId })
      }
    },
  ],
  [
    'remembers, waits and decides in a run',
    async trial => {
      const scope = await enterRun(trial)
      const receiver = await scope.spawn('reply')
      await scope.remember('book', 'booked')
      const deliveryId = await scope.send('notify')
      const begun = await scope.exchange('ask')
      const race = { at: placeAt('first'), verb: 'race', branch: 'reply', wins: ['callback'] } as const
      const deadlineAt = trial.now + MINUTE
      await scope.read('reply', receiver, { deadlineAt, decides: [race] })
      await trial.fill(receiver, 'yes')
      await scope.read('reply', receiver, { deadlineAt, decides: [race] })
      await scope.hear('ask', begun)
      await trial.post(begun.receiver, 'yes')
      await scope.hear('ask', begun)
      await scope.wait('notify', onDelivery(deliveryId))
      await scope.recall({ from: placeAt('ask'), limit: 2 })
    },
  ],
  [
    'sends an exchange of a scope again',
    async trial => {
      const scope = await enterRun(trial)
      const begun = await scope.exchange('ask')
      await trial.session.cancelDelivery({ deliveryId: begun.deliveryId, now: trial.now })
      await scope.hear('ask', begun)
      await scope.fail(placeAt('ask'))
      await retryRun(trial, scope.id)
      const again = await reenter(trial, scope.id)
      await again.hear('ask', await again.resend('ask'))
      await again.fail()
      await cancelRun(trial, scope.id)
    },
  ],
  [
    'begins an exchange, finds it, takes its answer, and lets go of it',
    async trial => {
      const begun = await beginExchange(trial)
      await beginExchange(trial)
      const look = { deliveryId: begun.deliveryId, receiverId: begun.receiver.id, epoch: trial.epoch }
      await trial.session.takeAnswer({ ...look, now: trial.now })
      await trial.post(begun.receiver, 'yes')
      const taken = await trial.session.takeAnswer({ ...look, now: trial.now })
      if (taken.type === 'taken') await trial.acknowledge(taken.callback)
      await trial.session.takeAnswer({ ...look, now: trial.now })
      trial.pass(SECOND)
      await trial.sweep({ keylessMs: 0 })
      await trial.sweep({ keylessMs: 0, callbacksMs: SECOND })
    },
  ],
  [
    'recalls a page of many',
    async trial => {
      const page = { scopeId: 'run_big', limit: 100, now: trial.now }
      const { next } = await trial.session.recall(page)
      await trial.session.recall({ ...page, after: next ?? 0 })
      await trial.session.recall({ ...page, from: { part: '', key: 'step 3000', n: 0 } })
    },
  ],
  [
    'starts, parks, resumes, ends, retries and cancels runs',
    async trial => {
      const child = await enterRun(trial, { workflow: 'bill' })
      const scope = await enterRun(trial)
      const receiver = await scope.spawn('reply')
      const begun = await scope.exchange('ask')
      const { workflow, key } = child.run
      const start = { entry: scope.entry, at: placeAt('child') }
      const { id: runId, input } = child.run
      await trial.session.startRun({
        runId,
        workflow,
        key,
        input,
        dueAt: trial.now,
        now: trial.now,
        in: start,
      })
      const targets = [TIME, onReceiver(receiver), onExchange(begun), onRun(child.id)]
      await scope.park(targets.map((target, index) => ({ at: placeAt(`${index}`, 1), target })))
      await scope.find()
      await child.end()
      const again = await reenter(trial, scope.id)
      await again.parkOn(onReceiver(receiver))
      await cancelRun(trial, scope.id, 'no more')
      const cancelled = await reenter(trial, scope.id)
      await cancelled.throwCancel('last', 'step')
      await cancelled.fail()
      await retryRun(trial, scope.id)
      await (await reenter(trial, scope.id)).release()
      await (await reenter(trial, scope.id)).end()
    },
  ],
  [
    'claims from a long queue, and lists',
    async trial => {
      const { claimed } = await claimRuns(trial, { limit: 10, workflows: { flood: 10, ship: 10, none: 10 } })
      const held = claimed.slice(0, 5).map(({ run }) => run.id)
      await trial.session.reclaimRuns({ epoch: trial.epoch, held, now: trial.now })
      await trial.session.listRuns({ workflow: 'ship', status: 'done', limit: 10 })
      await trial.session.listRuns({ workflow: 'ship', after: 'run_5', limit: 10 })
      await trial.session.findRun({ workflow: 'ship', key: 'key/5' })
      await trial.session.reclaimRuns({ epoch: trial.epoch, held: [], now: trial.now })
    },
  ],
  [
    'lists, looks for news and does the upkeep',
    async trial => {
      await trial.session.listReceivers({ now: trial.now, limit: 10 })
      await trial.session.listReceivers({ now: trial.now, limit: 10, state: 'closed' })
      await trial.session.listReceivers({ now: trial.now, limit: 10, state: 'open' })
      const names = Array.from({ length: 20 }, (_, n) => n)
      await trial.session.news({
        now: trial.now,
        receiverIds: [...names.map(n => `rcv_${n}`), 'rcv_full'],
        deliveryIds: names.flatMap(n => [`dlv_done_${n}`, `dlv_waits_${n}`]),
        callbackIds: names.map(n => `cb_${n}`),
        runIds: names.flatMap(n => [`run_${n}`, `run_done_${n}`]),
      })
      await trial.session.countDue({ now: trial.now - DAY })
      const lost = await trial.join()
      await trial.session.renew({ epoch: trial.epoch, now: trial.now, leaseMs: DAY })
      const receiver = await trial.spawn(undefined, {}, { epoch: lost })
      await trial.fill(receiver, 'a')
      await trial.take(receiver, { epoch: lost })
      await trial.claimDeliveries({ epoch: lost, lanes: { 'endpoint:flood': 10 } })
      trial.pass(LEASE)
      await trial.takeOver({ limit: 100 })
      const leaving = await trial.join()
      await trial.claimDeliveries({ epoch: leaving, lanes: { 'endpoint:flood': 10 } })
      await trial.leave(leaving)
    },
  ],
  [
    'sweeps',
    async trial => {
      await trial.sweep({ limit: 100 })
      trial.pass(8 * DAY)
      await trial.sweep({ limit: 100 })
      trial.pass(60 * DAY)
      await trial.sweep({ limit: 100 })
    },
  ],
]

describe.each(['before they were filled', 'when they were full'])('statistics made %s', made => {
  const watched = new WatchedPool()
  let store: Store

  beforeAll(async () => {
    const schema = newSchema()
    await makeSchema(schema)
    await fill(schema, made === 'when they were full')
    store = storeIn(schema, watched.pool)
  }, 120_000)

  afterAll(() => watched.pool.end())

  it.each(STORIES)('%s without looking at what is none of its business', async (_, story) => {
    watched.take()
    await Trial.run(
      async () => store,
      async trial => void (await story(trial)),
    )
    const scans = watched.take()
    expect(scans.length).toBeGreaterThan(5)
    // Nodes are few, and forgotten when they are over; the version of the schema is one.
    const wrong = scans.filter(
      ({ table, rows, how }) => rows > MOST || (how === 'Seq Scan' && !FEW.has(table)),
    )
    expect(wrong).toEqual([])
  })
})

async function beginExchange(trial: Trial): Promise<Extract<Outcome<'beginExchange'>, { type: 'begun' }>> {
  const begun = await trial.session.beginExchange({
    key: 'ask',
    receiver: { id: createId('rcv', trial.now), token: createToken(), patch: {} },
    send: {
      message: trial.message('endpoint:app'),
      deliveryId: createId('dlv', trial.now),
      dueAt: trial.now,
      deadlineAt: trial.now + DAY,
    },
    now: trial.now,
  })
  if (begun.type !== 'begun') throw new Error(`an exchange is ${begun.type}`)
  return begun
}

async function fill(schema: string, isAnalysed: boolean): Promise<void> {
  const now = Date.UTC(2026, 0, 1)
  const client = await testPool().connect()
  try {
    await client.query(`set search_path to ${schema}`)
    const { rows: tables } = await client.query<{ name: string }>(
      'select tablename as name from pg_tables where schemaname = $1',
      [schema],
    )
    for (const { name } of tables) {
      await client.query(`alter table ${name} set (autovacuum_enabled = off)`)
    }
    await client.query('analyze')
    await client.query(FILLING.replaceAll('$now', `${now}`))
    if (isAnalysed) await client.query('analyze')
  } finally {
    client.release(true)
  }
}

const MANY = `generate_series(1, ${ROWS}) n`

const FILLING = `
insert into receivers (id, key, token, opened_at, settings)
select 'rcv_' || n, 'key/' || n, 'token' || n, $now, '{}' from ${MANY};
insert into receivers (id, key, token, opened_at, settings) values ('rcv_full', 'full', 'full', $now, '{}');
-- Half of them open, half of them closed long ago, and looked at by a sweep since.
insert into mailboxes (receiver_id, receiver, keyless, state, ended_at, emptied, seq)
select id, no, false, case when no % 2 = 0 then 'open' else 'closed' end,
       case when no % 2 = 1 then $now - ${40 * DAY} end, case when no % 2 = 1 then $now - ${40 * DAY} end, 1
  from receivers where id <> 'rcv_full';
insert into mailboxes (receiver_id, receiver, keyless, seq, unread)
select id, no, false, ${ROWS}, ${ROWS} from receivers where id = 'rcv_full';

insert into callbacks (id, receiver, seq, state, received_at, method, path, query, headers, body, ended_at)
select 'cb_' || n, n, 1, 'done', $now, 'POST', '', '', '[]', '\\x00', $now + n from ${MANY};
insert into callbacks (id, receiver, seq, state, received_at, method, path, query, headers, body)
select 'cb_full_' || n, no, n, 'ready', $now, 'POST', '', '', '[]', '\\x00' from ${MANY}, receivers where id = 'rcv_full';
insert into dedupes (receiver, delivery_id, callback_id, received_at, until)
select n, 'evt-1', 'cb_' || n, $now, $now + ${90 * DAY} from ${MANY};
insert into answers (callback_id, until, answer) select 'cb_' || n, $now + ${90 * DAY}, '[]' from ${MANY};

insert into messages (id, key, lane, method, path, query, headers, body, created_at)
select 'msg_' || n, 'key/' || n, 'endpoint:app', 'POST', '', '', '[]', '\\x00', $now from ${MANY};
insert into exchanges (receiver, key, lane, message_id, delivery_id, answer)
select n, 'key/' || n, 'endpoint:app', 'msg_' || n, 'dlv_done_' || n, 'cb_' || n from ${MANY};
insert into attempts (delivery, number, at, duration_ms) select n, 1, $now, 1 from ${MANY};
-- Delivered; due in one lane; and waiting for a retry, each in a lane of its own.
insert into deliveries (id, message, lane, status, due_at, deadline_at, ended_at)
select 'dlv_done_' || n, n, 'endpoint:app', 'delivered', $now, $now + ${90 * DAY}, $now + n from ${MANY};
insert into deliveries (id, message, lane, due_at, deadline_at)
select 'dlv_flood_' || n, n, 'endpoint:flood', $now - n, $now + ${90 * DAY} from ${MANY};
insert into deliveries (id, message, lane, due_at, deadline_at)
select 'dlv_waits_' || n, n, 'origin:https://' || n || '.example', $now + ${MINUTE} + n, $now + ${90 * DAY} from ${MANY};

insert into runs (id, workflow, key, status, started_at, due_at)
select 'run_' || n, 'ship', 'key/' || n, 'parked', $now, $now + ${DAY} + n from ${MANY};
insert into runs (id, workflow, key, status, started_at, ended_at)
select 'run_done_' || n, 'ship', 'done/' || n, 'done', $now, $now + n from ${MANY};
insert into runs (id, workflow, key, started_at, due_at)
select 'run_flood_' || n, 'flood', 'key/' || n, $now, $now - n from ${MANY};
insert into inputs (run, input) select no, '\\x00' from runs;
insert into memories (scope, ordinal, part, key, n, facts, size, bytes)
select 'run_big', n, '', 'step ' || n, 0, '{"verb": "step", "result": "value"}', 1, '\\x00' from ${MANY};
insert into waits (run, no, key, target) select n, 0, 'reply', 'rcv_' || n from ${MANY};
insert into memories (scope, ordinal, part, key, n, facts, size, bytes)
select 'run_' || n, 1, '', 'step', 1, '{}', 1, '\\x00' from ${MANY};
`
