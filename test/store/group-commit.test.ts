import { describe, expect, it } from 'vitest'
import { StoreUnavailableError } from '../../src/errors.js'
import type { Input, Wake } from '../../src/store/store.js'
import { ANSWER, accepted, endOfTurn, openHeld, request } from './support/held-executor.js'

const ACK: Input<'acknowledge'> = { claims: [], now: 0 }

describe('group commit', () => {
  it('sends commands of one turn together, in the order in which they were sent', async () => {
    const { executor, session } = openHeld()
    const all = Promise.all([session.accept(request('a')), session.accept(request('b'))])
    expect(executor.batches).toEqual([])
    await endOfTurn()
    expect(executor.ids).toEqual([['a', 'b']])
    executor.finish()
    expect(await all).toEqual([
      { type: 'accepted', seq: 1 },
      { type: 'accepted', seq: 2 },
    ])
  })

  it('keeps what arrives while a batch is under way for the next one', async () => {
    const { executor, session } = openHeld()
    const first = session.accept(request('a'))
    await endOfTurn()
    const later = [session.accept(request('b')), session.accept(request('c'))]
    await endOfTurn()
    expect(executor.ids).toEqual([['a']])
    executor.finish()
    await first
    expect(executor.ids).toEqual([['a'], ['b', 'c']])
    executor.finish()
    await Promise.all(later)
  })

  it('what a wake-up makes somebody send is in the very next batch', async () => {
    const { executor, session } = openHeld()
    session.subscribe(() => void session.findAnswer({ callbackId: 'cb_1' }))
    const first = session.answer(ANSWER)
    await endOfTurn()
    executor.finish([{ ok: true, outcome: true }])
    await first
    expect(executor.ids).toEqual([['answer'], ['findAnswer']])
  })

  it('gives each command of a batch its own outcome or its own error', async () => {
    const { executor, session } = openHeld()
    const all = Promise.allSettled(['a', 'b', 'c'].map(id => session.accept(request(id))))
    await endOfTurn()
    const error = new Error('not this one')
    executor.finish([accepted(1), { ok: false, error }, accepted(2)])
    expect(await all).toEqual([
      { status: 'fulfilled', value: { type: 'accepted', seq: 1 } },
      { status: 'rejected', reason: error },
      { status: 'fulfilled', value: { type: 'accepted', seq: 2 } },
    ])
  })

  it('fails every command of a batch whose outcome is not known, and goes on with the next', async () => {
    const { executor, session } = openHeld()
    const lost = Promise.allSettled([session.accept(request('a')), session.accept(request('b'))])
    await endOfTurn()
    const next = session.accept(request('c'))
    const error = new Error('the thread is gone')
    executor.fail(error)
    expect((await lost).map(result => result.status === 'rejected' && result.reason)).toEqual([error, error])
    expect(executor.ids).toEqual([['a', 'b'], ['c']])
    executor.finish()
    await next
  })

  it('fails a command that got no answer of its own', async () => {
    const { executor, session } = openHeld()
    const all = Promise.allSettled([session.accept(request('a')), session.accept(request('b'))])
    await endOfTurn()
    executor.finish([accepted(1)])
    expect(await all).toMatchObject([{ status: 'fulfilled' }, { reason: { code: 'store_unavailable' } }])
  })

  it('limits a batch by commands and by bytes, and lets one that is larger go alone', async () => {
    const { executor, session } = openHeld({ batchCommands: 3, batchBytes: 10 })
    const all = ['a', 'b', 'c', 'd'].map(id => session.accept(request(id, 2)))
    all.push(session.accept(request('large', 100)), session.accept(request('e', 6)))
    all.push(session.accept(request('f', 6)))
    await endOfTurn()
    for (let batch = 0; batch < 5; batch++) {
      executor.finish()
      await endOfTurn()
    }
    await Promise.all(all)
    expect(executor.ids).toEqual([['a', 'b', 'c'], ['d'], ['large'], ['e'], ['f']])
  })

  it('refuses what strangers add while too many commands wait or are under way, with an error that may be retried', async () => {
    const { executor, session } = openHeld({ queuedCommands: 2 })
    const queued = [session.accept(request('a')), session.accept(request('b'))]
    const refused = session.accept(request('c'))
    await expect(refused).rejects.toThrow(StoreUnavailableError)
    await expect(refused).rejects.toMatchObject({ retryable: true })
    await endOfTurn()
    await expect(session.accept(request('d'))).rejects.toThrow(StoreUnavailableError)
    executor.finish()
    await Promise.all(queued)
    const next = session.accept(request('e'))
    await endOfTurn()
    executor.finish()
    await next
    expect(executor.ids).toEqual([['a', 'b'], ['e']])
  })

  it('refuses what strangers add while too many bytes wait or are under way', async () => {
    const { executor, session } = openHeld({ queuedBytes: 100 })
    const queued = [session.accept(request('a', 60)), session.accept(request('b', 40))]
    await expect(session.accept(request('c', 1))).rejects.toThrow(StoreUnavailableError)
    await endOfTurn()
    await expect(session.accept(request('d', 1))).rejects.toThrow(StoreUnavailableError)
    executor.finish()
    await Promise.all(queued)
    const next = session.accept(request('e', 100))
    await endOfTurn()
    executor.finish()
    await next
    expect(executor.ids).toEqual([['a', 'b'], ['e']])
  })

  it('has room again for what strangers add after a batch that failed', async () => {
    const { executor, session } = openHeld({ queuedCommands: 1, queuedBytes: 10 })
    const lost = session.accept(request('a', 10))
    await endOfTurn()
    executor.fail(new Error('the thread is gone'))
    await expect(lost).rejects.toThrow('the thread is gone')
    const next = session.accept(request('b', 10))
    await endOfTurn()
    executor.finish()
    expect(await next).toEqual({ type: 'accepted', seq: 1 })
  })

  it('takes one that is larger than the bound when nothing else is there, and nothing beside it', async () => {
    const { executor, session } = openHeld({ queuedBytes: 10 })
    const large = session.accept(request('large', 100))
    await expect(session.accept(request('a', 1))).rejects.toThrow(StoreUnavailableError)
    await endOfTurn()
    await expect(session.accept(request('b', 1))).rejects.toThrow(StoreUnavailableError)
    executor.finish()
    await large
  })

  it('lets what ends work into a full queue, or the queue could never drain', async () => {
    const { executor, session } = openHeld({ queuedCommands: 1 })
    const queued = session.accept(request('a'))
    const ack = session.acknowledge(ACK)
    const renewal = session.renew({ epoch: 1, now: 0, leaseMs: 1 })
    await expect(session.accept(request('b'))).rejects.toThrow(StoreUnavailableError)
    await endOfTurn()
    expect(executor.ids).toEqual([['a', 'acknowledge', 'renew']])
    executor.finish([
      accepted(1),
      { ok: true, outcome: { done: [], receiverIds: [] } },
      { ok: true, outcome: true },
    ])
    await Promise.all([queued, ack, renewal])
  })

  it('wakes for what was done, after the commit, and not for what was not', async () => {
    const { executor, session } = openHeld()
    const wakes: Wake[] = []
    const stop = session.subscribe(wake => wakes.push(wake))
    const answers = ['cb_1', 'cb_2', 'cb_3'].map(callbackId => session.answer({ ...ANSWER, callbackId }))
    const all = Promise.allSettled(answers)
    await endOfTurn()
    expect(wakes).toEqual([])
    executor.finish([
      { ok: true, outcome: true },
      { ok: true, outcome: false },
      { ok: false, error: new Error('no') },
    ])
    await all
    expect(wakes).toEqual([{ kind: 'answer', callbackId: 'cb_1' }])
    stop()
    const last = session.answer(ANSWER)
    await endOfTurn()
    executor.finish([{ ok: true, outcome: true }])
    await last
    expect(wakes).toHaveLength(1)
  })

  it('goes on when somebody who was woken throws', async () => {
    const { executor, session } = openHeld()
    const thrown: unknown[] = []
    const catchIt = (error: unknown) => thrown.push(error)
    const others = process.listeners('unhandledRejection')
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', catchIt)
    const stop = session.subscribe(() => {
      throw new Error('a listener with a fault')
    })
    const first = session.answer(ANSWER)
    await endOfTurn()
    const second = session.findAnswer({ callbackId: 'cb_1' })
    executor.finish([{ ok: true, outcome: true }])
    expect(await first).toBe(true)
    stop()
    executor.finish([{ ok: true, outcome: undefined }])
    await second
    await endOfTurn()
    process.removeAllListeners('unhandledRejection')
    for (const listener of others) process.on('unhandledRejection', listener)
    expect(thrown).toEqual([new Error('a listener with a fault')])
  })

  it('waits, when it is closed, for what was sent before, and refuses what comes after', async () => {
    const { executor, session } = openHeld()
    const before = session.accept(request('a'))
    const closed = session.close()
    await expect(session.accept(request('b'))).rejects.toThrow(StoreUnavailableError)
    await endOfTurn()
    expect(executor.closed).toBe(false)
    executor.finish()
    await before
    await closed
    expect(executor.closed).toBe(true)
    await session.close()
  })
})
