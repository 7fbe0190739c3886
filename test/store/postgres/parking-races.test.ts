import { beforeAll, describe, expect, it } from 'vitest'
import { InvalidOptionsError } from '../../../src/errors.js'
import type { WaitTarget } from '../../../src/model/memory.js'
import type { StoreSession } from '../../../src/store/store.js'
import {
  cancelRun,
  claimedIds,
  type EnteredRun,
  enterRun,
  reenter,
  startRun,
} from '../../../src/testing/conformance/entered-run.js'
import {
  APP,
  onDelivery,
  onExchange,
  onReceiver,
  onRun,
  placeAt,
  textOf,
  value,
} from '../../../src/testing/conformance/entered-scope.js'
import { MINUTE, Trial } from '../../../src/testing/conformance/trial.js'
import { HeldPool } from './support/held-pool.js'
import { makeSchema, newSchema, storeIn } from './support/schema.js'

// What would be wrong without it: a run that is parked at the moment in which its callback arrives sleeps beside it, for
// ever or until its deadline. So one of the two is stopped here between its work and its commit, and the other comes.

let schema: string

beforeAll(async () => {
  schema = newSchema()
  await makeSchema(schema)
}, 60_000)

/** The first command is done and not committed when the second comes. What the second was told. */
async function during<T>(
  first: (session: StoreSession) => Promise<unknown>,
  second: () => Promise<T>,
): Promise<T> {
  const held = await HeldPool.begin()
  try {
    await first(held.session(schema))
    const outcome = second()
    await held.isWaitedFor(outcome)
    await held.commit()
    return await outcome
  } finally {
    await held.end()
  }
}

const onStore = (story: (trial: Trial) => Promise<void>) => () =>
  Trial.run(async () => storeIn(schema), story)

/** What a run may be parked for, how it comes about, and in which command. */
const ENDS: readonly [
  string,
  (
    trial: Trial,
    scope: EnteredRun,
  ) => Promise<{ readonly target: WaitTarget; end(by: StoreSession): Promise<unknown> }>,
][] = [
  [
    'its callback',
    async (trial, scope) => {
      const receiver = await scope.spawn('reply')
      return { target: onReceiver(receiver), end: by => by.accept(trial.request(receiver, 'yes')) }
    },
  ],
  [
    'the end of its receiver',
    async (trial, scope) => {
      const receiver = await scope.spawn('reply')
      const end = (by: StoreSession) => by.closeReceiver({ receiverId: receiver.id, now: trial.now })
      return { target: onReceiver(receiver), end }
    },
  ],
  [
    'the end of its delivery',
    async (trial, scope) => {
      const deliveryId = await scope.send('notify')
      const claim = trial.toDeliveryClaim(await trial.takeDelivery(APP))
      const attempt = { at: trial.now, durationMs: 5, status: 200 }
      const next = { status: 'delivered' } as const
      const end = (by: StoreSession) => by.recordAttempt({ claim, now: trial.now, attempt, next })
      return { target: onDelivery(deliveryId), end }
    },
  ],
  [
    'the death of the message that it exchanges',
    async (trial, scope) => {
      const begun = await scope.exchange('ask')
      const end = (by: StoreSession) => by.cancelDelivery({ deliveryId: begun.deliveryId, now: trial.now })
      return { target: onExchange(begun), end }
    },
  ],
  [
    'the end of another run',
    async trial => {
      const child = await enterRun(trial, { workflow: 'bill' })
      const ending = { status: 'done', result: value('billed') } as const
      const end = (by: StoreSession) => by.endRun({ claim: child.claim, now: trial.now, end: ending })
      return { target: onRun(child.id), end }
    },
  ],
]

describe('parking while something happens', () => {
  it.each(ENDS)('sees %s, which was first', async (_, prepare) => {
    await onStore(async trial => {
      const scope = await enterRun(trial)
      const { target, end } = await prepare(trial, scope)
      expect(await during(end, () => scope.parkOn(target))).toBe('ready')
      await scope.end()
    })()
  })

  it.each(ENDS)('is seen by %s, which was second', async (_, prepare) => {
    await onStore(async trial => {
      const scope = await enterRun(trial)
      const { target, end } = await prepare(trial, scope)
      const waits = [{ at: placeAt('wait', 1), target }]
      await during(
        by => by.park({ claim: scope.claim, waits, now: trial.now }),
        () => end(trial.session),
      )
      await (await reenter(trial, scope.id)).end()
    })()
  })

  it(
    'sees a cancellation that was first, and is undone by one that was second',
    onStore(async trial => {
      const scope = await enterRun(trial)
      const target = onReceiver(await scope.spawn('reply'))
      const cancelled = (by: StoreSession) => by.cancelRun({ runId: scope.id, now: trial.now })
      expect(await during(cancelled, () => scope.parkOn(target))).toBe('ready')
      await scope.end()

      const other = await enterRun(trial)
      const waits = [{ at: placeAt('wait', 1), target: onReceiver(await other.spawn('reply')) }]
      const parked = (by: StoreSession) => by.park({ claim: other.claim, waits, now: trial.now })
      expect(await during(parked, () => cancelRun(trial, other.id))).toBe(true)
      await (await reenter(trial, other.id)).end()
    }),
  )
})

describe('two nodes at one moment', () => {
  it(
    'claim different runs, and wait for nobody',
    onStore(async trial => {
      const workflow = 'busy'
      const begin = () => startRun(trial, { workflow })
      const runs = [await begin(), await begin(), await begin()]
      const { epoch, now } = trial
      const workflows = { [workflow]: 2 }
      const held = await HeldPool.begin()
      try {
        const other = held.session(schema)
        const { claimed } = await other.claimRuns({ epoch, now, limit: 2, workflows })
        const first = claimed.map(({ run }) => run.id)
        const second = await claimedIds(trial, { limit: 2, workflows })
        expect([first.length, second.length]).toEqual([2, 1])
        expect([...first, ...second].sort()).toEqual(runs.map(({ id }) => id).sort())
      } finally {
        await held.end()
      }
    }),
  )

  it(
    'start one run for a key, and both are told of it',
    onStore(async trial => {
      const { now } = trial
      const input = new Uint8Array([1])
      const start = { workflow: 'once', key: 'k', input, dueAt: now, now }
      const second = await during(
        by => by.startRun({ ...start, runId: 'run_first' }),
        () => trial.session.startRun({ ...start, runId: 'run_second' }),
      )
      expect(second).toMatchObject({ type: 'started', created: false, run: { id: 'run_first', input } })
    }),
  )

  it(
    'a look that finds the deadline passed sees the callback that came first',
    onStore(async trial => {
      const scope = await enterRun(trial)
      const receiver = await scope.spawn('reply')
      const deadlineAt = trial.now + MINUTE
      await scope.read('reply', receiver, { deadlineAt })
      trial.pass(MINUTE)
      const outcome = await during(
        by => by.accept(trial.request(receiver, 'in time')),
        () => scope.read('reply', receiver, { deadlineAt }),
      )
      expect(textOf(outcome)).toBe('in time')
      await scope.end()
    }),
  )
})

it(
  'a reason may hold anything, wherever it is kept',
  onStore(async trial => {
    const reason = 'half a pair \ud800, NUL \0, "quoted" \\u0000'
    const scope = await enterRun(trial)
    expect(await cancelRun(trial, scope.id, reason)).toBe(true)
    expect((await scope.find()).cancelReason).toBe(reason)
    expect(await scope.throwCancel('book', 'step')).toBe(true)
    expect(await scope.memoryAt('book')).toEqual({ verb: 'step', end: { type: 'cancel', reason } })
    await scope.end({ status: 'cancelled', result: value('undone') })
    const parent = await enterRun(trial)
    const end = { type: 'run_cancelled', reason }
    expect(await parent.wait('child', onRun(scope.id))).toEqual({ type: 'ended', end })
    expect(await parent.endAt(placeAt('child', 1))).toEqual(end)
  }),
)

it(
  'a look that makes no sense says so, and costs the commands beside it nothing',
  onStore(async trial => {
    const scope = await enterRun(trial)
    const target = { type: 'exchange', receiverId: 'rcv_none', deliveryId: 'dlv_none' } as const
    const [refused, remembered] = await Promise.allSettled([
      scope.decide({ at: placeAt('ask'), verb: 'exchange', target }),
      scope.remember('book', 'booked'),
    ])
    const error = new InvalidOptionsError('No exchange can end there')
    expect(refused).toEqual({ status: 'rejected', reason: error })
    expect(remembered.status).toBe('fulfilled')
  }),
)
