import { afterEach, describe, expect, it } from 'vitest'
import { utf8 } from '../../../src/core/bytes.js'
import type { StoreSession } from '../../../src/store/store.js'
import { emptyStore } from './support/schema.js'

const NOW = Date.UTC(2026, 0, 1)
const LEASE = 15_000
const LONG_AGO = 0

describe('leases in Postgres', () => {
  let session: StoreSession
  afterEach(() => session.close())

  it('leave a keyless receiver open when they have run out, until somebody has found its node to be lost', async () => {
    session = await (await emptyStore()).open()
    const { epoch } = await session.join({ node: 'node', now: NOW, leaseMs: LEASE })
    await spawn(session, epoch)
    const now = NOW + LEASE
    expect((await session.findReceiver({ token: 'token', now }))?.state).toBe('open')
    expect((await accept(session, 'cb_1', now)).type).toBe('accepted')
    expect((await session.listReceivers({ now, limit: 10, state: 'open' })).length).toBe(1)
    await session.takeOver({ now, maxCrashes: 20, limit: 1_000 })
    expect((await session.findReceiver({ token: 'token', now }))?.state).toBe('closed')
    expect(await accept(session, 'cb_2', now)).toEqual({ type: 'ended', state: 'closed' })
    expect((await session.listReceivers({ now, limit: 10, state: 'closed' })).length).toBe(1)
  })

  it('are judged by the clock of the database, whatever the clock of a node says', async () => {
    session = await (await emptyStore({ judgesBy: 'database' })).open()
    const { epoch } = await session.join({ node: 'slow', now: LONG_AGO, leaseMs: 3_600_000 })
    expect(await session.renew({ epoch, now: LONG_AGO, leaseMs: 3_600_000 })).toBe(true)
    await spawn(session, epoch)
    await session.takeOver({ now: NOW * 2, maxCrashes: 20, limit: 1_000 })
    expect((await session.findReceiver({ token: 'token', now: NOW * 2 }))?.state).toBe('open')
    const lapsed = await session.join({ node: 'gone', now: NOW * 2, leaseMs: 0 })
    expect(await session.renew({ epoch: lapsed.epoch, now: LONG_AGO, leaseMs: LEASE })).toBe(false)
    await session.takeOver({ now: LONG_AGO, maxCrashes: 20, limit: 1_000 })
    expect(await session.renew({ epoch, now: LONG_AGO, leaseMs: LEASE })).toBe(true)
  })
})

function spawn(session: StoreSession, epoch: number) {
  return session.spawn({ id: 'rcv_1', token: 'token', epoch, now: NOW, patch: {}, reopen: false })
}

function accept(session: StoreSession, callbackId: string, now: number) {
  return session.accept({
    callbackId,
    receiverId: 'rcv_1',
    now,
    method: 'POST',
    path: '',
    query: '',
    headers: '[]',
    body: utf8('a'),
    dedupeUntil: now + LEASE,
    content: 'good',
    capacity: 10,
  })
}
