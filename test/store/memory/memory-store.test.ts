import { describe, expect, it } from 'vitest'
import { memoryStore } from '../../../src/store/memory/memory-store.js'
import type { StoreSession, Wake } from '../../../src/store/store.js'

const now = Date.UTC(2026, 0, 1)

async function spawn(session: StoreSession, key: string): Promise<string> {
  const outcome = await session.spawn({
    id: `rcv_${key}`,
    token: `token-${key}`,
    key,
    now,
    patch: {},
    reopen: false,
  })
  return outcome.type === 'spawned' ? outcome.receiver.id : ''
}

async function accept(session: StoreSession, receiverId: string, callbackId = 'cb_1'): Promise<void> {
  const outcome = await session.accept({
    callbackId,
    receiverId,
    now,
    method: 'POST',
    path: '',
    query: '',
    headers: '[]',
    body: new Uint8Array(),
    dedupeUntil: now,
    content: 'good',
    capacity: 1_000_000,
  })
  expect(outcome.type).toBe('accepted')
}

describe('the memory store', () => {
  it('says what it is', () => {
    const store = memoryStore()
    expect([store.name, store.exclusive]).toEqual(['memory', true])
  })

  it('keeps what it holds through closing and opening, and shares nothing with another', async () => {
    const store = memoryStore()
    const first = await store.open()
    await spawn(first, 'orders')
    await first.close()
    const second = await store.open()
    expect(await second.findReceiver({ token: 'token-orders', now })).toMatchObject({ key: 'orders' })
    const other = await memoryStore().open()
    expect(await other.findReceiver({ token: 'token-orders', now })).toBeUndefined()
  })

  it('opened again while it is open, ends the earlier session: it rejects every command, and hears nothing', async () => {
    const store = memoryStore()
    const before = await store.open()
    const receiverId = await spawn(before, 'orders')
    const wakes: Wake[] = []
    before.subscribe(wake => wakes.push(wake))
    const after = await store.open()
    await expect(before.countDue({ now })).rejects.toMatchObject({
      code: 'store_unavailable',
      retryable: true,
    })
    await before.close()
    await accept(after, receiverId)
    await Promise.resolve()
    expect(wakes).toEqual([])
    await expect(after.countDue({ now })).resolves.toBe(0)
  })

  it('carries a command out within the call, and wakes in a turn after it', async () => {
    const session = await memoryStore().open()
    const receiverId = await spawn(session, 'orders')
    const wakes: Wake[] = []
    session.subscribe(wake => wakes.push(wake))
    const accepting = accept(session, receiverId)
    expect(wakes).toEqual([])
    await accepting
    expect(wakes).toEqual([{ kind: 'receiver', receiverId }])
  })

  it('listeners that are added twice hear twice, and stop one by one', async () => {
    const session = await memoryStore().open()
    const receiverId = await spawn(session, 'orders')
    let heard = 0
    const listen = () => {
      heard += 1
    }
    const stops = [session.subscribe(listen), session.subscribe(listen)]
    await accept(session, receiverId, 'cb_1')
    expect(heard).toBe(2)
    stops[0]?.()
    await accept(session, receiverId, 'cb_2')
    expect(heard).toBe(3)
    stops[1]?.()
    await accept(session, receiverId, 'cb_3')
    expect(heard).toBe(3)
  })

  it('hands out nothing by which a caller could change what is stored', async () => {
    const session = await memoryStore().open()
    await spawn(session, 'orders')
    const found = await session.findReceiver({ token: 'token-orders', now })
    expect(() => Object.assign(found?.settings ?? {}, { capacity: 1 })).toThrow(TypeError)
    Object.assign(found ?? {}, { state: 'closed', version: 99 })
    expect(await session.findReceiver({ token: 'token-orders', now })).toMatchObject({
      state: 'open',
      version: 1,
    })
  })

  it('hands out at the same cost, however much waits: a hundred thousand callbacks of one receiver', async () => {
    const session = await memoryStore().open()
    const receiverId = await spawn(session, 'orders')
    const { epoch } = await session.join({ node: 'n', now, leaseMs: 1_000_000 })
    const count = 100_000
    for (let index = 0; index < count; index += 1) await accept(session, receiverId, `cb_${index}`)
    let taken = 0
    for (;;) {
      const { callbacks } = await session.claim({ receiverId, epoch, now, limit: 1_000, ordered: false })
      if (callbacks.length === 0) break
      taken += callbacks.length
      const claims = callbacks.map(({ id, fence }) => ({ receiverId, callbackId: id, epoch, fence }))
      await session.acknowledge({ claims, now })
    }
    expect(taken).toBe(count)
  })
})
