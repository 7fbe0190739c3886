import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CommitPace } from '../../src/store/group-commit.js'
import type { Wake } from '../../src/store/store.js'
import { ANSWER, accepted, endOfTurn, openHeld, request } from './support/held-executor.js'

describe('group commit for an executor that works beside us', () => {
  const PACE: CommitPace = { batches: 2, worthwhile: 3 }

  it('sends off what is worth a commit at once, and what is not at the end of the turn', async () => {
    const { executor, session } = openHeld({}, PACE)
    const all = ['a', 'b'].map(id => session.accept(request(id)))
    expect(executor.ids).toEqual([])
    all.push(session.accept(request('c')))
    expect(executor.ids).toEqual([['a', 'b', 'c']])
    all.push(session.accept(request('d')))
    expect(executor.ids).toHaveLength(1)
    await endOfTurn()
    expect(executor.ids).toEqual([['a', 'b', 'c'], ['d']])
    executor.finish()
    await all[0]
    all.push(session.accept(request('e')))
    await endOfTurn()
    expect(executor.ids).toEqual([['a', 'b', 'c'], ['d'], ['e']])
    executor.finish()
    executor.finish()
    await Promise.all(all)
  })

  it('gives the executor no more batches than it takes; the rest waits, and goes with the next, in order', async () => {
    const { executor, session } = openHeld({}, PACE)
    const all = [...'abcdefghij'].map(id => session.accept(request(id)))
    await endOfTurn()
    expect(executor.ids).toEqual([
      ['a', 'b', 'c'],
      ['d', 'e', 'f'],
    ])
    executor.finish()
    await all[0]
    expect(executor.ids.slice(2)).toEqual([['g', 'h', 'i', 'j']])
    executor.finish()
    executor.finish()
    await Promise.all(all)
    expect(executor.ids.flat().join('')).toBe('abcdefghij')
  })

  it('gives an executor with nothing left to do whatever there is, in the same tick', async () => {
    const { executor, session } = openHeld({}, { batches: 1, worthwhile: 3 })
    const first = session.accept(request('a'))
    await endOfTurn()
    const second = session.accept(request('b'))
    executor.finish()
    await first
    expect(executor.ids).toEqual([['a'], ['b']])
    executor.finish()
    await second
  })

  it('tells each command of each batch its own outcome', async () => {
    const { executor, session } = openHeld({}, PACE)
    const told: string[] = []
    const all = [...'abcdef'].map(async id => {
      const outcome = await session.accept(request(id))
      told.push(`${id}${outcome.type === 'accepted' ? outcome.seq : outcome.type}`)
    })
    executor.finish([accepted(1), accepted(2), accepted(3)])
    await Promise.all(all.slice(0, 3))
    expect(told).toEqual(['a1', 'b2', 'c3'])
    executor.finish([accepted(4), accepted(5), accepted(6)])
    await Promise.all(all)
    expect(told).toEqual(['a1', 'b2', 'c3', 'd4', 'e5', 'f6'])
  })

  it('a batch that fails takes nothing with it of those under way before it, behind it, or waiting', async () => {
    const { executor, session } = openHeld({}, { batches: 3, worthwhile: 2 })
    const all = Promise.allSettled([...'abcdefg'].map(id => session.accept(request(id))))
    const error = new Error('the thread is gone')
    executor.finish()
    executor.fail(error)
    executor.finish()
    await endOfTurn()
    executor.finish()
    const done = (seq: number) => ({ status: 'fulfilled', value: { type: 'accepted', seq } })
    const lost = { status: 'rejected', reason: error }
    expect(await all).toEqual([done(1), done(2), lost, lost, done(1), done(2), done(1)])
    expect(executor.ids.flat().join('')).toBe('abcdefg')
  })

  it('waits, when it is closed, for every batch under way and for what waits behind them', async () => {
    const { executor, session } = openHeld({}, PACE)
    const all = Promise.allSettled([...'abcdefg'].map(id => session.accept(request(id))))
    const closed = session.close()
    executor.finish()
    await endOfTurn()
    executor.fail(new Error('the thread is gone'))
    await endOfTurn()
    expect(executor.ids).toHaveLength(3)
    expect(executor.closed).toBe(false)
    executor.finish()
    await closed
    expect(executor.closed).toBe(true)
    expect((await all).map(({ status }) => status)).toEqual([
      ...Array(3).fill('fulfilled'),
      ...Array(3).fill('rejected'),
      'fulfilled',
    ])
  })

  it('wakes for what was done when its own batch is, and not before', async () => {
    const { executor, session } = openHeld({}, { batches: 2, worthwhile: 1 })
    const wakes: Wake[] = []
    session.subscribe(wake => wakes.push(wake))
    const all = ['cb_1', 'cb_2'].map(callbackId => session.answer({ ...ANSWER, callbackId }))
    expect(executor.ids).toEqual([['answer'], ['answer']])
    expect(wakes).toEqual([])
    executor.finish([{ ok: true, outcome: true }])
    await all[0]
    expect(wakes).toEqual([{ kind: 'answer', callbackId: 'cb_1' }])
    executor.finish([{ ok: true, outcome: true }])
    await all[1]
    expect(wakes).toEqual([
      { kind: 'answer', callbackId: 'cb_1' },
      { kind: 'answer', callbackId: 'cb_2' },
    ])
  })

  it('an accept that makes its batch worthwhile takes the look with it that it causes', async () => {
    const { executor, session } = openHeld({}, PACE)
    session.subscribe(wake => {
      if (wake.kind !== 'receiver' || wake.receiverId !== 'rcv_of_c' || executor.batches.length > 0) return
      void session.claim({ receiverId: wake.receiverId, epoch: 1, limit: 1, now: 0, ordered: false })
    })
    const all = ['a', 'b', 'c'].map(id => session.accept(request(id)))
    expect(executor.ids).toEqual([['a', 'b', 'c', 'claim']])
    executor.finish()
    await Promise.all(all)
    await endOfTurn()
    expect(executor.ids).toHaveLength(1)
  })

  it('sends off what is there when somebody throws who was told of it', async () => {
    const { executor, session } = openHeld({}, { batches: 1, worthwhile: 1 })
    const stop = session.subscribe(() => {
      throw new Error('a listener with a fault')
    })
    expect(() => session.accept(request('a'))).toThrow('a listener with a fault')
    stop()
    expect(executor.ids).toEqual([['a']])
    const next = session.accept(request('b'))
    executor.finish()
    await endOfTurn()
    executor.finish()
    expect(await next).toEqual({ type: 'accepted', seq: 1 })
  })

  it('whatever the pace: in order, no more at once than it takes, and to each command what became of it', async () => {
    const step = fc.constantFrom('send', 'send', 'send', 'turn', 'finish', 'fail')
    const pace = fc.record({
      batches: fc.integer({ min: 1, max: 4 }),
      worthwhile: fc.integer({ min: 1, max: 5 }),
    })
    await fc.assert(
      fc.asyncProperty(pace, fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), playedRight),
      { numRuns: 200 },
    )
  })
})

type Step = 'send' | 'turn' | 'finish' | 'fail'

async function playedRight(pace: CommitPace, batchCommands: number, steps: readonly Step[]): Promise<void> {
  const { executor, session } = openHeld({ batchCommands }, pace)
  const told: Promise<unknown>[] = []
  const expected: unknown[] = []
  let ended = 0
  const end = async (how: 'finish' | 'fail') => {
    const batch = executor.batches[ended]
    if (batch === undefined) return
    ended++
    const seqs = batch.map((_, index) => expected.length + index)
    expected.push(...seqs.map(seq => (how === 'finish' ? seq : `lost with ${ended}`)))
    if (how === 'finish') executor.finish(seqs.map(accepted))
    else executor.fail(new Error(`lost with ${ended}`))
    await Promise.allSettled(told.slice(0, expected.length))
  }
  for (const step of steps) {
    if (step === 'turn') await endOfTurn()
    else if (step !== 'send') await end(step)
    else {
      const sent = session.accept(request(`${told.length}`))
      told.push(
        sent.then(
          outcome => (outcome.type === 'accepted' ? outcome.seq : outcome.type),
          (error: Error) => error.message,
        ),
      )
    }
    expect(executor.batches.length - ended).toBeLessThanOrEqual(pace.batches)
  }
  const closed = session.close()
  await endOfTurn()
  while (ended < executor.batches.length) {
    await end('finish')
    await endOfTurn()
  }
  await closed
  expect(executor.ids.flat()).toEqual(told.map((_, index) => `${index}`))
  expect(await Promise.all(told)).toEqual(expected)
}
