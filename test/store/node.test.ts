import { describe, expect, it } from 'vitest'
import { utf8 } from '../../src/core/bytes.js'
import { StoreUnavailableError } from '../../src/errors.js'
import { memoryStore } from '../../src/store/memory/memory-store.js'
import { Node, type NodeParts } from '../../src/store/node.js'
import type { StoreSession } from '../../src/store/store.js'
import { ManualClock } from '../../src/testing/manual-clock.js'
import { around } from '../../src/testing/session-around.js'

const LEASE = 15_000

describe('a node of a store that others may be at', () => {
  it('judges nobody before it has held its own lease for one whole lease', async () => {
    const { session, clock, join } = await open()
    const dead = await session.join({ node: 'dead', now: clock.now(), leaseMs: 1 })
    await holdOne(session, clock, dead.epoch)
    await join()
    await clock.advance(LEASE - 1)
    expect(await unreadOf(session, clock)).toBe('in hand')
    await clock.advance(1)
    expect(await unreadOf(session, clock)).toBe('ready')
  })

  it('drops its work when it cannot renew in time, and moves it when the store is back', async () => {
    const { session, clock, join, reach, lost } = await open()
    const node = await join()
    const missed = node.epoch
    await holdOne(session, clock, missed)
    const keyless = await spawn(session, clock, { epoch: missed })
    await clock.advance(LEASE)
    reach(false)
    await clock.advance(LEASE - 1)
    expect(lost()).toBe(0)
    await clock.advance(1)
    expect(lost()).toBe(1)
    await clock.advance(10 * LEASE)
    expect([node.epoch, lost()]).toEqual([missed, 1])
    reach(true)
    await clock.advance('5s')
    expect(node.epoch).not.toBe(missed)
    const found = await session.findReceiver({ token: keyless, now: clock.now() })
    expect([found?.state, found?.epoch]).toEqual(['open', node.epoch])
    const { callbacks } = await claim(session, clock, node.epoch)
    expect(callbacks.map(({ attempt }) => attempt)).toEqual([1])
    expect(await session.renew({ epoch: missed, now: clock.now(), leaseMs: LEASE })).toBe(false)
  })

  it('waits for one whole lease again after it has missed one', async () => {
    const { session, clock, join, reach } = await open()
    const node = await join()
    await clock.advance(10 * LEASE)
    reach(false)
    await clock.advance(2 * LEASE)
    const dead = await session.join({ node: 'dead', now: clock.now(), leaseMs: 1 })
    await holdOne(session, clock, dead.epoch)
    const missed = node.epoch
    reach(true)
    await clock.advance('5s')
    expect(node.epoch).not.toBe(missed)
    await clock.advance(LEASE - 1)
    expect(await unreadOf(session, clock)).toBe('in hand')
    await clock.advance(1)
    expect(await unreadOf(session, clock)).toBe('ready')
  })

  it('begins anew, and moves what is left, when somebody has found its epoch to be over', async () => {
    const { session, clock, join, lost } = await open()
    const node = await join()
    const missed = node.epoch
    const keyless = await spawn(session, clock, { epoch: missed })
    const now = clock.now() + LEASE
    await session.takeOver({ now, maxCrashes: 20, limit: 1_000 })
    expect((await session.findReceiver({ token: keyless, now }))?.state).toBe('closed')
    await clock.advance('5s')
    expect(lost()).toBe(1)
    const found = await session.findReceiver({ token: keyless, now: clock.now() })
    expect([found?.state, found?.epoch]).toEqual(['open', node.epoch])
  })

  it('takes a renewal whose reply comes when the lease has run out for none', async () => {
    const { clock, join, hold, lost } = await open()
    const node = await join()
    const missed = node.epoch
    const letGo = hold()
    await clock.advance(LEASE)
    expect([node.epoch, lost()]).toEqual([missed, 1])
    letGo()
    await clock.advance(0)
    expect(node.epoch).not.toBe(missed)
    expect(lost()).toBe(1)
  })
})

describe('a node of a store that nobody else can be at', () => {
  it('takes over at once what is left there', async () => {
    const { session, clock, join } = await open({ shared: false })
    const dead = await session.join({ node: 'dead', now: clock.now(), leaseMs: 1 })
    await holdOne(session, clock, dead.epoch)
    await clock.advance(1)
    expect(await unreadOf(session, clock)).toBe('in hand')
    await join()
    expect(await unreadOf(session, clock)).toBe('ready')
  })
})

/** A node to be joined to a store whose commands may fail to reach it, or be held up. */
async function open({ shared = true } = {}) {
  const clock = new ManualClock()
  const session = await memoryStore().open()
  let lost = 0
  let reachable = true
  let gate = Promise.resolve()
  const parts: NodeParts = {
    session: around(session, {
      carry: async command => {
        if (!reachable) throw new StoreUnavailableError('nobody can reach it')
        const outcome = await command()
        await gate
        return outcome
      },
    }),
    clock,
    name: 'node',
    shared,
    leaseMs: LEASE,
    renewMs: 5_000,
    sweepMs: 60_000,
    maxCrashes: 20,
    retention: { callbacksMs: 1e12, messagesMs: 1e12, bodiesMs: 1e12, runsMs: 1e12, keylessMs: 1e12 },
    onLeftover: () => {},
    onDropped: () => {},
    failingMs: 1e12,
    onDied: async () => {},
    onTroubled: () => {},
    onLost: () => {
      lost++
    },
    onError: error => expect(error).toBeInstanceOf(StoreUnavailableError),
  }
  return {
    session,
    clock,
    join: () => Node.join(parts),
    reach: (can: boolean) => {
      reachable = can
    },
    /** Replies do not come until the returned function is called. */
    hold: () => {
      let letGo = () => {}
      gate = new Promise(resolve => {
        letGo = resolve
      })
      return letGo
    },
    lost: () => lost,
  }
}

const RECEIVER = 'rcv_orders'

/** A callback in hand under an epoch, the only one there is. */
async function holdOne(session: StoreSession, clock: ManualClock, epoch: number): Promise<void> {
  await spawn(session, clock, { id: RECEIVER, key: 'orders' })
  await session.accept({
    callbackId: 'cb_1',
    receiverId: RECEIVER,
    now: clock.now(),
    method: 'POST',
    path: '',
    query: '',
    headers: '[]',
    body: utf8('a'),
    dedupeUntil: clock.now() + 1e9,
    content: 'good',
    capacity: 10,
  })
  const { callbacks } = await claim(session, clock, epoch)
  expect(callbacks).toHaveLength(1)
}

/** Its token. */
async function spawn(
  session: StoreSession,
  clock: ManualClock,
  { id = 'rcv_keyless', ...of }: { id?: string; key?: string; epoch?: number },
): Promise<string> {
  await session.spawn({ id, token: id, ...of, now: clock.now(), patch: {}, reopen: false })
  return id
}

function claim(session: StoreSession, clock: ManualClock, epoch: number) {
  return session.claim({ receiverId: RECEIVER, epoch, limit: 10, now: clock.now(), ordered: false })
}

async function unreadOf(session: StoreSession, clock: ManualClock): Promise<'ready' | 'in hand'> {
  const { receiverIds } = await session.news({
    now: clock.now(),
    receiverIds: [RECEIVER],
    deliveryIds: [],
    callbackIds: [],
    runIds: [],
  })
  return receiverIds.length === 0 ? 'in hand' : 'ready'
}
