import { expect, it } from 'vitest'
import type { Command } from '../../../src/store/group-commit.js'
import { Engine } from '../../../src/store/sqlite/engine.js'
import { openConnection } from './support/engine.js'

const LAST = 8.64e15
const NEVER = 2 ** 60

// The runtime's own driver throws for a row with an integer that no number can be, whatever else is in the row.
it('no instant is stored that is later than every date', async () => {
  const connection = await openConnection()
  const engine = new Engine(connection)
  const answer = { status: 200, headers: [], body: new Uint8Array() }
  const message = { id: 'msg', lane: 'endpoint:a', method: 'POST', path: '', query: '', headers: [] } as const
  const accept = { receiverId: 'rcv', now: 0, method: 'POST', path: '', query: '', headers: '[]' }
  const accepted = { ...accept, body: new Uint8Array(), content: 'good', capacity: 9 } as const
  const claim = { receiverId: 'rcv', callbackId: 'a', epoch: 1, fence: 1 }
  const commands: readonly Command[] = [
    { name: 'join', input: { node: 'a', now: 0, leaseMs: NEVER } },
    {
      name: 'spawn',
      input: { id: 'rcv', token: 't', key: 'k', now: 0, patch: { ttlMs: NEVER }, reopen: false },
    },
    {
      name: 'spawn',
      input: { id: 'x', token: 'x', key: 'k', now: 0, patch: { ttlMs: 2 * NEVER }, reopen: false },
    },
    { name: 'accept', input: { ...accepted, callbackId: 'a', deliveryId: 'e', dedupeUntil: NEVER } },
    { name: 'accept', input: { ...accepted, callbackId: 'b', dedupeUntil: NEVER, answer } },
    { name: 'answer', input: { callbackId: 'a', answer, until: NEVER } },
    { name: 'claim', input: { receiverId: 'rcv', epoch: 1, limit: 1, now: 0, ordered: false } },
    { name: 'release', input: { claim, now: 0, dueAt: NEVER, as: 'counted' } },
    {
      name: 'send',
      input: {
        message: { ...message, body: new Uint8Array(), createdAt: 0 },
        deliveryId: 'dlv',
        dueAt: NEVER,
        deadlineAt: NEVER,
      },
    },
  ]
  for (const result of engine.execute(commands)) expect(result).toMatchObject({ ok: true })

  const instants = {
    mailboxes: 'expires_at',
    dedupes: 'until',
    answers: 'until',
    callbacks: 'due_at',
    deliveries: 'due_at',
  }
  for (const [table, column] of Object.entries(instants)) {
    const latest = connection.prepare<{ at: number }>(`select max(${column}) as at from ${table}`).get()
    expect([table, latest?.at]).toEqual([table, LAST])
  }
  const rest = connection.prepare<{ deadline: number; lease: number; answers: number }>(`
    select (select deadline_at from deliveries) as deadline, (select lease_ends_at from nodes) as lease,
           (select count(*) from answers where until = ${LAST}) as answers`)
  expect(rest.get()).toMatchObject({ deadline: LAST, lease: Number.MAX_SAFE_INTEGER, answers: 2 })
  connection.close()
})
