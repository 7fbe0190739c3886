import { expect, it } from 'vitest'
import { type Connection, loadDriver } from '../../../src/store/sqlite/driver.js'
import { migrate, STEPS, versionOf } from '../../../src/store/sqlite/migrations.js'
import { sqlite } from '../../../src/store/sqlite/sqlite.js'
import { DAY, Trial } from '../../../src/testing/conformance/trial.js'
import { redeliver } from '../../../src/testing/conformance/trial-history.js'
import { claimAll } from '../../../src/testing/conformance/trial-lanes.js'
import { temporaryFile } from './support/temporary-file.js'

// What would be wrong without it: whoever installs the next version over a file with messages in it loses what waits, or
// cannot read what has been.

const NOW = Date.UTC(2026, 0, 1)
const ORIGIN = 'origin:https://a.example'
const URL = 'https://a.example/hook'

interface Old {
  readonly no: number
  readonly lane: string
  readonly url?: string
  readonly status: string
  readonly reason?: string
}

const OLD: readonly Old[] = [
  { no: 1, lane: 'endpoint:app', status: 'due' },
  { no: 2, lane: ORIGIN, url: URL, status: 'due' },
  { no: 3, lane: ORIGIN, url: URL, status: 'dead', reason: 'rejected' },
  { no: 4, lane: 'endpoint:app', status: 'dead', reason: 'cancelled' },
  { no: 5, lane: 'endpoint:app', status: 'delivered' },
  // Its process was killed in the middle of it.
  { no: 6, lane: ORIGIN, url: URL, status: 'sending' },
]

/** A file as the version before wrote it. */
async function oldFile(): Promise<string> {
  const path = temporaryFile()
  const connection = (await loadDriver()).open(path)
  migrate(connection, STEPS.slice(0, 2))
  for (const delivery of OLD) insert(connection, delivery)
  connection.prepare('insert into origins (lane, due_at) values (?, ?)').run(ORIGIN, NOW)
  connection.exec("insert into nodes (node, lease_ends_at) values ('before', 0)")
  connection.close()
  return path
}

function insert(connection: Connection, { no, lane, url, status, reason }: Old): void {
  const isEnded = status === 'dead' || status === 'delivered'
  connection
    .prepare(`
      insert into messages (no, id, key, lane, url, method, path, query, headers, type, body, created_at)
      values (?, ?, ?, ?, ?, 'POST', '', '', '[["x-a","1"]]', null, ?, ?)`)
    .run(no, `msg_${no}`, `order/${no}`, lane, url ?? null, new Uint8Array([1, 2, 3]), NOW - no)
  connection
    .prepare(`
      insert into deliveries
        (no, id, message, lane, status, due_at, deadline_at, attempts, first_attempt_at, ended_at, reason, epoch, fence)
      values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 3)`)
    .run(
      ...[no, `dlv_${no}`, no, lane, status, NOW, NOW + 30 * DAY, isEnded ? 1 : 0, isEnded ? NOW : null],
      ...[isEnded ? NOW : null, reason ?? null, status === 'sending' ? 1 : null],
    )
  if (!isEnded) return
  connection
    .prepare(`
      insert into attempts
        (no, delivery, number, at, duration_ms, status, error, answer_headers, answer_body, truncated)
      values (?, ?, 1, ?, 1.5, 503, ?, '[["x-b","2"]]', ?, 0)`)
    .run(10 * no, no, NOW, '"no"', new Uint8Array([4, 5]))
}

async function open(story: (trial: Trial) => Promise<void>): Promise<void> {
  const path = await oldFile()
  await Trial.run(
    async () => sqlite({ path }),
    async trial => {
      expect(trial.now).toBe(NOW)
      await trial.takeOver()
      await story(trial)
    },
  )
}

it('what was due is sent, to where it was sent before', async () => {
  await open(async trial => {
    const { claimed } = await claimAll(trial, 'endpoint:app')
    expect(
      claimed.map(({ delivery: { id, url }, message }) => [id, url, message.key, [...message.body]]).sort(),
    ).toEqual([
      ['dlv_1', undefined, 'order/1', [1, 2, 3]],
      ['dlv_2', URL, 'order/2', [1, 2, 3]],
      ['dlv_6', URL, 'order/6', [1, 2, 3]],
    ])
  })
})

it('what has been is listed and read: deliveries, attempts, deaths', async () => {
  await open(async trial => {
    const all = await trial.session.listDeliveries({ limit: 10 })
    expect(all.map(({ id }) => id)).toEqual(OLD.map(({ no }) => `dlv_${no}`))
    const since = await trial.session.listDeliveries({ limit: 10, since: NOW - 2 })
    expect(since.map(({ id }) => id)).toEqual(['dlv_1', 'dlv_2'])
    const dead = await trial.session.readDead({ limit: 10 })
    expect(dead.map(({ delivery }) => delivery.id)).toEqual(['dlv_3'])
    const attempts = await trial.session.readAttempts({ limit: 10, lane: 'endpoint:app' })
    expect(attempts.map(({ deliveryId, attempt }) => [deliveryId, attempt.error])).toEqual([
      ['dlv_4', 'no'],
      ['dlv_5', 'no'],
    ])
    expect([...(attempts[0]?.attempt.answer?.body ?? [])]).toEqual([4, 5])
    const lanes = ['endpoint:app', ORIGIN] as const
    const claim = { now: trial.now, holdMs: 1_000, holdMostMs: 1_000, limit: 10, lanes }
    expect(await trial.session.claimEnds(claim)).toEqual({ ends: [] })
  })
})

it('what ended is sent again, is stripped and goes', async () => {
  await open(async trial => {
    const again = await redeliver(trial, 'dlv_3', { deliveryId: 'dlv_7' })
    expect(again.type).toBe('redelivered')
    trial.pass(DAY)
    await trial.sweep({ bodiesMs: DAY })
    const messages = await Promise.all(
      [3, 5].map(no => trial.session.findMessage({ messageId: `msg_${no}` })),
    )
    expect(messages.map(message => message?.stripped)).toEqual([undefined, true])
    await trial.sweep({ messagesMs: DAY })
    const left = await trial.session.listDeliveries({ limit: 10, status: 'due' })
    expect(left.map(({ id }) => id)).toEqual(['dlv_1', 'dlv_2', 'dlv_6', 'dlv_7'])
    expect(await trial.session.readAttempts({ limit: 10 })).toEqual([])
  })
})

it('a file of the version before is at the last step when it was opened', async () => {
  const path = await oldFile()
  await (await sqlite({ path }).open()).close()
  const connection = (await loadDriver()).open(path)
  expect(versionOf(connection)).toBe(STEPS.length)
  connection.close()
})
