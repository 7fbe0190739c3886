import { expect, it } from 'vitest'
import type { Claim, ClaimedCallback } from '../../../src/model/callback.js'
import type { Command } from '../../../src/store/group-commit.js'
import { Engine } from '../../../src/store/sqlite/engine.js'
import { openConnection, watched } from './support/engine.js'

// What would be wrong without it: every callback and every message pays for scopes and runs, also where there are none.

it('callbacks and messages of no scope cost no statement of scopes and runs', async () => {
  const { run, statements } = await begin()
  run({ name: 'accept', input: toAccept('cb_1') }, { name: 'accept', input: toAccept('cb_2') })
  const [one, two] = claim(run)
  run({ name: 'acknowledge', input: { claims: [one], now: 0 } })
  run({ name: 'release', input: { claim: two, now: 0, as: 'counted' } })
  const [again] = claim(run)
  run({
    name: 'giveUp',
    input: { claim: again, now: 0, reason: 'handler', error: { name: 'Error', message: 'no' } },
  })
  run({ name: 'retryFailed', input: { receiverId: 'rcv_1', callbackId: 'cb_2', now: 0 } })
  send(run)
  expect(statements().filter(sql => /\b(memories|runs|inputs|waits)\b/.test(sql))).toEqual([])
})

it('a callback is accepted by one statement on callbacks, handed out by three, acknowledged by one', async () => {
  const { run, statements } = await begin()
  run({ name: 'accept', input: toAccept('cb_1') })
  expect(statements().filter(isOfCallbacks)).toHaveLength(1)
  const [one] = claim(run)
  // When the next is due, what is ready, and that it is taken.
  expect(statements().filter(isOfCallbacks)).toHaveLength(3)
  run({ name: 'acknowledge', input: { claims: [one], now: 0 } })
  expect(statements().filter(isOfCallbacks)).toHaveLength(1)
})

type Run = (...batch: readonly Command[]) => readonly unknown[]

async function begin(): Promise<{ readonly run: Run; readonly statements: () => readonly string[] }> {
  const executed: string[] = []
  const engine = new Engine(watched(await openConnection(), { onRun: sql => executed.push(sql) }))
  const run: Run = (...batch) =>
    engine.execute(batch).map(result => {
      if (!result.ok) throw new Error(result.fault.detail)
      return result.outcome
    })
  run({ name: 'join', input: { node: 'one', now: 0, leaseMs: 1_000 } })
  const receiver = { id: 'rcv_1', token: 'token', key: 'orders' }
  run({ name: 'spawn', input: { ...receiver, now: 0, patch: {}, reopen: false } })
  executed.length = 0
  return {
    run,
    /** Those since the last time it was called. */
    statements: () => executed.splice(0),
  }
}

function toAccept(callbackId: string): Extract<Command, { readonly name: 'accept' }>['input'] {
  return {
    callbackId,
    receiverId: 'rcv_1',
    now: 0,
    method: 'POST',
    path: '',
    query: '',
    headers: '[]',
    body: new Uint8Array(1),
    dedupeUntil: 1_000,
    content: 'good',
    capacity: 10,
  }
}

function claim(run: Run): readonly [Claim, Claim] {
  const input = { receiverId: 'rcv_1', epoch: 1, limit: 2, now: 0, ordered: false }
  const [outcome] = run({ name: 'claim', input })
  const { callbacks } = outcome as { readonly callbacks: readonly ClaimedCallback[] }
  const [one, two = one] = callbacks.map(({ id, fence }) => ({
    receiverId: 'rcv_1',
    callbackId: id,
    epoch: 1,
    fence,
  }))
  if (one === undefined || two === undefined) throw new Error('nothing was handed out')
  return [one, two]
}

function send(run: Run): void {
  const message = {
    id: 'msg_1',
    lane: 'endpoint:a',
    method: 'POST',
    path: '',
    query: '',
    headers: [],
    body: new Uint8Array(1),
    createdAt: 0,
  } as const
  run({ name: 'send', input: { message, deliveryId: 'dlv_1', dueAt: 0, deadlineAt: 1_000 } })
  run({
    name: 'claimDeliveries',
    input: { epoch: 1, now: 0, limit: 1, lanes: { 'endpoint:a': 1 }, originRoom: 0 },
  })
  const claimed = { deliveryId: 'dlv_1', epoch: 1, fence: 1 }
  const attempt = { at: 0, durationMs: 1, status: 200 }
  run({ name: 'recordAttempt', input: { claim: claimed, now: 0, attempt, next: { status: 'delivered' } } })
}

function isOfCallbacks(sql: string): boolean {
  return /\b(into|from|update) callbacks\b/.test(sql)
}
